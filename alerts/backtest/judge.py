"""What a backtest is worth: which of the known events made an alert, how late, and how many alerts were false."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from alerts.backtest.events import Event
from alerts.backtest.replay import History
from alerts.detection import MARKET, Series
from alerts.sources import Source
from alerts.transition import Transition
from documents import AlertKind, AlertState, Direction, Severity

BEFORE, AFTER = timedelta(days=45), timedelta(days=30)
"""Within this time around an event, alerts about its company count neither as right nor as false."""

ANSWER = timedelta(days=10)
"""An alert that fires within this time after an event's date is the event's."""

EARLY = timedelta(days=2)
"""An alert that fires within this time before an event's date is also the event's, if it lasts until the date."""

BAD_TOPICS = frozenset({"litigation", "fraud and accounting", "cyber", "safety", "debt and liquidity"})
"""A rise of one of these topics answers a negative event. A rise of another topic has no direction."""

WATCH_S = 30 * 86400
"""A company is watched for this long after each of its documents."""

Raised = dict[str, list[dict[str, Any]]]
"""The escalations of each alert by its id: ``severity`` and ``at``."""

_REPORTED = (
    "id", "incident", "kind", "entity", "topic", "direction", "severity", "fired_at", "began_at", "before_mean",
    "after_mean", "before_documents", "after_documents",
)  # fmt: skip


def poisson_interval(count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a Poisson mean, of which ``count`` was observed (Byar's approximation; Breslow and Day
    1987)."""
    low = count * (1 - 1 / (9 * count) - z / (3 * math.sqrt(count))) ** 3 if count else 0.0
    up = count + 1
    return max(low, 0.0), up * (1 - 1 / (9 * up) + z / (3 * math.sqrt(up))) ** 3


def judge(
    transitions: Sequence[Transition], watched: Sequence[Source], history: History, events: Sequence[Event]
) -> dict[str, Any]:
    """Compare the transitions with the known ``events``; the result is what ``finsent alerts backtest --json`` prints.

    A sentiment alert outside the time around its company's events counts as false. This is strict, since no list of
    events is complete. Rates are per year of a company with a document in the last 30 days.
    """
    fired = [row for row in transitions if row.state is AlertState.FIRING]
    ended = {row.id: row.at for row in transitions if row.state is AlertState.RESOLVED}
    raised: Raised = {}
    for row in transitions:
        if row.state.is_escalation:
            raised.setdefault(row.id, []).append({"severity": row.severity, "at": row.at})
    tone = [row for row in fired if row.kind is AlertKind.SENTIMENT_SHIFT]
    windows = [(event.ticker, event.at - BEFORE, event.at + AFTER) for event in events]
    false = [
        row
        for row in tone
        if row.entity != MARKET
        and not any(row.entity == entity and first <= row.fired_at <= last for entity, first, last in windows)
    ]
    years = 0.0
    if watched:
        spans = [(entity, int(first.timestamp()), int(last.timestamp())) for entity, first, last in windows]
        years = exposure_years(watched[0].series, history.since, history.until, spans)
    low, high = poisson_interval(len(false))
    return {
        "from": datetime.fromtimestamp(history.since, UTC),
        "to": datetime.fromtimestamp(history.until, UTC),
        "documents": int(history.windows.documents.sum()),
        "entities": len(np.unique(history.windows.entity.astype(str))) if len(history.windows.entity) else 0,
        "events": [_judged(event, fired, ended, raised) for event in events],
        "false_alarms": len(false),
        "entity_years": round(years, 2),
        "false_alarms_per_entity_year": len(false) / years if years else None,
        "false_alarms_per_entity_year_interval": [low / years, high / years] if years else None,
        "alerts_per_entity_year": _by_severity(fired, windows, raised, years),
        "buzz_notices": sum(row.kind is AlertKind.BUZZ for row in fired),
        "topic_shifts": sum(row.kind is AlertKind.TOPIC_SHIFT for row in fired),
        "event_alerts": sum(row.kind is AlertKind.EVENT for row in fired),
        "market_alerts": [_short(row, ended, raised) for row in tone if row.entity == MARKET],
        "alerts": [_short(row, ended, raised) for row in fired],
    }


