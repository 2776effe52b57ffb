"""The columns of the table ``label_log``, and the value of each for labels, bad records and tombstones;
``storage.writer`` inserts them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from documents import EPOCH, UNSCORED, BadRecord, Label, Tombstone
from storage.record import ERROR, NO_ERROR, POSITION, Values

_LABEL: Values = {
    **{name: attrgetter(name) for name in ("document_id", "text", "label", "annotator", "labelled_at")},
    **POSITION,
    "ingested_at": attrgetter("ingested_at"),
    "entity": attrgetter("entity"),
}
_BAD_LABEL: Values = {**POSITION, "ingested_at": attrgetter("ingested_at"), **ERROR}
_NO_LABEL: dict[str, Any] = {
    "document_id": "", "text": "", "label": UNSCORED, "annotator": "", "labelled_at": EPOCH, "entity": "",
}  # fmt: skip
_LABEL_COLUMNS = (*_LABEL, *ERROR)

INSERT_LABELS = f"INSERT INTO label_log ({', '.join(_LABEL_COLUMNS)}) VALUES"


def label_columns(labels: Sequence[Label], others: Sequence[BadRecord | Tombstone]) -> list[list[Any]]:
    """The values of the columns of ``label_log``, in the order of ``INSERT_LABELS``, of the labels first."""
    found = []
    for column in _LABEL_COLUMNS:
        good = list(map(_LABEL[column], labels)) if column in _LABEL else [NO_ERROR[column]] * len(labels)
        rest = list(map(_BAD_LABEL[column], others)) if column in _BAD_LABEL else [_NO_LABEL[column]] * len(others)
        found.append(good + rest)
    return found
