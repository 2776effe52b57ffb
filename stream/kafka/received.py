"""A Kafka record as it came, without anything of the client that brought it."""

from __future__ import annotations

from typing import NamedTuple


class Received(NamedTuple):
    """One Kafka record, as it came."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
