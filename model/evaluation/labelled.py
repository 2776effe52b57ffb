"""Reads labelled texts from files."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from documents import LABELS, normalise
from documents.files import (
    BadFile,
    Columns,
    Table,
    find_columns,
    label_spellings,
    parse_number,
    read_table,
    says_nothing,
    spelled,
    text_of,
)
from errors import FinsentError
from model.evaluation.resampling import SEED
from model.language import detect

_NAMES = ("text", "label", "score", "entity", "source", "kind", "lang", "extra")

NOT_NEGATIVE = 3
"""The label of a row that is known to be neutral or positive, but not which of the two."""


class BadData(FinsentError, ValueError):
    """A labelled file cannot be used. The text says which line and why."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One row of a labelled file.

    ``text`` and ``entity`` are normalised. ``label`` is an index into ``LABELS``, or ``NOT_NEGATIVE``. ``declared`` is
    the language that the file gives, ``language`` the one that is used. ``mixed``: the text has different labels for
    different entities.
    """

    line: int
    text: str
    label: int
    entity: str | None
    declared: str | None
    language: str
    source: str
    kind: str
    agreement: str
    mixed: bool


def read_labelled(path: Path, limit: int | None = None) -> list[Labelled]:
    """The rows of a file of any kind (``documents.files``). With a ``limit``, that many rows drawn at random (always
    the same ones), in the order of the file.

    Required columns: ``text``, and either ``label`` (negative, neutral, positive or non_negative, or another spelling
    that is understood), by these names or others of their meaning, or ``score``, whose sign is the label. Optional
    columns, in upper or lower case:
    ``entity``, ``source``, ``kind``, ``lang`` and ``extra`` (JSON with ``mixed`` and ``agreement``). A text is also
    mixed if the file gives it different labels for different entities. Rows without text are left out.

    Raises ``BadData`` for a missing column, an unknown label, a file without rows or a file that cannot be read, and
    ``OSError``.
    """
    try:
        rows = list(_rows(read_table(path)))
    except BadFile as error:
        raise BadData(str(error)) from error
    if not rows:
        raise BadData(f"{path} has no rows with a text")
    labels = defaultdict(set)
    for row in rows:
        if row.entity:
            labels[row.text].add(row.label)
    rows = [
        row if row.mixed or not row.entity or len(labels[row.text]) == 1 else replace(row, mixed=True) for row in rows
    ]
    if limit is None or limit >= len(rows):
        return rows
    return [rows[i] for i in sorted(random.Random(SEED).sample(range(len(rows)), limit))]


def labelled_columns(table: Table) -> Columns:
    """Which column is what: one that ``read_labelled`` names, or else one that means a text or a label."""
    named = {name.lower(): name for name in reversed(table.columns) if name.lower() in _NAMES}
    meant = find_columns("labels", table.columns).of
    wanted = {"text", "label"} - named.keys() - ({"label"} if "score" in named else set())
    of = {name: column for name, column in meant.items() if name in wanted} | named
    unused = [name for name in table.columns if name not in of.values()]
    return Columns("labels", of, unused)


def _rows(table: Table) -> Iterator[Labelled]:
    columns = labelled_columns(table).of
    if "text" not in columns or not {"label", "score"} & columns.keys():
        raise BadData(
            f"{table.path} was read as {table}; it needs the columns text and label (or score), and has "
            f"{', '.join(table.columns) or 'none'}"
        )
    spellings = label_spellings(row.values.get(columns.get("label", "label")) for row in table.rows())
    for row in table.rows():
        if row.fault:
            raise BadData(f"{table.path}, row {row.number}: {row.fault}")
        values = {name: row.values.get(column) for name, column in columns.items()}
        cells = {name: _cell(name, value, f"{table.path}, row {row.number}") for name, value in values.items()}
        text = normalise(cells.get("text", ""))
        if not text:
            continue
        extra = _extra(cells.get("extra") or "{}", table.path, row.number)
        label = spelled(cells.get("label", ""))
        yield Labelled(
            line=row.number,
            text=text,
            label=_label(spellings.get(label, label), cells.get("score", ""), table.path, row.number),
            entity=normalise(cells.get("entity", "")) or None,
            declared=cells.get("lang") or None,
            language=detect(text, cells.get("lang") or None),
            source=cells.get("source", ""),
            kind=cells.get("kind", ""),
            agreement=str(extra.get("agreement", "")),
            mixed=bool(extra.get("mixed")),
        )


def _cell(name: str, value: Any, where: str) -> str:
    if name == "extra" and isinstance(value, dict):
        return json.dumps(value)
    text = text_of(value)
    if text is None:
        raise BadData(f"{where}: {name} is a list or an object, and no text: leave that column out, or rename another")
    return "" if name != "label" and says_nothing(text) else text


def _extra(text: str, path: Path, line: int) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise BadData(f"{path}, row {line}: 'extra' is no JSON: {error}") from error
    return found if isinstance(found, dict) else {}


def _label(name: str, score: str, path: Path, line: int) -> int:
    if name in LABELS:
        return LABELS.index(name)
    if name == "non_negative":
        return NOT_NEGATIVE
    # Only its sign counts, so a comma before the decimals is as good as a point.
    value = (
        None if name else next((x for x in (parse_number(score, "."), parse_number(score, ",")) if x is not None), None)
    )
    if value is None:
        known = ", ".join((*LABELS, "non_negative"))
        raise BadData(
            f"{path}, row {line}: {f'unknown label {name or score!r}' if name or score else 'no label'}; known are "
            f"{known}, or a number in 'score'"
        )
    return 1 + (value > 0) - (value < 0)
