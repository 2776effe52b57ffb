"""Which of the records that the client gives are to be stored: each position once, and none left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
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

    ``reread`` gets records that the client left out. Three functions are told what happens: ``on_skip`` gets the topic
    of a record that was admitted before, ``on_reread`` the number of records that were read again, ``on_expired`` the
    offsets that were deleted before they could be read again. ``log_start`` gives the first offset that the broker
    holds. ``admit`` and ``assign`` are for one thread, the rest for any.
    """

    def __init__(
        self,
        reread: Reread,
        on_skip: Callable[[str], None] = lambda topic: None,
        on_reread: Callable[[int], None] = lambda count: None,
        log_start: Callable[[str, int], int] = lambda topic, partition: 0,
        on_expired: Callable[[str, int, int, int], None] = lambda topic, partition, first, end: None,
    ) -> None:
        self._reread = reread
        self._log_start, self._on_expired = log_start, on_expired
        self._on_skip = on_skip
        self._on_reread = on_reread
        self._next: dict[TopicPartition, int] = {}
        self._without: dict[TopicPartition, dict[int, int]] = {}
        """The ranges of offsets without a record, by partition: first offset to end."""

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """From now on admit only records of the partitions in ``positions``, from the offset there."""
        self._without = {partition: {} for partition in positions}
        self._next = dict(positions)

    def no_records(self, topic: str, partition: int, first: int, end: int) -> None:
        """There are no records at ``first <= offset < end``, as the client has seen in the log. From any thread.

        Such offsets belong to the markers of transactions, to records of transactions that were aborted, and to records
        that compaction has removed.
        """
        with suppress(KeyError):  # the partition was revoked meanwhile
            self._without[topic, partition][first] = end

    @property
    def partitions(self) -> Iterable[TopicPartition]:
        """The assigned partitions."""
        return list(self._next)

    def next_offset(self, topic: str, partition: int) -> int:
        """The next offset to be admitted. Raises ``KeyError`` for a partition that is not assigned."""
        return self.after_gaps((topic, partition), self._next[topic, partition])

    def after_gaps(self, partition: TopicPartition, offset: int) -> int:
        """The first offset from ``offset`` on that may have a record."""
        without = self._without.get(partition, {})
        while (end := without.get(offset)) is not None:
            offset = end
        return offset

    def admit(self, records: Iterable[Received]) -> list[Received]:
        """The records to store, in offset order a partition.

        Records of partitions that were revoked meanwhile are left out, and records that were admitted before. If the
        client has left out records (Faust's issues 216 and 221: this may happen around a rebalance), they are read
        again from the broker. Offsets that ``no_records`` named are not missing.
        """
        admitted: list[Received] = []
        for record in records:
            key = (record.topic, record.partition)
            expected = self._next.get(key)
            if expected is None or record.offset < expected:
                self._on_skip(record.topic)
                continue
            expected = self.after_gaps(key, expected)
            if record.offset > expected:
                missing = self._reread(record.topic, record.partition, expected, record.offset)
                self._on_reread(len(missing))
                first = missing[0].offset if missing else record.offset
                begins = min(first, self._log_start(*key)) if first > expected else expected
                if begins > expected:
                    self._on_expired(*key, expected, begins)
                admitted.extend(missing)
            admitted.append(record)
            self._next[key] = record.offset + 1
            self._forget_gaps(key, record.offset)
        return admitted

    def _forget_gaps(self, partition: TopicPartition, before: int) -> None:
        """What lies before the record that was admitted last is of no use any more."""
        without = self._without.get(partition, {})
        for first in [first for first in list(without) if first < before]:
            without.pop(first, None)
