"""``finsent sql``: a question to ClickHouse."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cli.shared.arguments import parse_time
from cli.shared.freshness import AsOf, ask_as_of, tell_age
from cli.shared.output import Format, print_rows


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(sql)


def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT; '-' reads it from standard input.")],
    form: Annotated[Format, typer.Option("--format", "-f", help="How to print the rows.")] = Format.table,
    moment: AsOf = None,
    max_seconds: Annotated[float, typer.Option(min=1, help="Seconds after which ClickHouse stops the query.")] = 60,
) -> None:
    """Ask ClickHouse, read-only: documents, mentions, sentiment_now, movers, alerts_now, feeds and the other views in
    docs/dictionary.md; `finsent cookbook` has queries to start from.

    `finsent sql "SELECT label, count() FROM documents GROUP BY label"`

    `finsent sql "SELECT entity, avg(sentiment) FROM counted_mentions GROUP BY entity" --format csv`

    `finsent sql "SELECT * FROM documents LIMIT 5" --format json` prints an array of objects, jsonl one a line.

    `finsent sql "SELECT * FROM movers" --as-of 2014-03-07T18:00:00Z` reads the view as it was then, by what is stored
    today; so it does sentiment_now, events_now, alerts_now and incidents. If the newest document is old, and the query
    reads one of these, a line on stderr says so.
    """
    from storage import as_of, connect, views_of_the_present

    if query == "-":
        query = sys.stdin.read()
    client, views = connect(), views_of_the_present(query)
    if moment and not views:
        raise typer.BadParameter("the query reads no view of the present, such as movers", param_hint="--as-of")
    if moment:
        query = as_of(query, parse_time(moment))
    elif views:
        tell_age(client, ask_as_of)
    rows = client.execute_iter(
        query,
        with_column_types=True,
        settings={"readonly": 1, "max_execution_time": max_seconds, "max_block_size": 8192},
    )
    columns = [name for name, _ in next(rows)]
    print_rows(columns, rows, form)
