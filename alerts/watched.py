"""Reads what the evaluator tests. Whether the long past has changed is looked up only now and then."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from clickhouse_driver import Client

from alerts.detection import WINDOW_S, Parameters, topic_parameters
from alerts.held_windows import HeldWindows
from alerts.minutes import Minutes
from alerts.sources import Source, coarse_sources
from alerts.transition import Alert
from storage.reads import CoarseWindows

LONGEST_TAIL_S = 4 * 86400
"""When more than this (of the documents' time) has to be read each time, the past is read again up to a later day."""

EPOCH_S = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp())
"""No document is older."""


class _Past(NamedTuple):
    """The sources over ``(since, until]`` (Unix seconds), read at ``read_at`` (of the monotonic clock)."""

    read_at: float
    since: int
    until: int
    sources: list[Source]


class WatchedSources:
    """The sources with all windows that a test needs. What is new of the last days is read each time, and what is new
    of the past after ``reread_s`` seconds, since late documents may have come for it. ``no_companies`` are the entities
    that are no part of the market.

    The tests compare spans that begin and end with a tick, so the windows are as long as a tick: of a busy company, one
    in place of 15. The few minutes that say more, such as when a shift began, are read when they are asked for."""

    def __init__(
        self, parameters: Parameters, reread_s: int, no_companies: Collection[str] = (), tick_s: int = WINDOW_S
    ) -> None:
        self._parameters, self._reread_s, self._no_companies = parameters, reread_s, frozenset(no_companies)
        self._width_s = window_width(parameters, tick_s)
        self._held = HeldWindows(self._width_s, self._no_companies)
        self._past: _Past | None = None

    def read(self, client: Client, after: int, until: int, known: Sequence[Alert] = ()) -> list[Source]:
        """The sources for tests in ``(after, until]`` (Unix seconds), and for the ends of the ``known`` alerts."""
        parameters, past = self._parameters, self._past
        longest = max(*parameters.recent_s, parameters.resolved_span_s)
        need = max(EPOCH_S, after - parameters.baseline_s - 2 * longest) // self._width_s * self._width_s
        whole = (
            past is None
            or time.monotonic() - past.read_at > self._reread_s
            or past.since > need
            or not past.until <= after <= past.until + LONGEST_TAIL_S
        )
        minutes = Minutes(client, need, until, self._no_companies)
        self._expect(minutes, known, after)
        if past is None or whole:
            read_at, boundary = time.monotonic(), max((after - 43200) // 86400 * 86400, need)
            self._held.read(client, need, until, boundary)
            past = self._past = _Past(read_at, need, boundary, self._sources(self._held.earlier))
        else:
            self._held.read_later(client, until)
        return self._sources(self._held.later, past.sources, minutes)

    def _expect(self, minutes: Minutes, known: Sequence[Alert], after: int) -> None:
        """An alert's end is judged by what came after it began, which is hardly ever the beginning of a window. That is
        read before all others: a document that comes meanwhile then counts too much, and not less than nothing."""
        if self._width_s > WINDOW_S:
            begun = [
                (alert.opened, int(alert.opened.began_at.timestamp()) - WINDOW_S) for alert in known if alert.fires
            ]
            lately = after - self._parameters.resolved_span_s
            minutes.expect([(fired.entity, fired.topic, at) for fired, at in begun if lately < at], self._width_s)

    def _sources(
        self, read: CoarseWindows, earlier: Sequence[Source] = (), minutes: Minutes | None = None
    ) -> list[Source]:
        looks = (minutes.of_tone, minutes.of_topic) if minutes and self._width_s > WINDOW_S else ()
        return coarse_sources(read, self._width_s, self._parameters, earlier, self._no_companies, *looks)


def window_width(parameters: Parameters, tick_s: int) -> int:
    """The longest windows with which all spans begin and end that the tests compare at the ticks."""
    spans: list[int] = [tick_s, 3600]
    for each in (parameters, topic_parameters(parameters)):
        spans += [*each.recent_s, each.baseline_s, each.no_company_span_s, each.resolved_span_s, each.silent_s]
        spans += [each.buzz_span_s, each.buzz_span_s // 2]
    width = math.gcd(*spans)
    return WINDOW_S if width % WINDOW_S else width
