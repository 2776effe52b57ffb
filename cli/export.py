"""``finsent export``: views as Parquet files, one for each day."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.shared.arguments import parse_day, parse_time
from cli.shared.output import echo, progress_bar
from errors import many


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(export)


def export(
    view: Annotated[str, typer.Argument(help="documents, mentions, events, labels, alert_history or prices.")],
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go; it is made if it is not there.")],
    since: Annotated[str, typer.Option(metavar="DATE", help="The first day (UTC).")],
    until: Annotated[str, typer.Option(metavar="DATE", help="The last day, which is included.")] = "today",
    as_of: Annotated[
        str | None, typer.Option(metavar="TIME", help="With the rows and scores that were known at this moment.")
    ] = None,
) -> None:
    """Write a view as Parquet, one file for each day (UTC) that has rows: DIR/VIEW/2024-01-31.parquet.

    published_at is the feed's time of a document. ingested_at is when finsent stored it: what a test of a strategy may
    know at a moment is what was ingested by then, so compare with ingested_at. Files are replaced, as late documents
    also come for days that are over. With --as-of, the same command writes the same rows whenever it is run.

    `finsent export mentions quant --since 2024-01-01`

    `finsent export documents frozen --since 2024-01-01 --until 2024-01-31 --as-of 2024-02-01T06:00:00Z`

    `duckdb -c "SELECT entity, avg(sentiment) FROM 'quant/mentions/*.parquet' GROUP BY entity"`
    """
    from storage import connect, export_day, export_days

    client = connect()
    moment = parse_time(as_of) if as_of else None
    days = export_days(client, view, parse_day(since), parse_day(until), moment)
    folder = out / view
    folder.mkdir(parents=True, exist_ok=True)
    total, done = sum(days.values()), 0
    with progress_bar(f"exporting {view}") as show:
        for day in days:
            done += export_day(client, view, day, folder / f"{day}.parquet", moment)
            show(done, done / total)
    echo(f"{folder}: {many(done, 'row')} of {many(len(days), 'day')}", err=True)
