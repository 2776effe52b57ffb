"""What a worker does when its partitions change: it finishes what is under way, and continues from the ledger."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from faust.types import TP

from storage import positions
from stream.kafka.identity import TopicIdentity
from stream.kafka.intake import Intake
from stream.threads import Threads
from stream.upkeep.patient_client import PatientClient
from stream.upkeep.progress import Progress

log = logging.getLogger(__name__)


class Assignment:
    """The ledger of a ``LedgerApp``.

    ``settle`` awaits that nothing is under way any more. ``learn`` awaits that the stories of stored documents are
    known. ``take_over`` is called in the thread of the store with the next offsets, before any record is read.
    """

    def __init__(
        self,
        intake: Intake,
        identity: TopicIdentity,
        client: PatientClient,
        threads: Threads,
        progress: Progress,
        settle: Callable[[], Awaitable[None]],
        learn: Callable[[], Awaitable[None]],
        take_over: Callable[[Mapping[tuple[str, int], int]], None],
    ) -> None:
        self._intake, self._identity, self._client, self._threads = intake, identity, client, threads
        self._progress, self._settle, self._learn, self._take_over = progress, settle, learn, take_over
        self.ready = False
        """Whether records of the assigned partitions are admitted, or there are no such partitions."""

    async def positions(self, assigned: frozenset[TP]) -> Mapping[TP, int]:
        """Called at every assignment, before the first fetch: next offset of each partition with rows."""
        self.ready = False
        self._progress.positioning = True
        self._progress.advance()
        await self._settle()
        await self._threads.store.run(self._identity.assign)
        stored = await self._threads.store.run(self._next_offsets)
        await self._learn()
        return {tp: stored[tp.topic, tp.partition] for tp in assigned if (tp.topic, tp.partition) in stored}

    async def positioned(self, positions: Mapping[TP, int]) -> None:
        """Called when the client stands at ``positions``: from here on records are admitted."""
        following = {(tp.topic, tp.partition): offset for tp, offset in positions.items()}
        self._progress.positioning = False  # what takes over has time limits of its own
        await self._threads.store.run(self._take_over, following)
        await self._threads.read.run(self._intake.assign, following)
        self._progress.advance()
        self._be_ready()
        log.info(
            "assigned",
            extra={"positions": {f"{tp.topic}/{tp.partition}": at for tp, at in positions.items()}},
        )

    def no_records(self, tp: TP, first: int, end: int) -> None:
        """Called by the consumer where the log has offsets without records: they are not awaited."""
        self._intake.no_records(tp.topic, tp.partition, first, end)

    async def assigned(self, *sent: Any, **_: Any) -> None:
        """Called by Faust's signal. It asks for no positions where a worker gets no partition: the worker stands by."""
        _, assigned = sent
        if not assigned:
            await self._threads.read.run(self._intake.assign, {})
            self._be_ready()

    def _be_ready(self) -> None:
        self.ready = True
        self._progress.positioning = False

    def _next_offsets(self) -> dict[tuple[str, int], int]:
        """The offset after the last one that is stored, of each (topic, partition) with anything stored."""
        last = self._client.call(lambda client: positions(client, self._identity.assigned))
        return {partition: offset + 1 for partition, offset in last.items()}
