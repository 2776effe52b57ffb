"""Reads what the evaluator tests. The long past is read only now and then, and the last days each time."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from clickhouse_driver import Client

from alerts.detection import WINDOW_S, Parameters, day_begins, topic_parameters
from alerts.minutes import Minutes
from alerts.sources import Source, coarse_sources
from alerts.transition import Alert, event_time
from storage.reads import coarse_windows

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
    """The sources with all windows that a test needs. The past is read again after ``reread_s`` seconds, since late
    documents may have come for it. ``no_companies`` are the entities that are no part of the market.

    The tests compare spans that begin and end with a tick, so the windows are as long as a tick: of a busy company, one
    in place of 15. The few minutes that say more, such as when a shift began, are read when they are asked for."""

    def __init__(
        self, parameters: Parameters, reread_s: int, no_companies: Collection[str] = (), tick_s: int = WINDOW_S
    ) -> None:
        self._parameters, self._reread_s, self._no_companies = parameters, reread_s, frozenset(no_companies)
        self._width_s = window_width(parameters, tick_s)
        self._past: _Past | None = None

    def read(self, client: Client, after: int, until: int, known: Sequence[Alert] = ()) -> list[Source]:
        """The sources for tests in ``(after, until]`` (Unix seconds), and for the ends of the ``known`` alerts."""
        parameters, past = self._parameters, self._past
        longest = max(*parameters.recent_s, parameters.resolved_span_s)
        need = max(EPOCH_S, after - parameters.baseline_s - 2 * longest)
        if (
            past is None
            or time.monotonic() - past.read_at > self._reread_s
            or past.since > need
            or not past.until <= after <= past.until + LONGEST_TAIL_S
        ):
            boundary = max(day_begins(after - 43200), need)
            self._past = None  # two of them need not be held at once
            past = _Past(time.monotonic(), need, boundary, self._sources(client, need, boundary))
            self._past = past
        minutes = Minutes(client, past.since, until, self._no_companies)
        if self._width_s > WINDOW_S:
            # An alert's end is judged by what came after it began, which is hardly ever the beginning of a window.
            # Read first: a document that comes meanwhile then counts too much, and not less than nothing.
            begun = [(alert.opened, int(alert.opened.began_at.timestamp()) - WINDOW_S) for alert in known if alert.fires]
            lately = after - parameters.resolved_span_s
            minutes.expect([(fired.entity, fired.topic, at) for fired, at in begun if lately < at], self._width_s)
        return self._sources(client, past.until, until, past.sources, minutes)

    def _sources(
        self,
        client: Client,
        since: int,
        until: int,
        earlier: Sequence[Source] = (),
        minutes: Minutes | None = None,
    ) -> list[Source]:
        width_s, others = self._width_s, self._no_companies
        read = coarse_windows(client, event_time(since), event_time(until), width_s, others)
        looks = (minutes.of_tone, minutes.of_topic) if minutes and width_s > WINDOW_S else ()
        return coarse_sources(read, width_s, self._parameters, earlier, others, *looks)


def window_width(parameters: Parameters, tick_s: int) -> int:
    """The longest windows with which all spans begin and end that the tests compare at the ticks."""
    spans: list[int] = [tick_s, 86400]
    for each in (parameters, topic_parameters(parameters)):
        spans += [*each.recent_s, each.baseline_s, each.no_company_span_s, each.resolved_span_s, each.silent_s]
        spans += [each.buzz_span_s, each.buzz_span_s // 2]
    width = math.gcd(*spans)
    return WINDOW_S if width % WINDOW_S else width
