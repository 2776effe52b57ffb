"""The messages of the input topics: one schema a topic, validated on arrival.

``decode`` turns the raw bytes of a Kafka record into a message, or raises ``BadRecord`` with the kind of
the fault, the field it was found in and a sentence for a person. Unknown fields are tolerated and left out.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, cast

import msgspec

MAX_RECORD_BYTES = 1_000_000
EARLIEST_PUBLICATION = datetime(1990, 1, 1, tzinfo=UTC)
CLOCK_TOLERANCE = timedelta(days=1)

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
Timestamp = Annotated[datetime, msgspec.Meta(tz=True, description="RFC 3339, with a time zone")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200_000)]
Tickers = Annotated[list[Annotated[str, msgspec.Meta(min_length=1, max_length=32)]], msgspec.Meta(max_length=64)]


class News(msgspec.Struct, frozen=True):
    """One news story, keyed by the ``id`` its ``source`` gave it."""

    id: Identifier
    source: Identifier
    title: Text
    published_at: Timestamp
    body: str | None = None
    url: str | None = None
    lang: str | None = None
    tickers: Tickers = []


class Comment(msgspec.Struct, frozen=True):
    """One comment by a person; ``author`` is pseudonymised before anything is stored."""

    id: Identifier
    source: Identifier
    text: Text
    published_at: Timestamp
    author: str | None = None
    in_reply_to: str | None = None
    lang: str | None = None
    tickers: Tickers = []


class Label(msgspec.Struct, frozen=True):
    """A person's judgement of a stored document (``document_id``) or of a text given in full."""

    label: Literal["negative", "neutral", "positive"]
    annotator: Identifier
    labelled_at: Timestamp
    document_id: Identifier | None = None
    text: Text | None = None
    entity: str | None = None

    def __post_init__(self) -> None:
        if (self.document_id is None) == (self.text is None):
            raise ValueError("a label names either document_id or text, and not both")


SCHEMAS: dict[str, type[msgspec.Struct]] = {"news": News, "comments": Comment, "labels": Label}
_DECODERS = {topic: msgspec.json.Decoder(schema) for topic, schema in SCHEMAS.items()}


class BadRecord(ValueError):
    """A record that cannot be a message of its topic.

    ``kind`` is one of ``too_large, encoding, not_json, invalid, empty_text, absurd_date``; ``field`` is
    the dotted name of the field at fault, or empty where the whole record is.
    """

    def __init__(self, kind: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.field = field


def decode(topic: str, raw: bytes | None, now: datetime | None = None) -> News | Comment | Label:
    """Decode and validate one record of ``topic`` (``news``, ``comments`` or ``labels``).

    ``now`` (default: the clock) bounds the publication date: up to a day ahead of it is taken for clock
    skew. Raises ``BadRecord`` for every fault of the record and ``KeyError`` for an unknown topic.
    """
    decoder = _DECODERS[topic]
    if not raw:
        raise BadRecord("not_json", "the record has no value")
    if len(raw) > MAX_RECORD_BYTES:
        raise BadRecord("too_large", f"{len(raw)} bytes; at most {MAX_RECORD_BYTES} are taken")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRecord("encoding", f"not UTF-8 at byte {error.start}") from error
    try:
        message = decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise BadRecord("invalid", str(error), _field_of(str(error))) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRecord("not_json", str(error)) from error
    text_field = "title" if isinstance(message, News) else "text"
    text = getattr(message, text_field)
    if text is not None and not text.strip():
        raise BadRecord("empty_text", f"{text_field} holds only white space", text_field)
    date_field = "labelled_at" if isinstance(message, Label) else "published_at"
    date = getattr(message, date_field)
    if not EARLIEST_PUBLICATION <= date <= (now or datetime.now(UTC)) + CLOCK_TOLERANCE:
        raise BadRecord("absurd_date", f"{date_field} is {date.isoformat()}", date_field)
    return cast("News | Comment | Label", message)


def _field_of(error: str) -> str:
    """The field named in a msgspec validation error: a path (``$.tickers[0]``) or a missing field's name."""
    if "missing required field" in error:
        return error.split("`")[1]
    _, at, path = error.rpartition("at `$.")
    return path.rstrip("`") if at else ""
