"""The messages that finsent sends: scored documents, dead letters, alerts, events of model versions."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from documents.records import BadRecord, Document, Kind, Position, Sentiment

_ENCODER = msgspec.json.Encoder()


class ScoredMention(msgspec.Struct, frozen=True):
    """The sentiment about one company."""

    entity: str
    surface: str
    label: Sentiment
    sentiment: float
    p_negative: float
    p_neutral: float
    p_positive: float


class Scored(msgspec.Struct, frozen=True):
    """One scored document (topic ``scored``). Sent at least once: ``position`` tells repeats."""

    position: Position
    kind: Kind
    document_id: str
    source: str
    published_at: datetime
    scored_at: datetime
    lang: str
    label: Sentiment
    sentiment: float
    p_negative: float
    p_neutral: float
    p_positive: float
    model_version: str
    story_id: int
    mentions: list[ScoredMention]


class DeadLetter(msgspec.Struct, frozen=True):
    """One bad record (topic ``dead-letters``); ``raw`` is its bytes in base64."""

    position: Position
    error_kind: str
    error_field: str
    error: str
    raw: str


class Alert(msgspec.Struct, frozen=True):
    """One transition of an alert; ``id`` stays the same over its life."""

    id: str
    kind: Literal["sentiment_shift", "topic_shift", "buzz", "feed_stale"]
    entity: str
    topic: str
    direction: Literal["negative", "positive", "up", "down"]
    severity: Literal["notice", "warning", "critical"]
    state: Literal["pending", "firing", "escalated_to_warning", "escalated_to_critical", "resolved", "inactive"]
    fired_at: datetime
    at: datetime
    recorded_at: datetime
    before_mean: float
    after_mean: float
    before_documents: int
    after_documents: int
    began_at: datetime
    model_version: str
    evidence: dict[str, Any]


class AlertEvent(msgspec.Struct, frozen=True):
    """One message of the topic ``alerts``: a CloudEvent 1.0 in structured mode. ``id`` is that of the transition, so a
    consumer can drop what it has had before; ``subject`` is the entity (``*`` is the market)."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: Literal[
        "finsent.alert.pending",
        "finsent.alert.firing",
        "finsent.alert.escalated_to_warning",
        "finsent.alert.escalated_to_critical",
        "finsent.alert.resolved",
        "finsent.alert.inactive",
    ]
    subject: str
    time: datetime
    datacontenttype: Literal["application/json"]
    data: Alert


class ModelEvent(msgspec.Struct, frozen=True):
    """What happened to a model version (topic ``model-events``); ``worker`` is '' where it is not one worker's event.

    Of ``drift`` (the documents are not what they were) and ``drift_ended``, ``detail`` begins with the alarm's id.
    ``pause_s`` is for how many seconds an adoption held the thread that scores."""

    event: Literal[
        "published", "shadowed", "rejected", "promoted", "rolled_back", "adopted", "refused", "drift", "drift_ended"
    ]
    version: str
    previous: str
    worker: str
    pause_s: float
    detail: str
    at: datetime


SCHEMAS: dict[str, type[msgspec.Struct]] = {
    "scored": Scored,
    "dead-letters": DeadLetter,
    "alerts": AlertEvent,
    "model-events": ModelEvent,
}


def scored(document: Document) -> bytes:
    """The ``scored`` message of a document."""
    return _ENCODER.encode(
        Scored(
            position=document.position,
            kind=document.kind,
            document_id=document.document_id,
            source=document.source,
            published_at=document.published_at,
            scored_at=document.scored_at.astimezone(UTC),
            lang=document.lang,
            label=document.label,  # type: ignore[arg-type]
            sentiment=document.sentiment,
            p_negative=document.p_negative,
            p_neutral=document.p_neutral,
            p_positive=document.p_positive,
            model_version=document.model_version,
            story_id=document.story_id,
            mentions=[
                ScoredMention(
                    mention.entity,
                    mention.surface,
                    mention.label,  # type: ignore[arg-type]
                    mention.sentiment,
                    mention.p_negative,
                    mention.p_neutral,
                    mention.p_positive,
                )
                for mention in document.mentions
            ],
        )
    )


def dead_letter(bad: BadRecord) -> bytes:
    """The ``dead-letters`` message of a bad record."""
    raw = base64.b64encode(bad.raw).decode()
    return _ENCODER.encode(DeadLetter(bad.position, bad.kind, bad.field, bad.sentence, raw))


def alert(transition: Mapping[str, Any]) -> bytes:
    """The ``alerts`` message of one transition (the columns of the table ``alerts``)."""
    data = Alert(**{name: transition[name] for name in Alert.__struct_fields__})
    return _ENCODER.encode(
        AlertEvent(
            specversion="1.0",
            id=f"{data.id}:{data.state}",
            source="/finsent/alerts",
            type=f"finsent.alert.{data.state}",  # type: ignore[arg-type]
            subject=data.entity,
            time=data.recorded_at,
            datacontenttype="application/json",
            data=data,
        )
    )


def model_event(event: ModelEvent) -> bytes:
    """The ``model-events`` message of one event."""
    return _ENCODER.encode(event)
