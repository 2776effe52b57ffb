"""The way of a record through a worker, from Kafka into ClickHouse. Read ``Pipeline`` from top to bottom.

Records are acknowledged only after the insert. A record at which a step fails becomes a dead letter. A failure that is
no record's fault ends the worker, and the ledger lets the next one continue where the table ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from faust.types import EventT, StreamT

from documents import Row
from settings import StreamSettings
from stream.flow import Flow, Steps
from stream.kafka.intake import Intake
from stream.kafka.received import Received
from stream.registry import RegistryPatience
from stream.steps import Isolation, Link, Publish, Read, Score, Store
from stream.threads import Threads
from stream.tracing import Place, Traces
from stream.upkeep.metrics import Metrics
from stream.upkeep.progress import Progress

Taken = tuple[StreamT, EventT]
"""A record as Faust gives it, with the stream that is to acknowledge it."""


class Pipeline:
    """Carries the records that ``take`` is given through the steps.

    ``on_stored`` are called with the rows that are stored. ``until_failure`` awaits the carrying, and decides what
    happens if it fails.
    """

    def __init__(
        self,
        intake: Intake,
        read: Read,
        registry: RegistryPatience,
        isolation: Isolation,
        score: Score,
        link: Link,
        publish: Publish,
        store: Store,
        on_stored: Sequence[Callable[[Sequence[Row]], None]],
        until_failure: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]],
        threads: Threads,
        settings: StreamSettings,
        metrics: Metrics,
        progress: Progress,
        traces: Traces | None = None,
    ) -> None:
        self._traces = traces
        self._intake, self._registry, self._isolation, self._threads = intake, registry, isolation, threads
        self._read, self._score, self._link, self._publish, self._store = read, score, link, publish, store
        self._on_stored, self._until_failure = on_stored, until_failure
        self._metrics, self._progress = metrics, progress
        steps = Steps(
            read=self._read_batch,
            score=self._score_batch,
            link=self._link_batch,
            publish=self._publish_batch,
            store=self._store_batch,
            acknowledge=self._acknowledge_batch,
        )
        self._flow: Flow[Taken] = Flow(steps, settings.batch_records, settings.batch_seconds)
        self._carrying: asyncio.Task[None] | None = None

    async def take(self, stream: StreamT, event: EventT) -> None:
        """Take one record from Kafka, when there is room for it."""
        partition = event.message.topic, event.message.partition
        if self._flow.full(partition):
            await self._flow.room(partition)
        if self._traces is not None:
            self._traces.taken(event.message)
        self._flow.put((stream, event), partition)
        self._metrics.received.labels(event.message.topic).inc()

    async def _read_batch(self, taken: Sequence[Taken]) -> list[Row]:
        """The rows to store: of each position once."""
        messages = [event.message for _, event in taken]
        with self._step("read", (_place(message) for message in messages), len(messages)):
            admitted = await self._threads.read.run(self._admit, messages)
            return await self._registry.call(lambda: self._threads.read.run(self._read.run, admitted))

    def _step(self, name: str, places: Iterable[Place], count: int) -> AbstractContextManager[None]:
        return nullcontext() if self._traces is None else self._traces.step(name, places, count)

    def _admit(self, messages: Sequence[object]) -> list[Received]:
        return self._intake.admit(
            Received(m.topic, m.partition, m.offset, m.value)  # type: ignore[attr-defined]
            for m in messages
        )

    async def _score_batch(self, rows: list[Row]) -> None:
        with self._step("score", _places(rows), len(rows)):
            await self._threads.score.run(self._score_timed, rows)

    def _score_timed(self, rows: list[Row]) -> None:
        started = time.monotonic()
        self._isolation.run("scoring", self._score.run, rows, self._score.check)
        self._metrics.score_seconds.observe(time.monotonic() - started)

    async def _link_batch(self, rows: list[Row]) -> None:
        with self._step("link", _places(rows), len(rows)):
            await self._threads.link.run(self._isolation.run, "linking", self._link.run, rows)

    async def _publish_batch(self, rows: list[Row]) -> None:
        with self._step("send", _places(rows), len(rows)):
            await self._publish.run(rows)

    async def _store_batch(self, rows: list[Row]) -> None:
        with self._step("insert", _places(rows), len(rows)):
            await self._threads.store.run(self._store.run, rows)

    async def _acknowledge_batch(self, taken: Sequence[Taken], rows: Sequence[Row]) -> None:
        for stream, event in taken:
            await stream.ack(event)
        if self._traces is not None:
            self._traces.stored(_place(event.message) for _, event in taken)
        self._progress.advance()
        self._metrics.count_stored(rows)
        for told in self._on_stored:
            told(rows)

    @property
    def under_way(self) -> int:
        """Records that are read and not acknowledged yet."""
        return self._flow.under_way

    def start(self) -> None:
        """Begin to carry records. This is no task of Faust's, which would be cancelled at a stop, before what is under
        way is stored."""
        self._carrying = asyncio.create_task(self._carry())

    async def _carry(self) -> None:
        await self._until_failure(self._flow.run)

    async def settle(self) -> None:
        """Admit nothing more, drop what is not being scored yet, and finish the rest: otherwise its records would be
        read and stored a second time.

        First nothing is admitted any more: a record that follows the dropped ones would hide them in the table, as the
        ledger is a maximum.
        """
        await self._threads.read.run(self._intake.assign, {})
        self._flow.forget()
        with self._registry.forgetting():
            await self._flow.settle()
        if self._traces is not None:
            self._traces.forget()

    async def stop(self) -> None:
        """``settle``, and then carry no more."""
        await self.settle()
        if self._carrying is not None:
            self._carrying.cancel()


def _place(message: Any) -> Place:
    return message.topic, message.partition, message.offset


def _places(rows: Sequence[Row]) -> Iterator[Place]:
    for row in rows:
        at = row.position
        yield at.topic, at.partition, at.offset
