"""Records that wait, of several partitions: those of a partition in order, and the partitions by turns."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """A partition with many records does not keep those of the others waiting. ``most`` records may wait of one
    partition that is alone, and an equal share of that of each of several."""

    def __init__(self, most: int) -> None:
        self._most, self._records = most, 0
        self._waiting: dict[Hashable, deque[T]] = {}
        """Those of each partition that has any. The next turn is that of the first one."""

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
