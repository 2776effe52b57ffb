"""The messages that finsent sends: scored documents, dead letters, alerts, events of model versions."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from documents.events import Event, EventRole, EventState
from documents.records import BadRecord, Document, Kind, LanguageQuality, Position, Sentiment
from documents.watchlist import EntityType

_ENCODER = msgspec.json.Encoder()

LONGEST_TEXT = 1_000
"""A text in the evidence of an alert has at most so many characters: five documents then fit into 100 kB."""


class ScoredMention(msgspec.Struct, frozen=True):
    """The sentiment about one company, or another entity of the watch list (``entity_type``); ``deciding`` is as in
    ``Scored``."""

    entity: str
    surface: str
    label: Sentiment
    sentiment: float
    p_negative: float
    p_neutral: float
    p_positive: float
    deciding: str
    entity_type: EntityType


class ScoredEvent(msgspec.Struct, frozen=True):
    """What the document says happened to one company; ``type`` is a name of the taxonomy of events.

    ``probability`` is 0 to 1, ``relevance`` of the company 0 to 100, ``severity`` 1 (routine) to 5 (the company's
    existence), ``polarity`` -1, 0 or 1 for the company."""

    entity: str
    type: str
    probability: float
    role: EventRole
    state: EventState
    relevance: int
    severity: int
    polarity: int


class Scored(msgspec.Struct, frozen=True):
    """One scored document (topic ``scored``). Sent at least once: ``position`` tells repeats.

    ``deciding`` is the sentence of a long text that decided, and '' of a text that was read at once; ``cut`` says that
    not all of a very long one was read.
    """

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
    events: list[ScoredEvent]
    lang_quality: LanguageQuality
    deciding: str
    cut: bool


class DeadLetter(msgspec.Struct, frozen=True):
    """One bad record (topic ``dead-letters``); ``raw`` is its bytes in base64.

    The record had ``raw_bytes`` bytes. Where that is too much for the topic, ``cut`` is true and ``raw`` holds the
    first of them; the table has all.
    """

    position: Position
    error_kind: str
    error_field: str
    error: str
    raw: str
    raw_bytes: int
    cut: bool


class Alert(msgspec.Struct, frozen=True):
    """One transition of an alert; ``id`` stays the same over its life. ``topic`` is that of a ``topic_shift``, or the
    type of an ``event``. The means and documents of an event are weights and numbers of the stories that tell of
    it."""

    id: str
    kind: Literal["sentiment_shift", "topic_shift", "buzz", "event", "feed_stale"]
    entity: str
    topic: str
    direction: Literal["negative", "positive", "up", "down", "neutral"]
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
    incident: str
    """The alerts about one company that begin close in time have the same."""


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
                    document.deciding(mention),
                    mention.entity_type,
                )
                for mention in document.mentions
            ],
            events=[_scored_event(event) for event in document.events],
            lang_quality=document.lang_quality,
            deciding=document.deciding(document),
            cut=document.cut,
        )
    )


def _scored_event(event: Event) -> ScoredEvent:
    return ScoredEvent(**{name: getattr(event, name) for name in ScoredEvent.__struct_fields__})


def dead_letter(bad: BadRecord, most: int | None = None) -> bytes:
    """The ``dead-letters`` message of a bad record, of at most ``most`` bytes. Raises ``ValueError`` if not even a
    message without any of the record's bytes is so short."""
    whole = _dead_letter(bad, len(bad.raw))
    if most is None or len(whole) <= most:
        return whole
    room = most - len(_dead_letter(bad, 0))
    if room < 0:
        raise ValueError(f"a dead letter of {bad.position} does not fit into {most} bytes")
    return _dead_letter(bad, room // 4 * 3)


def _dead_letter(bad: BadRecord, held: int) -> bytes:
    raw = base64.b64encode(bad.raw[:held]).decode()
    size = len(bad.raw)
    return _ENCODER.encode(DeadLetter(bad.position, bad.kind, bad.field, bad.sentence, raw, size, held < size))


def alert(transition: Mapping[str, Any]) -> bytes:
    """The ``alerts`` message of one transition (the columns of the table ``alerts``).

    Long texts in the evidence are cut, so that topics with a small limit take the message.
    """
    data = Alert(**{name: transition[name] for name in Alert.__struct_fields__})
    data = msgspec.structs.replace(data, evidence=_cut(data.evidence))
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


def _cut(value: Any) -> Any:
    """``value`` (of JSON) with its strings cut to ``LONGEST_TEXT``."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else value[: LONGEST_TEXT - 1] + "\u2026"
    if isinstance(value, Mapping):
        return {name: _cut(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_cut(part) for part in value]
    return value


def model_event(event: ModelEvent) -> bytes:
    """The ``model-events`` message of one event."""
    return _ENCODER.encode(event)
