"""Stored history, and the lifecycle over it with simulated time.

At every simulated moment, only what had been published by then counts. The windows are read once and handed to the same
``Lifecycle`` that the worker runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from clickhouse_driver import Client

from alerts.detection import WINDOW_S, Parameters
from alerts.events import SETTLED, SPAN, YEAR, EventLifecycle, SourceRecord, SourceWeights
from alerts.evidence import moving_documents_of
from alerts.incidents import Incidents
from alerts.lifecycle import Lifecycle
from alerts.rules import Rules
from alerts.sources import Source, watched_sources
from alerts.transition import Transition
from documents import AlertKind
from documents.events import EventTypes
from storage.reads import EventReport, SourceDay, Windows, event_reports, sentiment_and_topic_windows, source_days

_EPOCH = datetime(1990, 1, 1, tzinfo=UTC)


@dataclass
class History:
    """What a replay reads: the windows of documents and of topics, the reports of events, what each source reported by
    day, and the span in Unix seconds. The reports begin a year earlier: an event that was told then is no news."""

    windows: Windows
    topics: tuple[np.ndarray, ...]
    since: int
    until: int
    reports: Sequence[EventReport] = ()
    sources: Sequence[SourceDay] = ()


def read_history(
    client: Client,
    since: datetime | None = None,
    until: datetime | None = None,
    entities: Sequence[str] = (),
    no_companies: Collection[str] = (),
) -> History:
    """The stored windows from ``since`` to ``until`` (default: all there is), and of the baseline before ``since``; of
    events also the year before.

    With ``entities``, only these are read. They alone then make the prior, which is otherwise that of all companies.
    ``no_companies`` are entities that are none, as in ``Rules.other_types``.
    """
    if since is None or until is None:
        first, last, n = client.execute(
            "SELECT min(published_at), max(published_at), count() FROM record_log WHERE error_kind = ''"
        )[0]
        if not n:
            return History(*sentiment_and_topic_windows(client, _EPOCH, _EPOCH), 0, 0)
        since, until = since or first - timedelta(seconds=1), until or last + timedelta(minutes=15)
    parameters = Parameters()
    begin = max(_EPOCH, since - timedelta(seconds=parameters.baseline_s + 2 * max(parameters.recent_s)))
    told = max(_EPOCH, begin - YEAR)
    names = list(entities) or None
    return History(
        *sentiment_and_topic_windows(client, begin, until, WINDOW_S, names, no_companies),
        int(since.timestamp()),
        math.ceil(until.timestamp()),
        event_reports(client, told, until + timedelta(seconds=1), names),
        source_days(client, max(_EPOCH, told - SPAN - SETTLED), until),
    )


def event_lifecycle(types: EventTypes, weights: SourceWeights) -> Callable[[Rules], EventLifecycle]:
    """What ``replay`` needs to raise alerts about events."""
    return lambda rules: EventLifecycle(types, weights, rules)


def replay(
    history: History,
    rules: Rules,
    tick_s: int = 900,
    watched: list[Source] | None = None,
    events: Callable[[Rules], EventLifecycle] | None = None,
) -> tuple[list[Transition], list[Source]]:
    """All transitions over ``history`` in order, and the sources that were tested. Give ``watched`` to use sources that
    were made before. ``events`` makes the lifecycle of events under the rules; without it, there are no alerts about
    events."""
    if not len(history.windows.start):
        return [], []
    watched = watched or watched_sources(history.windows, history.topics, rules.base, no_companies=rules.other_types)
    lifecycle = Lifecycle(watched, rules, tick_s)
    last = -(-history.until // tick_s) * tick_s
    steps = lifecycle.run(history.since // tick_s * tick_s, last)
    transitions = [transition for transition, _ in steps]
    if events is not None:
        since, until = (datetime.fromtimestamp(moment, UTC) for moment in (history.since, last))
        life = events(rules)
        life.learn(SourceRecord(history.sources))
        made = life.run(history.reports, max(_EPOCH, since - YEAR), until)
        transitions += [transition for transition in made if transition.fired_at > since]
        transitions.sort(key=lambda transition: transition.at)
    Incidents().assign(transitions)
    return transitions, watched


def documents_of(client: Client, fired: Transition) -> list[dict[str, Any]]:
    """The documents that moved the mean of an alert the most, or those that first told of an event."""
    if fired.kind is AlertKind.EVENT:
        return fired.evidence["documents"]
    since = min(fired.began_at - timedelta(seconds=WINDOW_S), fired.fired_at)
    return moving_documents_of(client, fired, since)
