"""Asks each feed once, and says what it has, without sending anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from errors import many
from feeds.fetching import FetchError
from feeds.item import NoMessage, message_of
from feeds.plan import Plan, missing_keys
from feeds.runner import fetcher_of
from feeds.sources import BadAnswer, publisher_of, source_of, topic_of


@dataclass(frozen=True, slots=True)
class Examined:
    """What one feed had. ``problem`` is "" where all is well."""

    feed: str
    kind: str
    topic: str
    items: int = 0
    newest: datetime | None = None
    example: str = ""
    problem: str = ""
    unreachable: bool = False


def examine(plan: Plan, version: str = "") -> Iterator[Examined]:
    """Each feed of ``plan``, as soon as it has answered."""
    fetcher = fetcher_of(plan, version)
    now = datetime.now(UTC)
    try:
        for feed in plan.feeds:
            about = (feed.name, feed.kind, topic_of(feed))
            if missing := missing_keys(feed):
                yield Examined(*about, problem=f"the environment has no {' and no '.join(missing)}")
                continue
            try:
                polled = source_of(feed, fetcher).poll({})
            except (FetchError, BadAnswer) as error:
                yield Examined(*about, problem=str(error), unreachable=getattr(error, "unreachable", False))
                continue
            faults = list(polled.faults)
            for item in polled.items:
                try:
                    message_of(item, about[2], feed.name, publisher_of(feed), now)
                except NoMessage as error:
                    faults.append(str(error))
            newest = max((one.published_at for one in polled.items if one.published_at), default=None)
            example = next((one.title or one.body for one in polled.items), "")
            problem = f"{many(len(faults), 'fault')}: {faults[0]}" if faults else ""
            yield Examined(*about, len(polled.items), newest, " ".join(example.split())[:80], problem)
    finally:
        fetcher.close()
