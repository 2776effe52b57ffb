"""What the consumer group is told to have read: what the ledger has, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from documents import Row
from storage import Partition


class StoredOffsets:
    """The offset that the consumer group is to be given for each assigned partition. For the event loop alone.

    Nothing of ours reads the committed offsets: a worker continues from the ledger. But KEDA, Burrow and exporters of
    the lag do. Faust's own commits would mislead them: they include records that were dropped at a rebalance, stop for
    ever before a gap, and never count the markers at the end of a transaction. ``after_gaps`` gives the first offset,
    from a given one on, that may have a record.
    """

    def __init__(self, after_gaps: Callable[[Partition, int], int]) -> None:
        self._after_gaps = after_gaps
        self._next: dict[Partition, int] = {}

    def assign(self, positions: Mapping[Partition, int]) -> None:
        """The ledger says that these partitions continue there; all others are not ours."""
        self._next = dict(positions)

    def stored(self, rows: Iterable[Row]) -> None:
        """``rows`` are stored. Those of a partition that is not ours any more do not count: its new owner commits."""
        for row in rows:
            at = row.position
            where = at.topic, at.partition
            if where in self._next:
                self._next[where] = max(self._next[where], at.offset + 1)

    def following(self) -> dict[Partition, int]:
        """What is to be committed."""
        return {where: self._after_gaps(where, offset) for where, offset in self._next.items()}
