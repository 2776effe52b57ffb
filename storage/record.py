"""The columns of ``record_log``, and the value of each for documents and bad records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from documents import KINDS, BadRecord, Document, Position

Values = dict[str, Callable[[Any], Any]]


def _of_mentions(name: str) -> Callable[[Document], list[Any]]:
    value = attrgetter(name)
    return lambda document: list(map(value, document.mentions))


POSITION: Values = {name: attrgetter(f"position.{name}") for name in ("topic", "topic_id", "partition", "offset")}
"""The columns of a position, in every table that has one."""

DOCUMENT: Values = {
    **POSITION,
    **{
        name: attrgetter(name)
        for name in (
            "ingested_at", "kind", "document_id", "source", "title", "text", "url", "author", "in_reply_to", "lang",
            "published_at", "scored_at", "label", "unscored", "p_negative", "p_neutral", "p_positive", "sentiment",
            "model_version", "tokens", "embedding", "story_id", "novelty",
        )
    },
    **{
        f"mentions.{name}": _of_mentions(name)
        for name in (
            "entity", "surface", "via", "label", "p_negative", "p_neutral", "p_positive", "sentiment",
        )
    },
    "topics.name": lambda document: [topic.name for topic in document.topics],
    "topics.score": lambda document: [topic.score for topic in document.topics],
    "strangeness": attrgetter("strangeness"),
}  # fmt: skip
"""The value for a document of each column that it has a value for, in the table's order."""

ERROR: Values = {
    "error_kind": attrgetter("kind"),
    "error_field": attrgetter("field"),
    "error": attrgetter("sentence"),
    "raw": attrgetter("raw"),
}
"""The value of each column that says what is wrong with a bad record, in every table that keeps some."""

NO_ERROR = {"error_kind": "", "error_field": "", "error": "", "raw": b""}

COLUMNS = (*DOCUMENT, *ERROR)
"""The columns of ``record_log``, in the table's order."""

_EMPTY = Document(Position("", "", 0, 0))
_BAD: Values = {
    **POSITION,
    "ingested_at": attrgetter("ingested_at"),
    "kind": lambda bad: KINDS.get(bad.position.topic, ""),
    **ERROR,
}


def columns_of(documents: Sequence[Document], bad: Sequence[BadRecord]) -> list[list[Any]]:
    """The values by column, in the order of ``COLUMNS``; documents come first. A bad record has an empty document's
    value in the columns that it has none for."""
    found = []
    for column in COLUMNS:
        good = list(map(DOCUMENT[column], documents)) if column in DOCUMENT else [NO_ERROR[column]] * len(documents)
        rest = list(map(_BAD[column], bad)) if column in _BAD else [DOCUMENT[column](_EMPTY)] * len(bad)
        found.append(good + rest)
    return found
