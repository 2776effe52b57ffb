"""The messages that finsent receives: one schema for each input topic, checked when a record is read.

``decode`` makes a message of the bytes of a Kafka record, ``from_fields`` of values that came in another format than
JSON. Both raise ``InvalidMessage``. Fields that the schema does not know are ignored.
"""

from __future__ import annotations

import codecs
from datetime import UTC, datetime, timedelta
from typing import Annotated, cast

import msgspec

from documents.records import Fault, Sentiment
from errors import many

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
    tickers: Tickers | None = []


class Comment(msgspec.Struct, frozen=True):
    """One comment by a person; ``author`` is pseudonymised before anything is stored."""

    id: Identifier
    source: Identifier
    text: Text
    published_at: Timestamp
    author: str | None = None
    in_reply_to: str | None = None
    lang: str | None = None
    tickers: Tickers | None = []


class Label(msgspec.Struct, frozen=True):
    """A person's judgement of a stored document (``document_id``) or of a text given in full."""

    label: Sentiment
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


class InvalidMessage(ValueError):
    """The bytes of a record are no message of its topic. The text is a sentence for a person.

    ``field`` is the dotted name of the field at fault, or empty where the whole record is.
    """

    def __init__(self, kind: Fault, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.kind = kind
        self.field = field


def decode(topic: str, raw: bytes, now: datetime | None = None) -> News | Comment | Label:
    """The message in one record of ``topic`` (``news``, ``comments`` or ``labels``), whose bytes are JSON.

    A date may be up to a day after ``now`` (by default the time of the call), as clocks differ. Raises
    ``InvalidMessage`` for every fault of the record, and ``KeyError`` for an unknown topic.
    """
    decoder = _DECODERS[topic]
    if not raw:
        raise InvalidMessage("not_json", "the record is empty")
    check_size(raw)
    raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidMessage("encoding", f"not UTF-8 at byte {error.start}") from error
    try:
        message = decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise InvalidMessage("invalid", str(error), _field_of(str(error))) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidMessage("not_json", str(error)) from error
    return _checked(message, now)


def from_fields(topic: str, fields: object, now: datetime | None = None) -> News | Comment | Label:
    """The message of ``topic`` that has ``fields``: Python's own types, such as another format than JSON decodes to.

    Times may be ``datetime`` objects with a time zone. Everything else is as in ``decode``.
    """
    try:
        message = msgspec.convert(fields, SCHEMAS[topic])
    except msgspec.ValidationError as error:
        raise InvalidMessage("invalid", str(error), _field_of(str(error))) from error
    return _checked(message, now)


def check_size(raw: bytes) -> None:
    """Raises ``InvalidMessage`` for a record with too many bytes."""
    if len(raw) > MAX_RECORD_BYTES:
        raise InvalidMessage("too_large", f"{many(len(raw), 'byte')}; at most {MAX_RECORD_BYTES} are taken")


def _checked(message: msgspec.Struct, now: datetime | None) -> News | Comment | Label:
    """``message``, if its text and its date make sense."""
    text_field = "title" if isinstance(message, News) else "text"
    text = getattr(message, text_field)
    if text is not None and not text.strip():
        raise InvalidMessage("empty_text", f"{text_field} holds only white space", text_field)
    date_field = "labelled_at" if isinstance(message, Label) else "published_at"
    date = getattr(message, date_field)
    if not EARLIEST_PUBLICATION <= date <= (now or datetime.now(UTC)) + CLOCK_TOLERANCE:
        raise InvalidMessage("absurd_date", f"{date_field} is {date.isoformat()}", date_field)
    return cast("News | Comment | Label", message)


def _field_of(error: str) -> str:
    """The field that the text of a msgspec validation error names: by its path (``$.tickers[0]``), or as missing."""
    if "missing required field" in error:
        return error.split("`")[1]
    _, at, path = error.rpartition("at `$.")
    return path.rstrip("`") if at else ""
