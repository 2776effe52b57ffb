"""How many records wait in Kafka."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from storage import Partition
from stream.kafka.intake import Intake
from stream.upkeep.metrics import Metrics

log = logging.getLogger(__name__)

ASK_EVERY_S = 5.0
"""How often the broker is asked for the ends of the partitions. It may take as long to answer."""


class Lag:
    """``highwater`` gives the offset that the next record of a (topic, partition) will get, as the last fetch has told
    it, or None if it is unknown. A worker that cannot fetch would know no lag from it, so ``ask`` asks the broker for
    the ends of the assigned partitions. ``keep`` stores ends that have changed.
    """

    def __init__(
        self,
        intake: Intake,
        highwater: Callable[[str, int], int | None],
        ask: Callable[[list[Partition]], Awaitable[Mapping[Partition, int]]],
        keep: Callable[[Mapping[Partition, int]], Awaitable[None]],
        metrics: Metrics,
    ) -> None:
        self._intake, self._highwater, self._ask, self._keep, self._metrics = intake, highwater, ask, keep, metrics
        self._ends: dict[Partition, int] = {}

    async def look(self) -> None:
        """Ask the broker. If it does not answer, what is known stays, and the next look asks again."""
        try:
            ends = await asyncio.wait_for(self._ask(list(self._intake.partitions)), ASK_EVERY_S)
        except Exception as error:  # whatever the client raises
            log.warning("the broker does not say where the partitions end: %r", error)
            return
        changed = {partition: end for partition, end in ends.items() if self._ends.get(partition) != end}
        self._ends = dict(ends)
        if changed:
            await self._keep(changed)

    def report(self) -> None:
        """Set the metrics."""
        for (topic, number), lag in self._by_partition().items():
            self._metrics.lag.labels(topic, number).set(lag)

    def total(self) -> int:
        """Records that wait, of all partitions. From any thread."""
        with suppress(KeyError):  # a partition may be revoked meanwhile
            return sum(self._by_partition().values())
        return 0

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
                found[topic, number] = max(0, max(ends) - self._intake.next_offset(topic, number))
        return found
