"""What a worker does when its partitions change: it finishes what is under way, and continues from the ledger."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiokafka.errors import UnsupportedCodecError
from faust.types import TP

from errors import ExitCode
from settings import KafkaSettings
from storage import Partition
from stream.kafka import membership
from stream.kafka.committing import StoredOffsets
from stream.kafka.identity import TopicIdentity
from stream.kafka.intake import Intake
from stream.kafka.losing import Losing
from stream.threads import Threads
from stream.upkeep.ending import end, end_to_try_again
from stream.upkeep.progress import Progress

log = logging.getLogger(__name__)


class Assignment:
    """The ledger of a ``LedgerApp``.

    ``settle`` awaits that nothing is under way any more. ``learn`` awaits that the stories of stored documents are
    known. ``take_over`` is called in the thread of the store with the next offsets, before any record is read.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        intake: Intake,
        identity: TopicIdentity,
        losing: Losing,
        stored: StoredOffsets,
        threads: Threads,
        progress: Progress,
        settle: Callable[[], Awaitable[None]],
        learn: Callable[[], Awaitable[None]],
        take_over: Callable[[Mapping[tuple[str, int], int]], None],
    ) -> None:
        self._kafka = kafka
        self._intake, self._identity, self._losing, self._threads = intake, identity, losing, threads
        self._stored = stored
        self._progress, self._settle, self._learn, self._take_over = progress, settle, learn, take_over
        losing.on_cut = self.cut_off
        self.ready = False
        """Whether records of the assigned partitions are admitted, or there are no such partitions."""

    async def positions(self, assigned: frozenset[TP]) -> Mapping[TP, int]:
        """Called at every assignment, before the first fetch: next offset of each partition with rows."""
        self.ready = False
        self._progress.positioning = True
        self._progress.advance()
        await self._settle()
        self._stored.assign({})
        await self._threads.store.run(self._identity.assign)
        found = await self._threads.store.run(self._losing.continuation, {(tp.topic, tp.partition) for tp in assigned})
        await self._learn()
        return {tp: found.positions[tp.topic, tp.partition] for tp in assigned if tuple(tp) in found.positions}

    async def positioned(self, positions: Mapping[TP, int]) -> None:
        """Called when the client stands at ``positions``: from here on records are admitted."""
        following = {(tp.topic, tp.partition): offset for tp, offset in positions.items()}
        self._progress.positioning = False  # what takes over has time limits of its own
        await self._threads.store.run(self._take_over, following)
        self._stored.assign(following)
        await self._threads.read.run(self._intake.assign, following)
        self._progress.advance()
        self._be_ready()
        log.info(
            "assigned",
            extra={"positions": {f"{tp.topic}/{tp.partition}": at for tp, at in positions.items()}},
        )

    def committable(self) -> Mapping[TP, int]:
        """Called by the consumer every few seconds, to commit it."""
        return {TP(*where): offset for where, offset in self._stored.following().items()}

    def no_records(self, tp: TP, first: int, end: int) -> None:
        """Called by the consumer where the log has offsets without records: they are not awaited."""
        self._intake.no_records(tp.topic, tp.partition, first, end)

    async def expired(self, tp: TP, first: int, end: int) -> None:
        """Called by the consumer where the broker deleted records before they were read: they are not awaited."""
        await self._threads.store.run(self._losing.expired, tp.topic, tp.partition, first, end)
        self._intake.no_records(tp.topic, tp.partition, first, end)

    def beyond_end(self, tp: TP, offset: int) -> None:
        """Called by the consumer when the log is shorter than it was: the next start continues at its end."""
        where = f"{tp.topic}/{tp.partition}"
        end_to_try_again(f"{where} ends before offset {offset}: the broker has lost records", f"{where} at {offset}")

    def cut_off(self, partition: Partition, offset: int) -> None:
        """Called when the log was cut off at ``offset``, and may have grown again: the next start continues there."""
        where = f"{partition[0]}/{partition[1]}"
        end_to_try_again(f"{where} was cut off at offset {offset}: the broker has lost records", f"{where} at {offset}")

    def unreadable(self, tp: TP, offset: int, error: Exception) -> None:
        """Called by the consumer when it cannot decode a batch. Without a library for its codec, no start can help."""
        code = ExitCode.CONFIG if isinstance(error, UnsupportedCodecError) else ExitCode.TEMPFAIL
        where = f"{tp.topic}/{tp.partition}"
        end(code, f"{where}: the batch at offset {offset} cannot be decoded: {error}", f"{where} at {offset}")

    def kept_out(self, error: Exception) -> None:
        """Called by the consumer while it is not in its group. It tries again, unless no further try can help."""
        if (ending := membership.ending(error, self._kafka)) is not None:
            end(*ending, self._kafka.group_id)
        log.error("the worker is not in its group, and tries again: %r", error, extra={"group": self._kafka.group_id})

    async def assigned(self, *sent: Any, **_: Any) -> None:
        """Called by Faust's signal. A worker that gets no partition stands by, and Faust asks for no positions."""
        _, assigned = sent
        if not assigned:
            self._stored.assign({})
            await self._threads.read.run(self._intake.assign, {})
            self._be_ready()

    def _be_ready(self) -> None:
        self.ready = True
        self._progress.positioning = False
