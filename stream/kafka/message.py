"""A message that a worker sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Message(NamedTuple):
    """The ``value`` of a message; ``number`` chooses the partition.

    ``shorter`` makes another value of at most so many bytes, for a topic that refuses the first one as too large. It
    raises ``ValueError`` where there is none so short.
    """

    value: bytes
    number: int = 0
    shorter: Callable[[int], bytes] | None = None
