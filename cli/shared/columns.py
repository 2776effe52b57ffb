"""The options of commands that read people's files, and which column became which field, as they show it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.shared.failures import fail
from cli.shared.output import echo

if TYPE_CHECKING:
    from documents.files import Columns, Decimal, Order, Table, TableRow

EXAMPLE = 60

ColumnMap = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="FIELD=COLUMN", help="The column of a field; no COLUMN: none. May be repeated."),
]
DayFirst = Annotated[
    bool | None, typer.Option("--day-first/--month-first", help="What 03/04/2024 is, if the file does not tell.")
]
DecimalComma = Annotated[
    bool | None,
    typer.Option("--decimal-comma/--decimal-point", help="What 1.234 and 1,234 are, if the file does not tell."),
]


def order_of(day_first: bool | None) -> Order | None:
    """What comes first in a date of three numbers, by ``DayFirst``."""
    return None if day_first is None else "day" if day_first else "month"


def decimal_of(decimal_comma: bool | None) -> Decimal | None:
    """What stands before the decimals, by ``DecimalComma``."""
    return None if decimal_comma is None else "," if decimal_comma else "."


def text_in(table: Table, row: TableRow, field: str, column: str) -> str:
    """The text in a row's ``column``, which is the ``field`` that is read. Ends the command where it is none."""
    from documents.files import says_nothing, text_of

    text = text_of(row.values.get(column))
    if text is None:
        word = "line" if table.recognised.form in ("JSON lines", "lines of text") else "row"
        fail(
            f"{table.path}, {word} {row.number}: {field} (column {column!r}) is a list or an object, and no text: "
            "leave that column out, or give it another name"
        )
    return "" if says_nothing(text) else text


def show_columns(title: str, columns: Columns, table: Table) -> None:
    """Print what a file was recognised as and its columns, unless all that is used has its own name."""
    from documents.files import doubled

    if not columns.plain or doubled(table.columns) or table.within:
        echo(f"{table.path.name} is {table}", err=True)
        print_columns(title, columns, table)


def print_columns(title: str, columns: Columns, table: Table) -> None:
    """Print each field with its column and a value of it, and which columns are not used."""
    from documents.files import doubled

    examples: dict[str, Any] = {}
    for row in islice(table.rows(), 20):
        examples |= {
            name: value for name, value in row.values.items() if value not in (None, "") and name not in examples
        }
    rows = [[field, column, _example(examples.get(column))] for field, column in columns.of.items()]
    lines = [[title, "from column", "for example"], *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(2)]
    for line in lines:
        echo(f"  {line[0]:<{widths[0]}}  {line[1]:<{widths[1]}}  {line[2]}".rstrip(), err=True)
    if columns.unused:
        echo(f"not used: {', '.join(columns.unused)}", err=True)
    for name in doubled(table.columns):
        field = next((field for field, column in columns.of.items() if column == name), "FIELD")
        other = next(one for one in table.columns if one.startswith(f"{name} (column "))
        echo(
            f"several columns are called {name!r}: the first is taken; --map '{field}={other}' takes the other",
            err=True,
        )


def _example(value: Any) -> str:
    text = " ".join(str(value if value is not None else "").split())
    return text if len(text) <= EXAMPLE else text[: EXAMPLE - 1] + "\u2026"
