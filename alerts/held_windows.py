"""The windows that the evaluator tests, brought up to date at each tick by reading the hours that have changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np
from clickhouse_driver import Client

from alerts.detection import WINDOW_S
from alerts.transition import event_time
from storage.reads import CoarseWindows, coarse_windows, stored_hours

HOUR = 3600
NOTHING = CoarseWindows.joined([])
APART = 6
"""Hours that have changed are read together if at most so many others are between them."""


class HeldWindows:
    """Windows of ``width_s`` seconds, a divisor of an hour, over ``(since, until]`` (Unix seconds). They are held in
    two parts, of which each tick reads the later one only: that of the days from ``boundary`` on."""

    def __init__(self, width_s: int, no_companies: Collection[str] = ()) -> None:
        self._width_s, self._no_companies = width_s, no_companies
        self._stored: dict[int, tuple[int, int]] = {}
        self.earlier = self.later = NOTHING
        self._since = self._until = self._boundary = 0

    def read(self, client: Client, since: int, until: int, boundary: int) -> None:
        """Hold what is stored now of ``(since, until]``, divided at ``boundary``, the beginning of a day."""
        held = CoarseWindows.joined([self.earlier, self.later])
        if since < self._since or until < self._until or not self._stored:
            held, self._stored, self._until = NOTHING, {}, since
        # Looked up first: if more comes meanwhile, the hour is read again the next time.
        stored = stored_hours(client, event_time(since), event_time(until))
        held = self._changed(client, held, stored, self._stored, since, until)
        # The minute that ends when a day begins belongs to that day, and is in a window of the day before.
        first = boundary - self._width_s
        self.earlier = held.where(lambda start: start < first, lambda start: start + WINDOW_S < boundary)
        self.later = held.where(lambda start: start >= first, lambda start: start + WINDOW_S >= boundary)
        self._stored, self._since, self._until, self._boundary = stored, since, until, boundary

    def read_later(self, client: Client, until: int) -> None:
        """Hold what is stored now from the boundary to ``until``."""
        boundary = self._boundary
        if until < self._until:
            self.later, self._until = NOTHING, boundary
        stored = stored_hours(client, event_time(boundary), event_time(until))
        before = {hour: found for hour, found in self._stored.items() if hour >= boundary}
        since = max(boundary - self._width_s, self._since)
        later = self._changed(client, self.later, stored, before, since, until)
        self.later = later.where(lambda start: start >= since, lambda start: start + WINDOW_S >= boundary)
        self._stored, self._until = self._stored | stored, until

    def _changed(
        self,
        client: Client,
        held: CoarseWindows,
        stored: Mapping[int, tuple[int, int]],
        before: Mapping[int, tuple[int, int]],
        since: int,
        until: int,
    ) -> CoarseWindows:
        """The windows of ``(since, until]``: what is ``held``, but hours of which something else is stored than before,
        or that were not over, are read again."""
        hours = {hour for hour in stored.keys() | before.keys() if stored.get(hour) != before.get(hour)}
        hours |= {hour for hour in stored if hour + HOUR > self._until}
        # What was published at the very beginning of an hour is in the window that ends then.
        spans = [(max(begin - self._width_s, since), min(end, until)) for begin, end in _runs(hours)]
        spans = [(begin, end) for begin, end in spans if begin < end]

        def kept(start: np.ndarray) -> np.ndarray:
            chosen = start >= since
            for begin, end in spans:
                chosen &= (start < begin) | (start >= end)
            return chosen

        moments = [(event_time(begin), event_time(end)) for begin, end in spans]
        return coarse_windows(client, moments, self._width_s, self._no_companies, held.where(kept, kept))


def _runs(hours: Iterable[int]) -> list[tuple[int, int]]:
    """The hours as spans, each with its end."""
    spans: list[tuple[int, int]] = []
    for hour in sorted(hours):
        if spans and hour - spans[-1][1] <= APART * HOUR:
            spans[-1] = spans[-1][0], hour + HOUR
        else:
            spans.append((hour, hour + HOUR))
    return spans
