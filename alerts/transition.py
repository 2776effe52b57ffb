"""The transitions of alerts, one row each of the table ``alerts``; and an alert as the sum of its transitions."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Required, Self, TypedDict

import numpy as np

from alerts.detection import MARKET, NO_COMPANY, WINDOW_S, Shift
from documents import AlertKind, AlertState, Direction, Severity

NEW_TOPIC = "new: "
"""The topics that are in no taxonomy begin with this. ``alerts.emerging_notices`` keeps their alerts."""


class Evidence(TypedDict, total=False):
    """The column ``evidence``: what an alert is based on. It is stored and sent as JSON."""

    statistic: float
    span_s: int
    """Seconds of the recent documents."""
    before_interval: list[float]
    """The 95 % interval of the mean before."""
    after_interval: list[float]
    price_of_waiting: dict[str, float]
    """``documents`` and ``hours`` from the change point to the alert."""
    rule: str
    """The name of the rule in the rules' file."""
    threshold: float
    documents: Required[list[dict[str, Any]]]
    """The documents that moved the mean the most, with their deciding ``words``."""
    query: str
    """SQL for all of the documents."""
    link: str
    topics: list[dict[str, Any]]
    """Topics whose share rose."""
    entities: list[str]
    """The companies of a new topic."""
    escalated_from: Severity
    event: dict[str, Any]
    """What happened: see ``alerts.events.lifecycle``."""
    last_stored_at: datetime
    hours_silent: float


@dataclass(slots=True, kw_only=True)
class Transition:
    """One step of an alert's life. The fields are the columns of the table ``alerts``; ``id`` stays the same over the
    life. ``at`` is when it happened, in the documents' time; ``recorded_at`` is when it was noticed."""

    id: str
    kind: AlertKind
    entity: str
    topic: str
    direction: Direction
    severity: Severity
    state: AlertState
    fired_at: datetime
    at: datetime
    recorded_at: datetime
    before_mean: float
    after_mean: float
    before_documents: int
    after_documents: int
    began_at: datetime
    model_version: str
    evidence: Evidence
    incident: str = ""
    """The incident that the alert is a part of: see ``alerts.incidents``."""

    def columns(self) -> dict[str, Any]:
        """Column to value, as ``storage.writes.write_alerts`` and the messages take them."""
        return {name: getattr(self, name) for name in COLUMNS}


COLUMNS = tuple(field.name for field in fields(Transition))


@dataclass(slots=True)
class Alert:
    """An alert as it stands."""

    opened: Transition
    """The transition that made it pending, or that fired it."""
    state: AlertState
    """An escalated alert is ``firing``."""
    severity: Severity
    resolved_at: datetime | None = None

    @classmethod
    def of(cls, opened: Transition) -> Self:
        """The alert that begins with ``opened``."""
        return cls(opened, opened.state, opened.severity)

    @classmethod
    def stored(cls, row: Mapping[str, Any]) -> Self:
        """The alert of a row that ``storage.reads.alerts_now`` returns."""
        opened = Transition(
            id=row["id"],
            kind=AlertKind(row["kind"]),
            entity=row["entity"],
            topic=row["topic"],
            direction=Direction(row["direction"]),
            severity=Severity(row["severity"]),
            state=AlertState(row["state"]),
            fired_at=row["fired_at"],
            at=row["fired_at"],
            recorded_at=row["fired_at"],
            before_mean=row["before_mean"],
            after_mean=row["after_mean"],
            before_documents=row["before_documents"],
            after_documents=row["after_documents"],
            began_at=row["began_at"],
            model_version=row["model_version"],
            evidence=row["evidence"],
            incident=row["incident"],
        )
        return cls(opened, opened.state, opened.severity, row["resolved_at"])

    @property
    def fires(self) -> bool:
        """Whether it is firing."""
        return self.state is AlertState.FIRING

    @property
    def subject(self) -> tuple[AlertKind, str, str]:
        """Kind, entity and topic. At most one alert about a subject fires at a time in each direction."""
        return self.opened.kind, self.opened.entity, self.opened.topic

    def become(self, state: AlertState, at: datetime) -> Transition:
        """End the alert at ``at`` as resolved or inactive; returns that transition."""
        self.state = state
        if state is AlertState.RESOLVED:
            self.resolved_at = at
        return replace(self.opened, state=state, severity=self.severity, at=at, recorded_at=datetime.now(UTC))


