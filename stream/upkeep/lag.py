"""How many records wait in Kafka."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from stream.kafka.intake import Intake
from stream.upkeep.metrics import Metrics


class Lag:
    """``highwater`` gives the offset that a (topic, partition)'s next record will get, or None if it is unknown."""

    def __init__(self, intake: Intake, highwater: Callable[[str, int], int | None], metrics: Metrics) -> None:
        self._intake, self._highwater, self._metrics = intake, highwater, metrics

    def report(self) -> None:
        """Set the metrics."""
        for (topic, number), lag in self._by_partition().items():
            self._metrics.lag.labels(topic, number).set(lag)

    def total(self) -> int:
        """Records that wait, of all partitions. From any thread."""
        with suppress(KeyError):  # a partition may be revoked meanwhile
            return sum(self._by_partition().values())
        return 0

    def _by_partition(self) -> dict[tuple[str, int], int]:
        found = {}
        for topic, number in self._intake.partitions:
            high = self._highwater(topic, number)
            if high is not None:
                found[topic, number] = max(0, high - self._intake.next_offset(topic, number))
        return found
