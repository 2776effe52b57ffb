"""How commands print rows, progress and JSON."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum, auto
from pathlib import Path
from typing import Any

import typer

from errors import many


class Format(StrEnum):
    """How rows are printed."""

    table = auto()
    csv = auto()
    json = auto()
    jsonl = auto()


@contextmanager
def progress_bar(title: str, line_s: float | None = None) -> Iterator[Any]:
    """A progress bar on stderr; yields ``show(records, share)``. Where there is no screen it shows nothing or, with
    ``line_s``, a plain line at the start and every so many seconds."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[records]:,} records"),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    if line_s is not None and not console.is_terminal:
        yield _lines(title, line_s)
        return
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=1.0, records=0)
        yield lambda records, share: bar.update(task, completed=share, records=records)


def _lines(title: str, every_s: float) -> Any:
    due = 0.0

    def show(records: int, share: float) -> None:
        nonlocal due
        if (now := time.monotonic()) >= due:
            echo(f"{title}: {many(records, 'record')}, {share:.0%}", err=True)
            due = now + every_s

    return show


def print_rows(columns: list[str], rows: Iterable[Sequence[Any]], form: Format) -> None:
    """Print rows in the format asked for, each as soon as it comes; only a table waits for all of them."""
    if form is Format.table:
        from rich.console import Console
        from rich.table import Table

        console = Console()
        if not console.is_terminal:
            console.width = 10_000  # a pipe has no width to fit into
        table = Table(*columns, highlight=True)
        for row in rows:
            table.add_row(*(_shown(cell(value)) for value in row))
        console.print(table, markup=False)
    elif form is Format.csv:
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_csv_cell(value) for value in row] for row in rows)
    else:
        import msgspec

        encoder = msgspec.json.Encoder(enc_hook=str)
        lines = (encoder.encode(dict(zip(columns, map(_plain, row), strict=True))).decode() for row in rows)
        if form is Format.jsonl:
            for line in lines:
                sys.stdout.write(_shown(line) + "\n")
        else:
            sys.stdout.write("[")
            for n, line in enumerate(lines):
                sys.stdout.write(f"{',' if n else ''}\n{_shown(line)}")
            sys.stdout.write("\n]\n")


def echo(text: object = "", err: bool = False, nl: bool = True) -> None:
    """Print a line. What a feed has put into it cannot steer the terminal; every command prints with this."""
    typer.echo(_shown(str(text)), err=err, nl=nl)


def _shown(text: str) -> str:
    """As ``documents.shown``, which is imported only where it has something to do: commands are to start quickly."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    from documents import shown

    return shown(text)


def _csv_cell(value: Any) -> str:
    """``value`` as a cell of CSV: a text that begins like a formula is marked as text, and a number never is."""
    from documents import spreadsheet_cell

    text = cell(value)
    return text if isinstance(value, int | float | datetime) else _shown(spreadsheet_cell(text))


def _plain(value: Any) -> Any:
    """``value`` for msgspec: bytes that are no UTF-8 are escaped, and keys of maps are text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {cell(key): _plain(item) for key, item in value.items()}
    return value


def cell(value: Any) -> str:
    """``value`` as one cell: like ClickHouse's own CSV, but times in RFC 3339."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, list | tuple | dict):
        import msgspec

        return msgspec.json.encode(_plain(value), enc_hook=str).decode()
    return str(value)


def write_text(text: str, out: str | Path) -> None:
    """Write ``text`` and a line's end to the file ``out``, or to standard output for "-"."""
    if str(out) == "-":
        echo(text)
        return
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")