def identity(*parts: object) -> str:
    """An alert's id: a hash of what it is about, so that two workers give the same alert the same id."""
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:16]


def event_time(at: float) -> datetime:
    """Unix seconds as UTC."""
    return datetime.fromtimestamp(at, UTC)


def recent_since(shift: Shift) -> datetime:
    """The beginning of the documents that a shift is based on."""
    return event_time(min(shift.began_at - WINDOW_S, shift.at - shift.recent_s))


def transition_of(shift: Shift, id_: str, state: AlertState, rule: str, threshold: float) -> Transition:
    """The transition to ``state`` that a shift makes, under the named rule with its threshold. The evidence still
    lacks the documents, which ``alerts.evidence`` reads."""
    evidence: Evidence = {
        "statistic": round(shift.statistic, 2),
        "span_s": shift.recent_s,
        "before_interval": _interval(shift, shift.before_mean, shift.before_error),
        "after_interval": _interval(shift, shift.after_mean, shift.after_error),
        "price_of_waiting": {
            "documents": shift.since_documents,
            "hours": round((shift.at - shift.began_at) / 3600, 2),
        },
        "rule": rule,
        "threshold": threshold,
        "documents": [],
        "query": _query(shift),
    }
    return Transition(
        id=id_,
        kind=shift.kind,
        entity=shift.entity,
        topic=shift.topic,
        direction=shift.direction,
        severity=shift.severity,
        state=state,
        fired_at=event_time(shift.at),
        at=event_time(shift.at),
        recorded_at=datetime.now(UTC),
        before_mean=shift.before_mean,
        after_mean=shift.after_mean,
        before_documents=shift.before_documents,
        after_documents=shift.after_documents,
        began_at=event_time(shift.began_at),
        model_version="",
        evidence=evidence,
    )


def _interval(shift: Shift, mean: float, error: float) -> list[float]:
    """The 95 % interval of a mean, within the values that are possible."""
    low = -1.0 if shift.kind is AlertKind.SENTIMENT_SHIFT else 0.0
    high = math.inf if shift.kind is AlertKind.BUZZ else 1.0
    return [round(float(np.clip(mean + sign * 1.96 * error, low, high)), 4) for sign in (-1, 1)]


def _query(shift: Shift) -> str:
    """SQL that shows the documents of a shift."""
    since, until = (f"'{moment:%Y-%m-%d %H:%M:%S}'" for moment in (recent_since(shift), event_time(shift.at)))
    if shift.topic == NO_COMPANY:
        others = "(SELECT groupArray(ticker) FROM watchlist WHERE entity_type != 'company')"
        return (
            "SELECT published_at, source, sentiment, title, text FROM documents WHERE "
            f"hasAll({others}, mentions.entity) AND unscored = '' "
            f"AND published_at > {since} AND published_at <= {until} "
            "ORDER BY sentiment"
        )
    conditions = []
    if shift.entity != MARKET:
        conditions.append(f"entity = {sql_string(shift.entity)}")
    if shift.topic:
        conditions.append(f"has(`topics.name`, {sql_string(shift.topic)})")
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    return (
        "SELECT published_at, source, entity, sentiment, title, text "
        f"FROM counted_mentions_between(first = {since}, until = {until}, known = now64(3)) {where}ORDER BY sentiment"
    )


def sql_string(text: str) -> str:
    """``text`` as a literal of SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
