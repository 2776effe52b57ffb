"""Carries batches from step to step: in order, each record once, with bounded queues in between.

Every step takes what the step before it has ready, and works beside the others. So under a light load a batch is small
and soon in the table, and under a heavy load it is large and cheap. The queue between two steps is bounded: where one
step stands still, those before it stop soon, and the records stay in Kafka.

This module knows neither Kafka nor ClickHouse. What ``put`` takes may be anything; ``read`` makes rows of it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from documents import Row
from stream.fair_queue import FairQueue

T = TypeVar("T")

READ_S = 0.1
"""A batch for ``read`` has as many records as are scored in this many seconds."""

SHORT_S, LONG_S = 0.1, 1.0
"""A batch for ``score`` is half of what waits, but at least what is scored in ``SHORT_S`` seconds, and at most what is
scored in ``LONG_S``."""

INSERT_EVERY_S, INSERT_EVERY_BEHIND_S = 0.2, 1.0
INSERT_SHARE = 0.2
"""One insert costs the database about the same for one row as for hundreds. So inserts are at least ``INSERT_EVERY_S``
apart and cost at most ``INSERT_SHARE`` of the time, but are never more than ``INSERT_EVERY_BEHIND_S`` apart. While more
records wait than are scored in ``LONG_S``, they are exactly that far apart."""

JUDGED_INSERTS = 16
"""An insert costs what the shortest of so many took: the others waited for a processor as well. If that counted, a
busy moment would put inserts farther apart, just when each takes longer."""

UNSTORED = 4
"""This many full batches may wait to be stored. Then scoring stops."""

FIRST_COST_S = 0.01
"""The expected time to score a record, before any is scored."""


@dataclass(slots=True)
class Batch(Generic[T]):
    """Records and the rows made of them.

    There are fewer rows than records where some were stored before, and more where some had to be read again.
    """

    taken: list[T]
    rows: list[Row]
    epoch: int

    def __len__(self) -> int:
        return max(len(self.taken), len(self.rows))


class Steps(NamedTuple):
    """What is done to records, in this order. The rows are filled in, in place, and may be exchanged for others."""

    read: Callable[[Sequence[Any]], Awaitable[list[Row]]]
    """Makes the rows of records."""

    score: Callable[[list[Row]], Awaitable[None]]
    link: Callable[[list[Row]], Awaitable[None]]
    publish: Callable[[list[Row]], Awaitable[None]]
    store: Callable[[list[Row]], Awaitable[None]]

    acknowledge: Callable[[Sequence[Any], Sequence[Row]], Awaitable[None]]
    """Takes records, and the rows of them, which are stored now."""


@dataclass(slots=True)
class Queue(Generic[T]):
    """Batches that wait between two steps. ``put`` waits while there are ``most`` records or more."""

    most: int
    _batches: deque[Batch[T]] = field(default_factory=deque)
    _records: int = 0
    _filled: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)

    def __len__(self) -> int:
        return self._records

    async def put(self, batch: Batch[T]) -> None:
        while self._records >= self.most:
            self._room.clear()
            await self._room.wait()
        self._batches.append(batch)
        self._records += len(batch)
        self._filled.set()

    async def wait(self) -> None:
        """Return when there is a batch."""
        while not self._batches:
            self._filled.clear()
            await self._filled.wait()

    async def get(self, most: float) -> list[Batch[T]]:
        """The first batch, and those after it as long as they have at most ``most`` records together."""
        await self.wait()
        found: list[Batch[T]] = []
        records = 0
        while self._batches and (not found or records + len(self._batches[0]) <= most):
            batch = self._batches.popleft()
            records += len(batch)
            found.append(batch)
        self._records -= records
        self._room.set()
        return found


class Flow(Generic[T]):
    """Carries records through ``steps``, in batches of at most ``batch`` records until they are stored.

    A record on its own waits ``batch_seconds`` for others. All methods are for one event loop.
    """

    def __init__(self, steps: Steps, batch: int, batch_seconds: float) -> None:
        self._steps, self._batch, self._batch_seconds = steps, batch, batch_seconds
        self._taken: FairQueue[T] = FairQueue(2 * batch)
        self._first_at = 0.0
        self._arrived, self._room = asyncio.Event(), asyncio.Event()
        self._read: Queue[T] = Queue(batch)
        self._scored: Queue[T] = Queue(batch)
        self._linked: Queue[T] = Queue(UNSTORED * batch)
        self._cost = FIRST_COST_S
        self._epoch = self._under_way = 0
        self._settling = False
        self._settled, self._insert_now = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def under_way(self) -> int:
        """Records that are read and not acknowledged yet."""
        return self._under_way

    def full(self, partition: Hashable) -> bool:
        """Whether ``room`` has to be awaited before ``put``."""
        return self._taken.full(partition)

    async def room(self, partition: Hashable) -> None:
        """Return when there is room for a record of ``partition``."""
        while self.full(partition):
            self._room.clear()
            await self._room.wait()

    def put(self, record: T, partition: Hashable) -> None:
        """Take one record. Those of a partition stay in order, and partitions take turns."""
        if not self._taken:
            self._first_at = time.monotonic()
        self._taken.put(partition, record)
        self._arrived.set()

    def forget(self) -> None:
        """Drop the records that are not being scored yet.

        From then on ``read`` must make no rows of records that follow the dropped ones, until the records are put again
        from where the table ends.
        """
        self._epoch += 1
        self._taken.clear()
        self._room.set()

    async def settle(self) -> None:
        """Return when nothing is under way any more, or nothing moves any more because a step has failed."""
        self._settling = True
        self._insert_now.set()
        try:
            while self._under_way and not any(task.done() for task in self._tasks):
                self._settled.clear()
                await self._settled.wait()
        finally:
            self._settling = False

    async def run(self) -> None:
        """Carry records until cancelled. Raises what a step raises; what was not stored is then not acknowledged."""
        steps: list[Coroutine[Any, Any, None]] = [self._reading(), self._scoring(), self._linking(), self._storing()]
        self._tasks = [asyncio.create_task(step) for step in steps]
        try:
            done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in self._tasks:
                task.cancel()
            self._settled.set()

    async def _reading(self) -> None:
        while True:
            while not self._taken:
                self._arrived.clear()
                await self._arrived.wait()
            wait = self._first_at + self._batch_seconds - time.monotonic()
            if wait > 0 and len(self._taken) < self._batch:
                await asyncio.sleep(wait)
            count = min(len(self._taken), self._batch, max(8, int(READ_S / self._cost)))
            taken, epoch = self._taken.take(count), self._epoch
            if not taken:  # forgotten meanwhile
                continue
            self._room.set()
            self._under_way += count
            rows = await self._steps.read(taken)
            await self._read.put(Batch(taken, rows, epoch))

    async def _scoring(self) -> None:
        while True:
            waiting = len(self._taken) + len(self._read)
            most = min(max(waiting / 2, SHORT_S / self._cost), LONG_S / self._cost, self._batch)
            batch = await self._merged(self._read, most)
            if batch.rows:
                started = time.monotonic()
                await self._steps.score(batch.rows)
                cost = (time.monotonic() - started) / len(batch.rows)
                self._cost += 0.3 * (max(cost, 1e-6) - self._cost)
            await self._scored.put(batch)

    async def _linking(self) -> None:
        while True:
            batch = await self._merged(self._scored, self._batch)
            if batch.rows:
                await self._steps.link(batch.rows)
                await self._steps.publish(batch.rows)
            await self._linked.put(batch)
            if len(self._linked) >= self._linked.most:
                self._insert_now.set()

    async def _storing(self) -> None:
        started = 0.0
        took: deque[float] = deque(maxlen=JUDGED_INSERTS)
        while True:
            await self._linked.wait()
            behind = (len(self._taken) + len(self._read)) * self._cost > LONG_S
            every = INSERT_EVERY_BEHIND_S if behind else max(INSERT_EVERY_S, min(took, default=0.0) / INSERT_SHARE)
            pause = started + min(every, INSERT_EVERY_BEHIND_S) - time.monotonic()
            if pause > 0 and not self._settling:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._insert_now.wait(), pause)
            self._insert_now.clear()
            started = time.monotonic()
            batch = await self._merged(self._linked, self._linked.most)
            if batch.rows:
                await self._steps.store(batch.rows)
                took.append(time.monotonic() - started)
            await self._steps.acknowledge(batch.taken, batch.rows)
            self._under_way -= len(batch.taken)
            if not self._under_way:
                self._settled.set()

    async def _merged(self, waiting: Queue[T], most: float) -> Batch[T]:
        """What waits, as one batch.

        Records that were forgotten while they were being read are left out. Once a record is being scored, it goes all
        the way.
        """
        found = await waiting.get(most)
        if waiting is self._read:
            for batch in found:
                if batch.epoch != self._epoch:
                    batch.rows = []
        return Batch([t for batch in found for t in batch.taken], [r for batch in found for r in batch.rows], 0)
