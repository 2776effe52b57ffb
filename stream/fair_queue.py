"""A queue of records from several partitions: a partition's records stay in order, and partitions take turns."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """A partition with many records does not hold up the others. If one partition alone has records, ``most`` of them
    may wait; several partitions share that number equally."""

    def __init__(self, most: int) -> None:
        self._most, self._records = most, 0
        self._waiting: dict[Hashable, deque[T]] = {}
        """The waiting records by partition. The first partition has the next turn."""

    def __len__(self) -> int:
        return self._records

    def full(self, partition: Hashable) -> bool:
        """Whether ``partition`` has as many records here as it may."""
        return len(self._waiting.get(partition, ())) * max(1, len(self._waiting)) >= self._most

    def put(self, partition: Hashable, record: T) -> None:
        """Add a record, also where the queue is full."""
        self._waiting.setdefault(partition, deque()).append(record)
        self._records += 1

    def take(self, count: int) -> list[T]:
        """At most ``count`` records."""
        found: list[T] = []
        while self._waiting and len(found) < count:
            partition = next(iter(self._waiting))
            records = self._waiting.pop(partition)
            found.append(records.popleft())
            if records:
                self._waiting[partition] = records
        self._records -= len(found)
        return found

    def clear(self) -> None:
        """Drop all records."""
        self._waiting.clear()
        self._records = 0
