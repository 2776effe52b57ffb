"""One Kafka record on its way from the topic to the table: a scored document, a label, or a bad record."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

LABELS: tuple[Literal["negative"], Literal["neutral"], Literal["positive"]] = ("negative", "neutral", "positive")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EMBEDDING_BYTES = 384


@dataclass(slots=True)
class Record:
    """What became of one Kafka record: a scored document, or a bad record with its error and raw bytes.

    ``topic, topic_id, partition, offset`` is its position. ``embedding`` is the unit vector as int8 (value
    times 127), empty for none. ``unscored`` says why there is no score (``unsupported_language``) and is empty where
    there is one. ``novelty`` is 0 (an old story) to 100 (new). The ``mention_*`` lists run in parallel, one item an
    entity; ``topic_*`` likewise, one a topic. ``strangeness`` is how far the document is from all that the taxonomy
    knows, 0 to 1.
    """

    topic: str
    topic_id: str
    partition: int
    offset: int
    ingested_at: datetime = EPOCH
    kind: str = ""
    document_id: str = ""
    source: str = ""
    title: str = ""
    text: str = ""
    url: str = ""
    author: str = ""
    in_reply_to: str = ""
    lang: str = ""
    published_at: datetime = EPOCH
    scored_at: datetime = EPOCH
    label: str = "unscored"
    unscored: str = ""
    p_negative: float = 0.0
    p_neutral: float = 0.0
    p_positive: float = 0.0
    sentiment: float = 0.0
    model_version: str = ""
    tokens: int = 0
    embedding: bytes = b""
    story_id: int = 0
    novelty: float = 100.0
    mention_entity: list[str] = field(default_factory=list)
    mention_surface: list[str] = field(default_factory=list)
    mention_via: list[str] = field(default_factory=list)
    mention_label: list[str] = field(default_factory=list)
    mention_p_negative: list[float] = field(default_factory=list)
    mention_p_neutral: list[float] = field(default_factory=list)
    mention_p_positive: list[float] = field(default_factory=list)
    mention_sentiment: list[float] = field(default_factory=list)
    topic_name: list[str] = field(default_factory=list)
    topic_score: list[float] = field(default_factory=list)
    strangeness: float = 0.0
    error_kind: str = ""
    error_field: str = ""
    error: str = ""
    raw: bytes = b""
