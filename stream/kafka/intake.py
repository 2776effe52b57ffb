"""Which of the records that the client gives are to be stored: each position once, and none left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from stream.kafka.received import Received

TopicPartition = tuple[str, int]


class Reread(Protocol):
    """Reads records of one partition again, straight from the broker."""

    def __call__(self, topic: str, partition: int, first: int, end: int) -> Sequence[Received]:
        """The records with ``first <= offset < end`` that the broker still holds, in order."""
        ...


class Intake:
    """Knows the next offset of each assigned partition.

    ``reread`` gets records that the client left out. ``on_skip`` is called with the topic of a record that was admitted
    before, ``on_reread`` with the number of records that were read again. ``admit`` and ``assign`` are for one thread,
    the rest for any.
    """

    def __init__(
        self,
        reread: Reread,
        on_skip: Callable[[str], None] = lambda topic: None,
        on_reread: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._reread = reread
        self._on_skip = on_skip
        self._on_reread = on_reread
        self._next: dict[TopicPartition, int] = {}

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """From now on admit only records of the partitions in ``positions``, from the offset there."""
        self._next = dict(positions)

    @property
    def partitions(self) -> Iterable[TopicPartition]:
        """The assigned partitions."""
        return list(self._next)

    def next_offset(self, topic: str, partition: int) -> int:
        """The next offset to be admitted. Raises ``KeyError`` for a partition that is not assigned."""
        return self._next[topic, partition]

    def admit(self, records: Iterable[Received]) -> list[Received]:
        """The records to store, in offset order a partition.

        Records of partitions that were revoked meanwhile are left out, and records that were admitted before. If the
        client has left out records (Faust's issues 216 and 221: this may happen around a rebalance), they are read
        again from the broker. Where the broker has no record either (compaction, transaction markers), there is none.
        """
        admitted: list[Received] = []
        for record in records:
            key = (record.topic, record.partition)
            expected = self._next.get(key)
            if expected is None or record.offset < expected:
                self._on_skip(record.topic)
                continue
            if record.offset > expected:
                missing = self._reread(record.topic, record.partition, expected, record.offset)
                self._on_reread(len(missing))
                admitted.extend(missing)
            admitted.append(record)
            self._next[key] = record.offset + 1
        return admitted
