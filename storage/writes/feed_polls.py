"""How the public sources are doing that ``finsent feeds`` reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from clickhouse_driver import Client


class FeedPoll(NamedTuple):
    """One feed after a poll, in the columns of ``feed_polls``. ``errors`` are those of the day."""

    feed: str
    kind: str
    polled_at: datetime
    last_item_at: datetime | None
    next_poll_at: datetime | None
    sent: int
    errors: int
    error: str


def write_feed_polls(client: Client, polls: Sequence[FeedPoll]) -> None:
    """Append to ``feed_polls``; the latest row of a feed counts."""
    client.execute(f"INSERT INTO feed_polls ({', '.join(FeedPoll._fields)}) VALUES", [tuple(one) for one in polls])
