"""``finsent positions``: what the desks hold."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shared.arguments import parse_pairs, parse_time
from cli.shared.columns import ColumnMap, DayFirst, DecimalComma, decimal_of, order_of, print_columns
from cli.shared.failures import fail
from cli.shared.output import Format, echo, print_rows
from cli.shared.service import user_name
from errors import many

if TYPE_CHECKING:
    from clickhouse_driver import Client

    from documents.files import Holding

group = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""What the desks hold: by it, rules route alerts, and alerts say what is at stake.

`finsent positions import positions.csv --currency USD`

`finsent positions list`
""",
)


def register(app: typer.Typer) -> None:
    """Add the group to ``app``."""
    app.add_typer(group, name="positions")


@group.command("import")
def import_positions(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE")],
    as_of: Annotated[str | None, typer.Option(metavar="TIME", help="As of when, for rows that do not say.")] = None,
    currency: Annotated[
        str, typer.Option(metavar="CODE", help="In which currency to store all; also of rows that name none.")
    ] = "",
    desk: Annotated[str, typer.Option(help="The desk of all rows of a file that has no such column.")] = "",
    rate: Annotated[
        list[str] | None, typer.Option(metavar="CODE=RATE", help="How much of --currency one CODE is, e.g. EUR=1.08.")
    ] = None,
    columns: ColumnMap = None,
    day_first: DayFirst = None,
    decimal_comma: DecimalComma = None,
    skip_unknown: Annotated[bool, typer.Option(help="Leave out companies that the watch list does not have.")] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="The file is all that its desks hold: end their other positions.")
    ] = False,
    dry_run: Annotated[bool, typer.Option(help="Show what was recognised, and store nothing.")] = False,
    form: Annotated[Format, typer.Option("--format", "-f")] = Format.table,
) -> None:
    """Store the positions in FILE (CSV, Excel, OpenDocument, Parquet, JSON), and show as which companies they count.

    Columns are found by their meaning and shown: desk, entity (a ticker or name of the watch list), value (or
    quantity and price; a short position is negative), currency, as_of; `--map value=Exposure` sets one. Amounts
    may be written as 5 USD, $1,200.50, 1.2M, 1,5 Mio. or (1,200), and a column's name may say their currency and unit,
    as in Value (EUR m); a currency that a row names twice must be the same. Rows of one
    desk, company and time are added up. A value of 0 ends a position. If any row is faulty, nothing is stored.
    Storing the same file again changes nothing.

    `finsent positions import positions.csv --as-of 2024-01-31T17:00:00Z --currency EUR --rate USD=0.92`
    """
    from documents import load_watchlist
    from documents.files import HoldingsReader, read_table
    from storage import connect
    from storage.writes import record_action, write_holdings

    watchlist = load_watchlist()
    moment = parse_time(as_of) if as_of else None
    reader = HoldingsReader(
        watchlist,
        currency,
        _rates(rate or [], currency),
        moment,
        skip_unknown,
        parse_pairs(columns, "--map"),
        order_of(day_first),
        decimal_of(decimal_comma),
        desk,
    )
    table = read_table(file)
    echo(f"{file.name} is {table}", err=True)
    print_columns("fields of positions", reader.columns(table), table)
    found = reader.read(table)
    client = connect()
    _check_currency(client, found, file)
    found += _ended(client, found) if whole else []
    states = _states(client, found)
    _show(found, states, {one.ticker: one.name for one in watchlist.entities}, form)
    new = [one for one, state in zip(found, states, strict=True) if state != "as before"]
    for number, why in reader.skipped:
        echo(f"row {number} is left out: {why}", err=True)
    if dry_run:
        echo(f"{len(new)} of {many(len(found), 'position')} would be stored", err=True)
        return
    write_holdings(client, [(o.desk, o.ticker, o.exposure, o.currency, o.quantity, o.at) for o in new])
    if new:
        record_action(
            client, user_name(), "imported positions", file.name, f"{many(len(new), 'position')}", "command line"
        )
    echo(f"{many(len(new), 'position')} stored, {len(found) - len(new)} as before", err=True)


@group.command("list")
def list_positions(
    at: Annotated[str | None, typer.Option(metavar="TIME", help="Those of then; default: now.")] = None,
    form: Annotated[Format, typer.Option("--format", "-f")] = Format.table,
) -> None:
    """List what each desk holds, the largest positions first.

    `finsent positions list --at 2024-01-31T12:00:00Z`
    """
    from storage import connect
    from storage.reads import holdings

    columns = ["desk", "ticker", "exposure", "currency", "quantity", "at"]
    rows = holdings(connect(), parse_time(at) if at else None)
    print_rows(columns, [[row[name] for name in columns] for row in rows], form)


def _rates(given: list[str], currency: str) -> dict[str, float]:
    rates = {}
    for text in given:
        code, _, number = text.partition("=")
        try:
            rates[code] = float(number)
        except ValueError as error:
            raise typer.BadParameter(f"{text!r} is no rate; one is 'USD=0.92'") from error
    if rates and not currency:
        raise typer.BadParameter("--rate needs --currency, into which it changes")
    return rates


def _check_currency(client: Client, found: list[Holding], file: Path) -> None:
    """Fail where the desks' positions are in another currency: the amounts could not be added."""
    from storage.reads import holdings

    (own,) = {one.currency for one in found}
    replaced = {(one.desk, one.ticker) for one in found}
    others = {
        row["currency"] for row in holdings(client) if row["currency"] and (row["desk"], row["ticker"]) not in replaced
    }
    if other := sorted(others - {own}):
        fail(
            f"{file} is in {own}, but stored positions are in {other[0]}: give --currency {other[0]} and "
            f"--rate {own}=R, where R is how much {other[0]} one {own} is"
        )


def _ended(client: Client, found: list[Holding]) -> list[Holding]:
    """The positions of the file's desks that are not in it, with nothing left, as of the desk's latest row."""
    from documents.files import Holding
    from storage.reads import holdings

    latest: dict[str, datetime] = {}
    for one in found:
        latest[one.desk] = max(latest.get(one.desk, one.at), one.at)
    named = {(one.desk, one.ticker) for one in found}
    return [
        Holding(desk=desk, ticker=row["ticker"], exposure=0.0, currency=row["currency"], quantity=0.0, at=at, rows=[])
        for desk, at in latest.items()
        for row in holdings(client, at)
        if row["desk"] == desk and (desk, row["ticker"]) not in named
    ]


def _states(client: Client, found: list[Holding]) -> list[str]:
    """Of each position, whether it is new, changed, ended or recorded as it is."""
    from storage.reads import recorded_holdings

    known = recorded_holdings(client, sorted({one.desk for one in found}))
    states = []
    for one in found:
        before = known.get((one.desk, one.ticker, one.at))
        same = before == (one.exposure, one.currency, one.quantity)
        states.append("as before" if same else "changed" if before else "new" if one.rows else "ended")
    return states


def _show(found: list[Holding], states: list[str], names: dict[str, str], form: Format) -> None:
    columns = ["rows", "desk", "given", "ticker", "company", "exposure", "currency", "quantity", "as_of", "is"]
    print_rows(
        columns,
        [
            [
                ", ".join(map(str, one.rows)), one.desk, one.given, one.ticker, names.get(one.ticker, ""), one.exposure,
                one.currency, one.quantity, one.at, state,
            ]
            for one, state in zip(found, states, strict=True)
        ],
        form,
    )  # fmt: skip
