"""How each feed is doing: for the metrics, and for whoever is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge


@dataclass(slots=True)
class FeedHealth:
    """One feed now. ``errors`` are those of this day (UTC); ``error`` is the latest one, "" after a good answer;
    ``unreachable`` says that there was no way to its server."""

    feed: str
    kind: str
    polled_at: datetime
    last_item_at: datetime | None = None
    next_poll_at: datetime | None = None
    sent: int = 0
    errors: int = 0
    error: str = ""
    unreachable: bool = False


Report = Callable[[Sequence[FeedHealth]], None]
"""Is told how feeds are doing after each of their polls."""


class Metrics:
    """For Prometheus; every name starts with ``finsent_feed_``."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.items = Counter("finsent_feed_items", "Items sent to Kafka.", ["feed"], registry=registry)
        self.errors = Counter("finsent_feed_errors", "Polls that failed, and items that are no messages.", ["feed"],
                              registry=registry)  # fmt: skip
        self.polled = Gauge("finsent_feed_polled_timestamp_seconds", "When a feed was last read (Unix).", ["feed"],
                            registry=registry)  # fmt: skip
        self.last_item = Gauge("finsent_feed_last_item_timestamp_seconds", "When its newest item was published (Unix).",
                               ["feed"], registry=registry)  # fmt: skip
        self.failing = Gauge("finsent_feed_failing", "1 while a feed cannot be read.", ["feed"], registry=registry)
