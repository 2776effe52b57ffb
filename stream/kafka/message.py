"""A message that a worker sends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple


class Message(NamedTuple):
    """The ``value`` of a message; ``number`` chooses the partition.

    ``shorter`` makes another value of at most so many bytes, for a topic that refuses the first one as too large. It
    raises ``ValueError`` where there is none so short.
    """

    value: bytes
    number: int = 0
    shorter: Callable[[int], bytes] | None = None
    headers: Sequence[tuple[str, bytes]] = ()

    @property
    def size(self) -> int:
        """Bytes of value and headers. Two lengths of at most 5 bytes belong to each header."""
        return len(self.value) + sum(10 + len(name.encode()) + len(value) for name, value in self.headers)
