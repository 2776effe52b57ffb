"""How many records wait in Kafka, for how long, and how near retention is to them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from storage import Partition
from stream.kafka.intake import Intake
from stream.upkeep.metrics import Metrics

log = logging.getLogger(__name__)

ASK_EVERY_S = 5.0
"""How often the broker is asked for the ends of the partitions. It may take as long to answer."""


class Ends:
    """The ends of a partition at each look, as far as the records before them are not stored yet.

    They tell how long the oldest record has waited. Its own time is not used, because producers may set it as they
    like. After a start, the wait counts from the first look.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def look(self, end: int, now: float) -> None:
        """The partition ends at ``end`` now."""
        if not self._seen or end > self._seen[-1][1]:
            self._seen.append((now, end))

    def waited(self, stored: int, now: float) -> float:
        """Seconds since the record at ``stored``, the next one to be stored, was seen first; 0 if there is none."""
        while self._seen and self._seen[0][1] <= stored:
            self._seen.popleft()
        return now - self._seen[0][0] if self._seen else 0.0


class Lag:
    """``highwater`` gives the offset that the next record of a (topic, partition) will get, as the last fetch has told
    it, or None if it is unknown. A worker that cannot fetch would know no lag from it, so ``ask`` asks the broker for
    the ends of the assigned partitions. ``keep`` stores ends that have changed.
    """

    def __init__(
        self,
        intake: Intake,
        highwater: Callable[[str, int], int | None],
        ask: Callable[[list[Partition]], Awaitable[Mapping[Partition, tuple[int, int]]]],
        keep: Callable[[Mapping[Partition, int]], Awaitable[None]],
        stored: Callable[[], Mapping[Partition, int]],
        metrics: Metrics,
    ) -> None:
        self._intake, self._highwater, self._ask, self._keep, self._metrics = intake, highwater, ask, keep, metrics
        self._stored = stored
        self._ends: dict[Partition, int] = {}
        self._starts: dict[Partition, int] = {}
        self._seen: dict[Partition, Ends] = {}

    async def look(self) -> None:
        """Ask the broker. If it does not answer, what is known stays, and the next look asks again."""
        try:
            bounds = await asyncio.wait_for(self._ask(list(self._intake.partitions)), ASK_EVERY_S)
        except Exception as error:  # whatever the client raises
            log.warning("the broker does not say where the partitions end: %r", error)
            return
        ends = {partition: end for partition, (_, end) in bounds.items()}
        self._starts = {partition: start for partition, (start, _) in bounds.items()}
        self._seen = {partition: self._seen.get(partition, Ends()) for partition in ends}
        for partition, end in ends.items():
            self._seen[partition].look(end, time.monotonic())
        changed = {partition: end for partition, end in ends.items() if self._ends.get(partition) != end}
        self._ends = dict(ends)
        if changed:
            await self._keep(changed)

    def report(self) -> None:
        """Set the metrics."""
        # A partition that went to another worker must not be reported by two.
        for gauge in (self._metrics.lag, self._metrics.lag_seconds, self._metrics.held_stored):
            gauge.clear()
        for (topic, number), lag in self._by_partition().items():
            self._metrics.lag.labels(topic, number).set(lag)
        now, stored = time.monotonic(), self._stored()
        for (topic, number), at in stored.items():
            if seen := self._seen.get((topic, number)):
                self._metrics.lag_seconds.labels(topic, number).set(seen.waited(at, now))
                start, end = self._starts[topic, number], self._ends[topic, number]
                share = (at - start) / (end - start) if end > start else 1.0
                self._metrics.held_stored.labels(topic, number).set(min(max(share, 0.0), 1.0))

    def total(self) -> int:
        """Records that wait, of all partitions. From any thread."""
        return sum(self._by_partition().values())

    def furthest_behind(self) -> str:
        """The partition with the most records that wait, and the offset that it is at; '' if none waits."""
        with suppress(KeyError):
            behind = max(self._by_partition().items(), key=lambda item: item[1], default=None)
            if behind and behind[1]:
                topic, number = behind[0]
                return f"{topic}/{number} at {self._intake.next_offset(topic, number)}"
        return ""

    def _by_partition(self) -> dict[Partition, int]:
        found = {}
        for topic, number in self._intake.partitions:
            known = [self._highwater(topic, number), self._ends.get((topic, number))]
            if ends := [end for end in known if end is not None]:
                with suppress(KeyError):  # it was taken away meanwhile
                    found[topic, number] = max(0, max(ends) - self._intake.next_offset(topic, number))
        return found
