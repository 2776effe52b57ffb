"""``finsent prices``: closes of shares."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shared.arguments import parse_pairs
from cli.shared.columns import print_columns
from cli.shared.failures import fail
from cli.shared.output import Format, echo, many, print_rows
from cli.shared.service import user_name

if TYPE_CHECKING:
    from documents.files import Close, Prices
    from storage.reads import Closes

MOST_FAULTS = 100

group = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""Closes of shares, from files.

`finsent prices import prices.csv`

`finsent prices list`
""",
)


def register(app: typer.Typer) -> None:
    """Add the group to ``app``."""
    app.add_typer(group, name="prices")


@group.command("import")
def import_prices(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE")],
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="The column of a field; no COLUMN: none. May be repeated."),
    ] = None,
    ticker: Annotated[str, typer.Option(help="The ticker of all rows of a file that has no such column.")] = "",
    day_first: Annotated[
        bool | None, typer.Option("--day-first/--month-first", help="What 03/04/2024 is, if the file does not tell.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Store the good rows of a file that has bad ones.")
    ] = False,
    dry_run: Annotated[bool, typer.Option(help="Show what was recognised, and store nothing.")] = False,
    form: Annotated[Format, typer.Option("--format", "-f")] = Format.table,
) -> None:
    """Store the daily closes in FILE: CSV, Parquet, Excel or JSON, packed or not.

    Columns are found by their meaning and shown: ticker, date and close; an adjusted close is preferred. `--map
    close=Last` sets one. Symbols and names of the watch list become its tickers; others, such as that of an index, stay
    as they are. With bad rows nothing is stored, and each of the first hundred is named with its field and the remedy.
    Storing a file again changes nothing; another close for a stored day replaces it.

    `finsent prices import prices.csv`

    `finsent prices import spy.xlsx --ticker SPY --map close=Last`
    """
    from documents import load_watchlist
    from documents.files import Prices, read_table
    from storage import connect
    from storage.reads import closes
    from storage.writes import record_action, write_prices

    table, watchlist = read_table(file), load_watchlist()
    order = None if day_first is None else "day" if day_first else "month"
    prices = Prices(table, watchlist, parse_pairs(columns, "--map"), ticker, order)  # type: ignore[arg-type]
    echo(f"{file.name} is {table}", err=True)
    print_columns("fields of prices", prices.columns, table)
    found = _checked(prices, skip_bad)
    client = connect()
    known = closes(client, tickers=sorted({one.ticker for one in found}))
    new = [one for one in found if known.get(one.ticker, {}).get(one.date) != one.close]
    _show(found, known, {one.ticker: one.name for one in watchlist.companies}, form)
    for sentence in _seams(new, found, known):
        echo(f"warning: {sentence}", err=True)
    if dry_run:
        echo(f"{len(new):,} of {many(len(found), 'close')} would be stored", err=True)
        return
    write_prices(client, [(one.ticker, one.date, one.close) for one in new])
    if new:
        record_action(client, user_name(), "imported prices", file.name, many(len(new), "close"), "command line")
    echo(f"{many(len(new), 'close')} stored, {len(found) - len(new):,} as before", err=True)


@group.command("list")
def list_prices(form: Annotated[Format, typer.Option("--format", "-f")] = Format.table) -> None:
    """List the tickers that have prices, with their first and last day."""
    from storage import connect
    from storage.reads import priced

    columns = ["ticker", "days", "first", "last", "close"]
    print_rows(columns, [[row[name] for name in columns] for row in priced(connect())], form)


def _checked(prices: Prices, skip_bad: bool) -> list[Close]:
    """The closes of the file. Ends the command if rows are bad, unless these are to be skipped."""
    from documents.files import Close

    found, bad = [], 0
    for one in prices:
        if isinstance(one, Close):
            found.append(one)
            continue
        bad += 1
        if bad <= MOST_FAULTS:
            where = f"row {one.number}{f', {one.field}' if one.field else ''}"
            echo(f"finsent: {prices.table.path.name}, {where}: {one.sentence}", err=True)
    if bad and not skip_bad:
        fail(f"nothing was stored: {many(bad, 'bad row')}; --skip-bad stores the others")
    if not found:
        fail(f"nothing was stored: {prices.table.path} has no rows with prices")
    if bad:
        echo(f"{many(bad, 'bad row')} left out", err=True)
    return found


def _show(found: list[Close], known: Closes, names: dict[str, str], form: Format) -> None:
    by_ticker: dict[str, list[Close]] = {}
    for one in found:
        by_ticker.setdefault(one.ticker, []).append(one)
    rows = []
    for ticker, own in sorted(by_ticker.items()):
        before = known.get(ticker, {})
        new = sum(one.date not in before for one in own)
        changed = sum(one.date in before and before[one.date] != one.close for one in own)
        days = [one.date for one in own]
        rows.append([own[0].given, ticker, names.get(ticker, ""), len(own), min(days), max(days), new, changed])
    print_rows(["given", "ticker", "company", "days", "first", "last", "new", "changed"], rows, form)


def _seams(new: list[Close], found: list[Close], known: Closes) -> list[str]:
    """Tickers of which only a part of the stored closes is replaced: a new adjustment changes all earlier ones."""
    first: dict[str, date] = {}
    for one in found:
        first[one.ticker] = min(first.get(one.ticker, one.date), one.date)
    changed = {one.ticker for one in new if one.date in known.get(one.ticker, {})}
    return [
        f"closes of {ticker} change, but those before {first[ticker]} stay as they were stored: if they are adjusted "
        "for splits or dividends, import the whole history again"
        for ticker in sorted(changed)
        if min(known[ticker]) < first[ticker]
    ]
