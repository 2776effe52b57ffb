"""``finsent sql``: a question to ClickHouse."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cli.shared.output import Format, print_rows


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(sql)


def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT; '-' reads it from standard input.")],
    form: Annotated[Format, typer.Option("--format", "-f", help="How to print the rows.")] = Format.table,
    max_seconds: Annotated[float, typer.Option(min=1, help="Seconds after which ClickHouse stops the query.")] = 60,
) -> None:
    """Ask ClickHouse, read-only: documents, mentions, sentiment_now, movers, alerts_now, feeds and the other views in
    docs/dictionary.md; `finsent cookbook` has queries to start from.

    `finsent sql "SELECT label, count() FROM documents GROUP BY label"`

    `finsent sql "SELECT entity, avg(sentiment) FROM counted_mentions GROUP BY entity" --format csv`

    `finsent sql "SELECT * FROM documents LIMIT 5" --format json` prints an array of objects, jsonl one a line.
    """
    from storage import connect

    client = connect()
    rows = client.execute_iter(
        sys.stdin.read() if query == "-" else query,
        with_column_types=True,
        settings={"readonly": 1, "max_execution_time": max_seconds, "max_block_size": 8192},
    )
    columns = [name for name, _ in next(rows)]
    print_rows(columns, rows, form)
