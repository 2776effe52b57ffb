"""The columns of ``record_log``, and the value of each for documents, bad records and tombstones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from documents import KINDS, BadRecord, Document, Kind, Position, Tombstone

Values = dict[str, Callable[[Any], Any]]


POSITION: Values = {name: attrgetter(f"position.{name}") for name in ("topic", "topic_id", "partition", "offset")}
"""The columns of a position, in every table that has one."""

_PLAIN: Values = {
    **POSITION,
    **{
        name: attrgetter(name)
        for name in (
            "ingested_at", "kind", "document_id", "source", "title", "text", "url", "author", "in_reply_to", "lang",
            "lang_quality", "published_at", "scored_at", "label", "unscored", "p_negative", "p_neutral", "p_positive",
            "sentiment", "model_version", "tokens", "cut", "deciding_start", "deciding_end", "embedding",
            "story_id", "novelty", "strangeness",
        )
    },
}  # fmt: skip
_OF_MENTION = (
    "entity", "surface", "via", "label", "p_negative", "p_neutral", "p_positive", "sentiment", "deciding_start",
    "deciding_end",
)  # fmt: skip
_OF_TOPIC = ("name", "score")
_OF_EVENT = ("entity", "type", "probability", "role", "state", "relevance", "severity", "polarity")
_MENTIONS = tuple(f"mentions.{name}" for name in _OF_MENTION)
_TOPICS = tuple(f"topics.{name}" for name in _OF_TOPIC)
_EVENTS = tuple(f"events.{name}" for name in _OF_EVENT)

ERROR: Values = {
    "error_kind": attrgetter("kind"),
    "error_field": attrgetter("field"),
    "error": attrgetter("sentence"),
    "raw": attrgetter("raw"),
}
"""The columns that say why a record is bad, and their values, in every table that keeps bad records."""

NO_ERROR = {"error_kind": "", "error_field": "", "error": "", "raw": b""}

COLUMNS = (
    *(name for name in _PLAIN if name != "strangeness"), *_MENTIONS, *_TOPICS, "strangeness", *_EVENTS, *ERROR,
)  # fmt: skip
"""The columns of ``record_log``, in the table's order."""

_BAD: Values = {
    **POSITION,
    "ingested_at": attrgetter("ingested_at"),
    **ERROR,
}
_NESTED: dict[str, tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]] = {
    "mentions": (_MENTIONS, attrgetter(*_OF_MENTION)),
    "topics": (_TOPICS, attrgetter(*_OF_TOPIC)),
    "events": (_EVENTS, attrgetter(*_OF_EVENT)),
}
"""The lists of a document, each with its columns and with the values of one element."""


def document_columns(documents: Sequence[Document]) -> dict[str, Sequence[Any]]:
    """The values of ``documents``, by column. Those of mentions, topics and events are one sequence for each
    document."""
    found: dict[str, Sequence[Any]] = {column: list(map(value, documents)) for column, value in _PLAIN.items()}
    for name, (columns, values) in _NESTED.items():
        # By rows, and not by columns: a document's few elements are gone through once, and not once for each column.
        nothing, held = ((),) * len(columns), map(attrgetter(name), documents)
        rows = [tuple(zip(*map(values, one), strict=True)) or nothing for one in held]
        found |= zip(columns, zip(*rows, strict=True), strict=bool(documents))
    return found


_EMPTY = document_columns([Document(Position("", "", 0, 0))])


def columns_of(
    documents: Sequence[Document], others: Sequence[BadRecord | Tombstone], kinds: Mapping[str, Kind] = KINDS
) -> list[list[Any]]:
    """The values by column, in the order of ``COLUMNS``; documents come first. In columns that the others do not have,
    they get an empty document's value. ``kinds`` gives the kind of each topic."""
    bad = {**_BAD, "kind": lambda one: kinds.get(one.position.topic, "")}
    of_documents = document_columns(documents)
    found = []
    for column in COLUMNS:
        good = of_documents.get(column, ()) if column in _EMPTY else [NO_ERROR[column]] * len(documents)
        rest = list(map(bad[column], others)) if column in bad else [*_EMPTY[column]] * len(others)
        found.append([*good, *rest])
    return found
