"""What becomes of a Kafka record: a ``Document``, a ``Label``, a ``BadRecord`` or a ``Tombstone``. Each knows its
``Position``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar, Literal, NamedTuple

import msgspec

from documents.events import Event
from documents.watchlist import EntityType

Kind = Literal["news", "comment"]
Sentiment = Literal["negative", "neutral", "positive"]
Fault = Literal[
    "too_large", "too_long", "encoding", "not_json", "no_schema", "not_decodable", "invalid", "empty_text",
    "absurd_date", "failed", "deadly",
]  # fmt: skip
Via = Literal["given", "cashtag", "name"]

KINDS: dict[str, Kind] = {"news": "news", "comments": "comment"}
"""The kind of the documents of each topic."""

LABEL_TOPIC = "labels"
"""The topic of people's judgements."""

FEEDS: dict[str, str] = {"news": "news", "comments": "comments", "labels": "labels"}
"""What each topic brings, where the topics have the names that we give them. ``KafkaSettings`` may name others."""

LABELS: tuple[Literal["negative"], Literal["neutral"], Literal["positive"]] = ("negative", "neutral", "positive")
"""In the order of a model's probabilities."""

LanguageQuality = Literal["", "measured", "experimental"]
"""Whether a test set says how good the model is in a document's language; "" where it has no score."""

UNSCORED = "unscored"
"""The label of a document, and of its mentions, that have no score."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for a time that is not known yet."""

EMBEDDING_BYTES = 384


class Position(msgspec.Struct, frozen=True, order=True):
    """Where the document stands in its input topic: unique, so consumers can drop what they have had before."""

    topic: str
    topic_id: str
    partition: int
    offset: int


@dataclass(slots=True)
class Mention:
    """A company, or another entity of the watch list, that a document is about, and the sentiment about it.

    ``entity`` is its ticker and ``surface`` the text that names it. ``via`` says how it was recognised. ``sentiment``
    is the positive probability minus the negative one. ``deciding_start`` and ``deciding_end`` are as in ``Document``.
    """

    entity: str
    surface: str
    via: Via
    label: Sentiment | Literal["unscored"] = "unscored"
    p_negative: float = 0.0
    p_neutral: float = 0.0
    p_positive: float = 0.0
    sentiment: float = 0.0
    deciding_start: int = 0
    deciding_end: int = 0
    entity_type: EntityType = "company"


class Topic(NamedTuple):
    """A topic of the taxonomy that a document is on; ``score`` is its probability."""

    name: str
    score: float


@dataclass(slots=True)
class Document:
    """A news story or a comment. The steps of a worker fill it in, in this order:

    - reading: what the message says, normalised and without personal data; ``mentions`` without scores. ``author`` is a
      pseudonym;
    - scoring: sentiment, ``lang_quality``, ``topics``, ``events``, and ``embedding``, the unit vector as int8 (value
      times 127).
      ``strangeness`` is the distance from everything in the taxonomy of topics, 0 to 1. Without a score, ``unscored``
      gives the reason (``unsupported_language``), and the embedding is empty. Of a long text, the sentence that decided
      is ``whole_text[deciding_start:deciding_end]``, and ``cut`` says that not all of it was read. Both places are 0 of
      a text that was read at once;
    - linking: ``story_id`` of the story that it belongs to, and ``novelty``, 0 (an old story) to 100 (a new one);
    - storing: ``ingested_at``.
    """

    position: Position
    kind: Kind = "news"
    document_id: str = ""
    source: str = ""
    title: str = ""
    text: str = ""
    url: str = ""
    author: str = ""
    in_reply_to: str = ""
    lang: str = ""
    lang_quality: LanguageQuality = ""
    published_at: datetime = EPOCH
    mentions: list[Mention] = field(default_factory=list)

    scored_at: datetime = EPOCH
    model_version: str = ""
    label: Sentiment | Literal["unscored"] = "unscored"
    unscored: str = ""
    p_negative: float = 0.0
    p_neutral: float = 0.0
    p_positive: float = 0.0
    sentiment: float = 0.0
    tokens: int = 0
    cut: bool = False
    deciding_start: int = 0
    deciding_end: int = 0
    embedding: bytes = b""
    topics: list[Topic] = field(default_factory=list)
    strangeness: float = 0.0
    events: list[Event] = field(default_factory=list)

    story_id: int = 0
    novelty: float = 100.0

    ingested_at: datetime = EPOCH

    @property
    def whole_text(self) -> str:
        """Title and text as one text, which is what is scored."""
        return whole_text(self.title, self.text)

    @property
    def companies(self) -> list[Mention]:
        """The mentions of companies."""
        return [one for one in self.mentions if one.entity_type == "company"]

    @property
    def about_one(self) -> Mention | None:
        """The mention whose score is the document's own: that of the one company that it names."""
        companies = self.companies
        return companies[0] if len(companies) == 1 else None

    def deciding(self, scored: Document | Mention) -> str:
        """The sentence of a long text that decided the score of this document or of one of its mentions; '' of a text
        that was read at once."""
        return self.whole_text[scored.deciding_start : scored.deciding_end]


@dataclass(slots=True)
class Label:
    """A person's judgement of a stored document (``document_id``) or of a ``text``: one of the two is empty.

    ``entity`` is the company that the judgement is about, or empty. ``ingested_at`` is set when it is stored.
    """

    position: Position
    label: Sentiment
    annotator: str
    labelled_at: datetime = EPOCH
    document_id: str = ""
    text: str = ""
    entity: str = ""
    ingested_at: datetime = EPOCH


@dataclass(slots=True)
class BadRecord:
    """A record that is no message of its topic, or that made a step fail: what is wrong, in which field, and its bytes
    as they came.

    ``field`` is the dotted name of the field at fault, or empty where the whole record is. ``sentence`` is for a
    person. ``ingested_at`` is set when it is stored.
    """

    position: Position
    kind: Fault
    field: str = ""
    sentence: str = ""
    raw: bytes = b""
    ingested_at: datetime = EPOCH


@dataclass(slots=True)
class Tombstone:
    """A record without a value, with which compacted topics forget the earlier records of its key. It says nothing.

    Its position is stored all the same, as of every record: so the ledger, the lag and the audit account for it, and it
    is not read again. It has the columns of a bad record, but no view shows it. ``ingested_at`` is set when it is
    stored.
    """

    kind: ClassVar[Literal["tombstone"]] = "tombstone"
    field: ClassVar[str] = ""
    sentence: ClassVar[str] = ""
    raw: ClassVar[bytes] = b""

    position: Position
    ingested_at: datetime = EPOCH


Row = Document | Label | BadRecord | Tombstone
"""What is stored of one Kafka record."""


def whole_text(title: str, text: str) -> str:
    """Title and text as one text, with a line break between them where both are there."""
    return f"{title}\n{text}" if title and text else title or text
