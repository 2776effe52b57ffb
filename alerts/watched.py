"""Reads what the evaluator tests. The long past is read only now and then, and the last days each time."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from clickhouse_driver import Client

from alerts.detection import Parameters, day_begins
from alerts.sources import Source, watched_sources
from alerts.transition import event_time
from storage.reads import sentiment_and_topic_windows

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
    documents may have come for it. ``no_companies`` are the entities that are no part of the market."""

    def __init__(self, parameters: Parameters, reread_s: int, no_companies: Collection[str] = ()) -> None:
        self._parameters, self._reread_s, self._no_companies = parameters, reread_s, frozenset(no_companies)
        self._past: _Past | None = None

    def read(self, client: Client, after: int, until: int) -> list[Source]:
        """The sources for tests in ``(after, until]`` (Unix seconds)."""
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
            sources = self._sources(client, need, boundary)
            past = self._past = _Past(time.monotonic(), need, boundary, sources)
        return self._sources(client, past.until, until, past.sources)

    def _sources(self, client: Client, since: int, until: int, earlier: Sequence[Source] = ()) -> list[Source]:
        others = self._no_companies
        read = sentiment_and_topic_windows(client, event_time(since), event_time(until), no_companies=others)
        return watched_sources(*read, self._parameters, earlier, others)
