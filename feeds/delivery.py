"""Sends what is new, and remembers that it was sent: nothing twice, and nothing left out, also after a crash."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from feeds.item import NoMessage, message_of
from feeds.plan import Feed
from feeds.sources import Polled, publisher_of, topic_of
from feeds.state import Pending, StateFile, mark, remembered

log = logging.getLogger(__name__)


class Outlet(Protocol):
    """Kafka, as far as feeds know it."""

    def send(self, topic: str, records: Sequence[tuple[bytes, bytes]]) -> None:
        """Send (key, value) of each record, and wait until the broker has all. Raises ``OSError`` if it is away."""
        ...

    def positions(self, topic: str) -> Mapping[str, int]:
        """The next offset of each partition."""
        ...

    def keys_since(self, topic: str, positions: Mapping[str, int]) -> set[bytes]:
        """The keys of the records from ``positions`` on."""
        ...


class Delivery:
    """One for all feeds; not for several threads."""

    def __init__(self, state: StateFile, outlet: Outlet) -> None:
        self._state, self._outlet = state, outlet

    def recover(self) -> int:
        """After a crash: what was on its way and is in Kafka counts as sent. Returns how much of it is.

        What is not there was not marked as seen, so it is sent when its source is read again.
        """
        pending = self._state.state.pending
        if pending is None:
            return 0
        there = self._outlet.keys_since(pending.topic, pending.positions)
        arrived = [key for key in pending.keys if key.encode() in there]
        known = self._state.of(pending.feed)
        known.seen = remembered(known.seen, [mark(key) for key in arrived])
        known.sent += len(arrived)
        self._state.state.pending = None
        self._state.save()
        return len(arrived)

    def deliver(self, feed: Feed, polled: Polled, now: datetime | None = None) -> tuple[int, list[str]]:
        """Send what of ``polled`` is new. Returns how many records, and what is wrong with items that are no messages.

        Raises what ``Outlet.send`` raises; then nothing counts as sent, and what arrived all the same is found by
        ``recover``.
        """
        if self._state.state.pending is not None:  # the last attempt failed, and some of it may be there
            self.recover()
        now = now or datetime.now(UTC)
        known, topic = self._state.of(feed.name), topic_of(feed)
        seen = set(known.seen)
        faults: list[str] = []
        records: dict[str, bytes] = {}
        latest = 0.0
        listed: list[str] = []
        for item in polled.items:
            try:
                key, value = message_of(item, topic, feed.name, publisher_of(feed), now)
            except NoMessage as error:
                listed.append(mark(f"bad\n{item.key}"))
                if listed[-1] not in seen:  # told once
                    faults.append(str(error))
                continue
            listed.append(mark(key.decode()))
            latest = max(latest, min(item.published_at or now, now).timestamp())
            if listed[-1] not in seen:
                records.setdefault(key.decode(), value)
        if records:
            positions = dict(self._outlet.positions(topic))
            self._state.state.pending = Pending(feed=feed.name, topic=topic, positions=positions, keys=list(records))
            self._state.save()
            self._outlet.send(topic, [(key.encode(), value) for key, value in records.items()])
            self._state.state.pending = None
        # What is still listed is remembered anew, so that it is not forgotten before those that are gone.
        known.seen = remembered(known.seen, listed)
        known.remember, known.sent = polled.remember, known.sent + len(records)
        known.last_item, known.not_before = max(known.last_item, latest), 0.0
        self._state.save()
        return len(records), faults