def _judged(event: Event, fired: Sequence[Transition], ended: dict[str, datetime], raised: Raised) -> dict[str, Any]:
    at = event.at

    def answers(row: Transition) -> bool:
        early = at - EARLY <= row.fired_at < at and ended.get(row.id, at) >= at
        return row.entity == event.ticker and (early or at <= row.fired_at <= at + ANSWER)

    about = sorted((row for row in fired if answers(row)), key=lambda row: row.fired_at)
    told = [row for row in about if row.kind is not AlertKind.BUZZ and row.kind is not AlertKind.FEED_STALE]
    right = [row for row in told if is_answer(row, event)]
    tone = [row for row in told if row.kind is AlertKind.SENTIMENT_SHIFT]
    # The first alert in the event's direction; without one, the first about the tone; without one, the first buzz.
    best = next(iter(right), tone[0] if tone else None)
    volume = next((row for row in about if row.kind is AlertKind.BUZZ), None)
    shown = best or volume
    return {
        "name": event.name,
        "ticker": event.ticker,
        "date": event.date,
        "event_kind": event.kind,
        "fired": bool(right),
        "kind": shown.kind if shown else None,
        "event_type": _event_type(shown) if shown else None,
        "direction": best.direction if best else None,
        "severity": shown.severity if shown else None,
        "fired_at": best.fired_at if best else None,
        "delay_hours": round((best.fired_at - at).total_seconds() / 3600, 2) if best else None,
        "change_point": shown.began_at if shown else None,
        "before_mean": best.before_mean if best else None,
        "after_mean": best.after_mean if best else None,
        "price_of_waiting": best.evidence["price_of_waiting"] if best else None,
        "id": shown.id if shown else None,
        "buzz_at": volume.fired_at if volume else None,
        "alerts": [_short(row, ended, raised) for row in about],
    }


def is_answer(row: Transition, event: Event) -> bool:
    """Whether an alert about the event's company tells of it: an alert of kind event, sentiment or topic with the
    right direction. Any direction is right for an event that is neither good nor bad."""
    if row.kind is AlertKind.TOPIC_SHIFT:
        bad = row.topic in BAD_TOPICS or event.kind != Direction.NEGATIVE
        return row.direction is Direction.UP and event.kind != Direction.POSITIVE and bad
    return event.kind not in (Direction.NEGATIVE, Direction.POSITIVE) or row.direction == event.kind


def _event_type(row: Transition) -> str | None:
    return row.topic if row.kind is AlertKind.EVENT else None


def _by_severity(
    fired: Sequence[Transition], windows: Sequence[tuple[str, datetime, datetime]], raised: Raised, years: float
) -> dict[str, Any]:
    """Alerts per company-year outside the time around the events: by the highest severity that they reached, and by
    kind."""
    quiet = [
        row
        for row in fired
        if row.entity != MARKET
        and row.kind is not AlertKind.FEED_STALE
        and not any(row.entity == entity and first <= row.fired_at <= last for entity, first, last in windows)
    ]
    worst = [raised[row.id][-1]["severity"] if row.id in raised else row.severity for row in quiet]

    def rate(count: int) -> dict[str, Any]:
        return {"alerts": count, "rate": round(count / years, 4) if years else None}

    return {
        "all": rate(len(quiet)),
        **{severity: rate(worst.count(severity)) for severity in Severity},
        "by_kind": {
            kind: rate(sum(row.kind is kind for row in quiet)) for kind in dict.fromkeys(r.kind for r in quiet)
        },
    }


def _short(row: Transition, ended: dict[str, datetime], raised: Raised) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _REPORTED} | {
        "event_type": _event_type(row),
        "escalations": raised.get(row.id, []),
        "resolved_at": ended.get(row.id),
        "statistic": row.evidence["statistic"],
    }


def exposure_years(series: Series, since: int, until: int, without: Sequence[tuple[str, int, int]] = ()) -> float:
    """The time for which companies were watched, added up in years: ``WATCH_S`` after each document, without the spans
    ``without`` (entity, first, last)."""
    total = 0.0
    excluded: dict[str, list[tuple[int, int]]] = {}
    for entity, first, last in without:
        excluded.setdefault(entity, []).append((first, last))
    for i in range(1, len(series)):
        if series.is_market(i):
            continue
        ends, _ = series.within(i, since, until)
        if not len(ends):
            continue
        lengths = np.minimum(np.diff(np.r_[ends, until]), WATCH_S)
        gone = np.zeros(len(ends))
        for first, last in excluded.get(str(series.entities[i]), ()):
            gone += np.maximum(np.minimum(ends + lengths, last) - np.maximum(ends, first), 0)
        total += float(np.maximum(lengths - gone, 0).sum())
    return total / (365.25 * 86400)
