"""Alerts for feeds that used to bring documents and have stopped."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from alerts import severity
from alerts.detection import Shift
from alerts.rules import Rules
from alerts.transition import Alert, Transition, identity, sql_string, transition_of
from documents import AlertKind, AlertState, Direction

LOOKBACK = timedelta(days=7)
"""A feed without any document for so long is forgotten."""


def stale_feed_alerts(
    feeds: Iterable[tuple[str, datetime, int]], known: list[Alert], rules: Rules, now: datetime
) -> list[Transition]:
    """The alerts about feeds that have become silent, and the ends of those that bring documents again.

    ``feeds`` are (topic, time of the latest document, documents) of the ``LOOKBACK`` before ``now``. ``known`` are the
    alerts so far; new ones are appended.
    """
    transitions = []
    limit = timedelta(seconds=rules.stale_after_s)
    for topic, latest, documents in feeds:
        entity = f"feed:{topic}"
        firing = next(
            (a for a in known if a.opened.kind is AlertKind.FEED_STALE and a.opened.entity == entity and a.fires), None
        )
        silent = now - latest > limit
        if silent and firing is None:
            transition = _silent(topic, entity, latest, documents, limit, rules, now)
            known.append(Alert.of(transition))
            transitions.append(transition)
        elif not silent and firing is not None:
            transitions.append(firing.become(AlertState.RESOLVED, now))
    return transitions


def _silent(
    topic: str, entity: str, latest: datetime, documents: int, limit: timedelta, rules: Rules, now: datetime
) -> Transition:
    shift = Shift(
        entity=entity,
        at=int(now.timestamp()),
        direction=Direction.DOWN,
        severity=severity.STALE_FEED,
        statistic=0.0,
        before_mean=documents / LOOKBACK.days,
        after_mean=0.0,
        before_documents=documents,
        after_documents=0,
        recent_s=int(limit.total_seconds()),
        began_at=int(latest.timestamp()),
        kind=AlertKind.FEED_STALE,
    )
    setting = rules.of(entity) or Rules(base=rules.base).of(entity)
    assert setting is not None
    id_ = identity(AlertKind.FEED_STALE, entity, f"{latest.timestamp():.3f}")
    transition = transition_of(shift, id_, AlertState.FIRING, setting.name, setting.threshold)
    transition.evidence = {
        "rule": setting.name,
        "last_stored_at": latest,
        "hours_silent": round((now - latest).total_seconds() / 3600, 1),
        "documents": [],
        "query": f"SELECT max(ingested_at) FROM documents WHERE topic = {sql_string(topic)}",
    }
    return transition
