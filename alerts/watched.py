"""Reads what the evaluator tests. The long past is read only now and then, and the last days each time."""

from __future__ import annotations

import time
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
    documents may have come for it."""

    def __init__(self, parameters: Parameters, reread_s: int) -> None:
        self._parameters, self._reread_s = parameters, reread_s
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
            sources = watched_sources(
                *sentiment_and_topic_windows(client, event_time(need), event_time(boundary)), parameters
            )
            past = self._past = _Past(time.monotonic(), need, boundary, sources)
        recent = sentiment_and_topic_windows(client, event_time(past.until), event_time(until))
        return watched_sources(*recent, parameters, past.sources)
