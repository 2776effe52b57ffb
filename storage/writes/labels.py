"""The columns of the table ``label_log``; ``storage.writer`` inserts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from documents.record import Record

_COLUMNS = {
    "document_id": "document_id", "text": "text", "label": "label", "author": "annotator",
    "published_at": "labelled_at", "error_kind": "error_kind", "error_field": "error_field", "error": "error",
    "raw": "raw", "topic": "topic", "topic_id": "topic_id", "partition": "partition", "offset": "offset",
    "ingested_at": "ingested_at",
}  # fmt: skip

INSERT_LABELS = f"INSERT INTO label_log ({', '.join(_COLUMNS.values())}, entity) VALUES"


def label_columns(records: Sequence[Record]) -> list[list[Any]]:
    """The values of ``label_log``'s columns, in the order of ``INSERT_LABELS``."""
    entities = [record.mention_entity[0] if record.mention_entity else "" for record in records]
    return [[getattr(record, name) for record in records] for name in _COLUMNS] + [entities]
