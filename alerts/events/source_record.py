"""Which sources are alone too often with what they report of companies. Pure, over the days of all sources.

A source that many others do not confirm is a poor witness. Where hardly anything is ever confirmed, because few sources
are read, being alone says nothing: so a source is compared with the others.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date, timedelta
from itertools import accumulate

from storage.reads import SourceDay

SPAN = timedelta(days=90)
"""A source is judged by so many days."""

SETTLED = timedelta(days=4)
"""The latest days do not count yet: others may still report the same."""

LEAST_EVENTS = 20
"""A source, and the others together, are judged when they have reported so many events."""

TOO_OFTEN, OTHERS = 0.8, 0.5
"""A source is alone too often if nobody else reports at least the first share of its events, while for the other
sources it is less than the second share."""


class SourceRecord:
    """The record of each source, by the day."""

    def __init__(self, days: Iterable[SourceDay] = ()) -> None:
        by_source: dict[str, dict[date, tuple[int, int]]] = {"": {}}
        for one in days:
            by_source.setdefault(one.source.lower(), {})[one.day] = one.told, one.alone
            told, alone = by_source[""].get(one.day, (0, 0))
            by_source[""][one.day] = told + one.told, alone + one.alone
        self._sums = {source: _Sums(known) for source, known in by_source.items()}
        self._found: dict[tuple[str, date], bool] = {}

    def is_alone_too_often(self, source: str, on: date) -> bool:
        """Whether ``source`` (in lower case), on the day ``on``, is a poor witness."""
        key = source, on
        if key not in self._found:
            self._found[key] = self._judge(source, on - SETTLED)
        return self._found[key]

    def _judge(self, source: str, last: date) -> bool:
        if source not in self._sums:
            return False
        told, alone = self._sums[source].within(last - SPAN, last)
        all_told, all_alone = self._sums[""].within(last - SPAN, last)
        others = all_told - told
        if told < LEAST_EVENTS or others < LEAST_EVENTS:
            return False
        return alone >= TOO_OFTEN * told and all_alone - alone < OTHERS * others


class _Sums:
    """Running sums of the events that were reported, and of those that nobody else reported."""

    def __init__(self, days: dict[date, tuple[int, int]]) -> None:
        self._days = sorted(days)
        self._told = [0, *accumulate(days[day][0] for day in self._days)]
        self._alone = [0, *accumulate(days[day][1] for day in self._days)]

    def within(self, after: date, last: date) -> tuple[int, int]:
        """The sums over ``after < day <= last``."""
        first, end = bisect_right(self._days, after), bisect_right(self._days, last)
        return self._told[end] - self._told[first], self._alone[end] - self._alone[first]
