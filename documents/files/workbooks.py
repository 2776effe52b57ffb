"""The sheets of old and binary Excel files and of OpenDocument, read in a process of its own.

Their reader holds a whole sheet in memory, and a damaged file can make it ask for more than there is, which ends its
process. This file is run as a program, too; so it imports nothing of finsent's.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Any

MOST_BYTES = 4 * 1024**3
"""The memory of the process. A sheet of a million cells needs about 100 MB."""

MOST_TEXT, MOST_CELLS = 200_000_000, 10_000_000
"""The bytes of text and the cells of all sheets together: a small file may say that it has a row a million times."""

LONGEST = timedelta(minutes=5)


class BadWorkbook(Exception):
    """A workbook cannot be read; the text says why."""


def read_sheets(data: bytes) -> dict[str, list[list[Any]]]:
    """The rows of each sheet of the workbook ``data``, an empty cell is "".

    Raises ``BadWorkbook``.
    """
    # -P: the names of this folder's files are those of standard modules.
    try:
        done = subprocess.run(
            [sys.executable, "-P", __file__], input=data, capture_output=True, timeout=LONGEST.total_seconds()
        )
    except subprocess.TimeoutExpired as error:
        raise BadWorkbook(f"it takes more than {LONGEST.seconds // 60} minutes to be read") from error
    if done.returncode:
        raise BadWorkbook("it is damaged, or too large to be read at once")
    found = json.loads(done.stdout, object_hook=_from_json)
    if isinstance(found, str):
        raise BadWorkbook(found)
    return dict(found)


def _main() -> None:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    with suppress(ImportError, ValueError, OSError):  # Windows has no such limit, and a smaller one may hold already
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    found: list[tuple[str, list[list[Any]]]] | str
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
        found = _within_limits(book)
    except PasswordError:
        found = "it has a password"
    except CalamineError as error:
        found = " ".join(str(error).split())
    with io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8") as target:
        json.dump(found, target, default=_to_json, ensure_ascii=False)


def _within_limits(book: Any) -> list[tuple[str, list[list[Any]]]] | str:
    """The rows of each sheet, or what is too much."""
    found: list[tuple[str, list[list[Any]]]] = []
    cells = size = 0
    for name in book.sheet_names:
        rows: list[list[Any]] = []
        for row in book.get_sheet_by_name(name).iter_rows():
            cells += len(row)
            size += sum(len(cell.encode()) for cell in row if isinstance(cell, str))
            if cells > MOST_CELLS or size > MOST_TEXT:
                return (
                    f"it has more than {MOST_CELLS // 10**6} million cells, or {MOST_TEXT // 10**6} MB of text, which "
                    "is too large to be read at once"
                )
            rows.append(row)
        found.append((name, rows))
    return found


_TIMES: dict[str, Any] = {"datetime": datetime, "date": date, "time": time}


def _to_json(cell: Any) -> dict[str, Any]:
    """What JSON has no name for: a moment, a date, a time of the day, or a span of time."""
    if isinstance(cell, timedelta):
        return {"cell": "span", "value": cell.total_seconds()}
    return {"cell": type(cell).__name__, "value": cell.isoformat()}


def _from_json(one: dict[str, Any]) -> Any:
    if one["cell"] == "span":
        return timedelta(seconds=one["value"])
    return _TIMES[one["cell"]].fromisoformat(one["value"])


if __name__ == "__main__":
    _main()
