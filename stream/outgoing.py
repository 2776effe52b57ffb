"""The messages that finsent sends: scored documents, dead letters, alerts."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from storage import Record

Label = Literal["negative", "neutral", "positive"]
_ENCODER = msgspec.json.Encoder()


class Position(msgspec.Struct, frozen=True):
    """Where the document stands in its input topic: unique, so consumers can drop what they have had before."""

    topic: str
    topic_id: str
    partition: int
    offset: int


class ScoredMention(msgspec.Struct, frozen=True):
    """The sentiment about one company."""

    entity: str
    surface: str
    label: Label
    sentiment: float
    p_negative: float
    p_neutral: float
    p_positive: float


class Scored(msgspec.Struct, frozen=True):
    """One scored document (topic ``scored``). Sent at least once: ``position`` tells repeats."""

    position: Position
    kind: Literal["news", "comment"]
    document_id: str
    source: str
    published_at: datetime
    scored_at: datetime
    lang: str
    label: Label
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
    """One transition of an alert (topic ``alerts``); ``id`` stays the same over its life."""

    id: str
    kind: Literal["sentiment_shift"]
    entity: str
    direction: Literal["negative", "positive"]
    severity: Literal["notice", "warning", "critical"]
    state: Literal["firing", "resolved"]
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


SCHEMAS: dict[str, type[msgspec.Struct]] = {"scored": Scored, "dead-letters": DeadLetter, "alerts": Alert}


def scored(row: Record) -> bytes:
    """The ``scored`` message of a good row."""
    columns = (
        row.mention_entity,
        row.mention_surface,
        row.mention_label,
        row.mention_sentiment,
        row.mention_p_negative,
        row.mention_p_neutral,
        row.mention_p_positive,
    )
    return _ENCODER.encode(
        Scored(
            position=_position(row),
            kind=row.kind,  # type: ignore[arg-type]
            document_id=row.document_id,
            source=row.source,
            published_at=row.published_at,
            scored_at=row.scored_at.astimezone(UTC),
            lang=row.lang,
            label=row.label,  # type: ignore[arg-type]
            sentiment=row.sentiment,
            p_negative=row.p_negative,
            p_neutral=row.p_neutral,
            p_positive=row.p_positive,
            model_version=row.model_version,
            story_id=row.story_id,
            mentions=[ScoredMention(*values) for values in zip(*columns, strict=True)],
        )
    )


def dead_letter(row: Record) -> bytes:
    """The ``dead-letters`` message of a bad row."""
    raw = base64.b64encode(row.raw).decode()
    return _ENCODER.encode(DeadLetter(_position(row), row.error_kind, row.error_field, row.error, raw))


def alert(transition: Mapping[str, Any]) -> bytes:
    """The ``alerts`` message of one transition (the columns of the table ``alerts``)."""
    return _ENCODER.encode(Alert(**{name: transition[name] for name in Alert.__struct_fields__}))


def _position(row: Record) -> Position:
    return Position(row.topic, row.topic_id, row.partition, row.offset)
