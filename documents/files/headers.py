"""Where the header of a spreadsheet or CSV is, and what the columns under it are called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from documents.files.names import KNOWN, TOTALS, folded, readings

DEEPEST_HEADER = 30
"""Exports have a title, dates and conditions above the header, in so many rows at most."""

_SAYS_COLUMN = re.compile(r"(.+) \(column \d+\)")


def header_place(rows: Sequence[Sequence[Any]]) -> int:
    """Which of the first ``rows`` is the header: the first one, unless it is narrower than the table and the names of
    columns are known in a later one."""
    if not rows:
        return 0
    filled = [sum(map(_filled, row)) for row in rows]
    known = [known_names(row) for row in rows]
    if filled[0] == max(filled):
        return 0
    best = max(range(len(rows)), key=lambda place: known[place])
    return best if known[best] > max(1, known[0]) and filled[best] > filled[0] else 0


def known_names(row: Iterable[Any]) -> int:
    """How many cells of ``row`` are names that columns are known to have."""
    return sum(isinstance(cell, str) and bool(KNOWN.intersection(readings(cell.strip()))) for cell in row)


def has_second_row(header: Sequence[Any], below: Sequence[Any]) -> bool:
    """Whether the header goes on in the row below, where the names stand that a merged cell above holds together."""
    blank = {place for place, cell in enumerate(header) if not _filled(cell)}
    more = {place for place, cell in enumerate(below) if _filled(cell)}
    return (
        bool(blank & more)
        and more != set(range(len(header)))
        and all(isinstance(below[place], str) and not re.search(r"\d", below[place]) for place in more)
        and known_names(_joined(header, below)) > known_names(header)
    )


def column_names(header: Sequence[Any], below: Sequence[Any] = ()) -> list[str]:
    """The names of the columns, '' for one without. Of two with one name, the second says which column it is."""
    names: list[str] = []
    for number, cell in enumerate(_joined(header, below), 1):
        name = str(cell).strip().lstrip("\ufeff") if _filled(cell) else ""
        names.append(f"{name} (column {number})" if name and name in names else name)
    return names


def doubled(names: Iterable[str]) -> list[str]:
    """The names that several of the columns have, of ``column_names``."""
    found = (_SAYS_COLUMN.fullmatch(name) for name in names)
    return list(dict.fromkeys(match[1] for match in found if match))


def is_total(cells: Sequence[Any], filled: set[int], always: set[int]) -> bool:
    """Whether a row is a total of those above it: its first cell says so, and some cells that all other rows have
    (``always``) are not among its ``filled`` ones."""
    if not filled or always <= filled:
        return False
    first = cells[min(filled)]
    others = (cells[place] for place in filled - {min(filled)})
    names = any(isinstance(one, str) and re.search(r"[^\W\d_]{4}", one) for one in others)
    return isinstance(first, str) and folded(first) in TOTALS and not names


def filled_places(cells: Sequence[Any]) -> set[int]:
    """Where ``cells`` has something."""
    return {place for place, cell in enumerate(cells) if _filled(cell)}


def _joined(header: Sequence[Any], below: Sequence[Any]) -> list[Any]:
    width = max(len(header), len(below))
    upper, lower = ([*row, *[""] * (width - len(row))] for row in (header, below))
    return [own if _filled(own) else over for over, own in zip(upper, lower, strict=True)]


def _filled(cell: Any) -> bool:
    return cell is not None and bool(str(cell).strip())
