"""``finsent prices``: closes of shares, and how they moved around alerts."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, time, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.shared.arguments import parse_pairs, parse_time
from cli.shared.columns import ColumnMap, DayFirst, DecimalComma, decimal_of, order_of, print_columns
from cli.shared.failures import fail
from cli.shared.output import Format, echo, print_rows, write_text
from cli.shared.service import user_name
from errors import many

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from clickhouse_driver import Client

    from alerts.event_study import Design, Estimate, Market, Study, StudyEvent
    from documents.files import Close, Prices
    from storage.reads import Closes

MOST_FAULTS = 100
ALL = 1_000_000
FEW_TICKERS = 20
"""The mean of fewer tickers is hardly a market."""

group = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""Closes of shares, from files, and how they moved around alerts.

`finsent prices import prices.csv`

`finsent prices study --kind sentiment_shift --plot study.png`
""",
)


def register(app: typer.Typer) -> None:
    """Add the group to ``app``."""
    app.add_typer(group, name="prices")


@group.command("import")
def import_prices(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE")],
    columns: ColumnMap = None,
    ticker: Annotated[str, typer.Option(help="The ticker of all rows of a file that has no such column.")] = "",
    day_first: DayFirst = None,
    decimal_comma: DecimalComma = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Store the good rows of a file that has bad ones.")
    ] = False,
    dry_run: Annotated[bool, typer.Option(help="Show what was recognised, and store nothing.")] = False,
    form: Annotated[Format, typer.Option("--format", "-f")] = Format.table,
) -> None:
    """Store the daily closes in FILE: CSV, Parquet, Excel, OpenDocument or JSON, packed or not.

    Columns are found by their meaning and shown: ticker, date and close; an adjusted close is preferred. `--map
    close=Last` sets one. A table with one column a ticker, or one a day, is read, too, and so is one below two rows of
    fields and tickers, as yfinance writes it; there, an empty cell is no close. Without tickers, the file's name may be
    one: AAPL.csv, or Stooq's aapl_us_d.csv. Symbols and names of the watch list become its tickers; others, such as
    that of an index, stay as they are. With bad rows nothing is stored, and each of the first hundred is named with its
    field and the remedy. Storing a file again changes nothing; another close for a stored day replaces it.

    `finsent prices import prices.csv`

    `finsent prices import spy.xlsx --ticker SPY --map close=Last`
    """
    from documents import load_watchlist
    from documents.files import Prices, read_table
    from storage import connect
    from storage.reads import closes
    from storage.writes import record_action, write_prices

    table, watchlist = read_table(file), load_watchlist()
    prices = Prices(
        table, watchlist, parse_pairs(columns, "--map"), ticker, order_of(day_first), decimal_of(decimal_comma)
    )
    echo(f"{file.name} is {prices.table}", err=True)
    print_columns("fields of prices", prices.columns, prices.table)
    if prices.of_file:
        echo(f"all rows are of {prices.of_file}, by the file's name; --ticker names another", err=True)
    found = _checked(prices, skip_bad)
    client = connect()
    known = closes(client, tickers=sorted({one.ticker for one in found}))
    new = [one for one in found if known.get(one.ticker, {}).get(one.date) != one.close]
    _show(found, known, {one.ticker: one.name for one in watchlist.entities}, form)
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


@group.command("study")
def study_alerts(
    kind: Annotated[str, typer.Option(help="sentiment_shift, topic_shift, buzz or event; default: all.")] = "",
    severity: Annotated[str, typer.Option(help="notice, warning or critical: at least so bad.")] = "",
    direction: Annotated[str, typer.Option(help="negative, positive, up, down or neutral.")] = "",
    entities: Annotated[
        list[str] | None, typer.Option("--entity", help="Only this company's. May be repeated.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Fired since then.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Fired before then.")] = None,
    benchmark: Annotated[
        str, typer.Option(metavar="TICKER", help="The market; default: the mean of all other tickers with prices.")
    ] = "",
    days: Annotated[int, typer.Option(min=1, max=60, help="Trading days on each side of an alert.")] = 5,
    estimation: Annotated[
        int, typer.Option(min=30, max=1000, help="Trading days before these, to which the market model is fitted.")
    ] = 120,
    close: Annotated[
        str, typer.Option(metavar="TIME ZONE", help="When the exchange closes; later alerts are of the next day.")
    ] = "16:00 America/New_York",
    json_out: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="Write all figures there; - is stdout.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="OUT.png", help="A chart of the cumulative returns.")] = None,
) -> None:
    """Measure how shares moved around alerts, beyond the market: an event study (MacKinlay 1997).

    The abnormal return of a day is what a share returned beyond its market model (alpha and beta over the days
    before). Shown are its mean over the alerts of a direction, for each day from -5 to +5, and the cumulative one
    (CAR), with 95 % intervals, drawn by whole days of alerts; and how much of the move had come before the alert. Of
    alerts about one company whose days overlap, the first is used.

    `finsent prices study --kind sentiment_shift --since 2024-01-01 --plot study.png`

    `finsent prices study --severity critical --benchmark SPY --json study.json`
    """
    from alerts.event_study import Design, Market, study
    from storage import connect
    from storage.reads import closes

    if plot and not find_spec("matplotlib"):
        raise typer.BadParameter("--plot needs matplotlib: pip install 'finsent[local]'")
    closing, zone = _close(close)
    design = Design(days=days, estimation=estimation, close=closing, zone=zone)
    client = connect()
    chosen = _chosen(client, kind, severity, direction, entities or [], since, until)
    if not chosen:
        fail("there are no such alerts: 'finsent alerts' lists those that are stored")
    # Two calendar days for a trading day is ample, with a month for holidays.
    first = min(one.at for one in chosen) - timedelta(days=2 * (days + estimation) + 31)
    last = max(one.at for one in chosen) + timedelta(days=2 * days + 31)
    needed = [*{one.ticker for one in chosen}, benchmark] if benchmark else None
    market = Market(closes(client, first.date(), last.date(), needed), benchmark)
    found = study(chosen, market, design)
    notes = _notes(found, market, severity)
    if plot and found.groups:
        from alerts.event_study import plot as draw

        draw(found, plot, f"Abnormal returns around {many(found.used, 'alert')}")
    if json_out:
        write_text(json.dumps(_figures(found, market, design, notes), indent=1), json_out)
    if str(json_out) != "-":
        _print_study(found, notes)
    if not found.groups:
        fail("no alert could be used: the reasons are above")


def _close(text: str) -> tuple[time, ZoneInfo]:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    clock, _, zone = text.partition(" ")
    try:
        return time.fromisoformat(clock), ZoneInfo(zone.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise typer.BadParameter(
            f"{text!r} is no time and zone; one is '17:30 Europe/Berlin'", param_hint="--close"
        ) from error


def _chosen(
    client: Client,
    kind: str,
    severity: str,
    direction: str,
    entities: list[str],
    since: str | None,
    until: str | None,
) -> list[StudyEvent]:
    from alerts.event_study import StudyEvent
    from documents import AlertKind, AlertState, Direction, Linker, Severity, load_watchlist
    from storage.reads import alerts_now

    for option, given, known in (
        ("--kind", kind, AlertKind), ("--severity", severity, Severity), ("--direction", direction, Direction),
    ):  # fmt: skip
        if given and given not in list(known):
            raise typer.BadParameter(f"{given!r} is none of {', '.join(known)}", param_hint=option)
    linker = Linker(load_watchlist())
    wanted = {linker.ticker(one) for one in entities}
    least = Severity(severity).rank if severity else 0
    end = parse_time(until) if until else None
    rows = alerts_now(client, since=parse_time(since) if since else None, limit=ALL, kind=kind)
    return [
        StudyEvent(row["id"], row["entity"], row["direction"], row["fired_at"])
        for row in rows
        if row["state"] in (AlertState.FIRING, AlertState.RESOLVED)
        and Severity(row["severity"]).rank >= least
        and direction in ("", row["direction"])
        and (not wanted or row["entity"] in wanted)
        and (end is None or row["fired_at"] < end)
    ]


def _notes(found: Study, market: Market, severity: str) -> list[str]:
    """What must be known to read the figures."""
    from alerts.event_study import CAUTION, FEWEST_DAYS

    notes = [CAUTION]
    if not market.benchmark and market.tickers < FEW_TICKERS:
        notes.append(
            f"The market is the mean of {many(market.tickers - 1, 'other ticker')} alone: import more prices, or name "
            "a --benchmark."
        )
    if few := [one.direction for one in found.groups if one.days < FEWEST_DAYS]:
        notes.append(f"No intervals for {', '.join(few)}: the alerts are of fewer than {FEWEST_DAYS} days.")
    if severity:
        notes.append("The severity of an alert is its latest: one that was escalated later is chosen with hindsight.")
    return notes


def _figures(found: Study, market: Market, design: Design, notes: list[str]) -> dict[str, Any]:
    return {
        "market": market.benchmark or f"equally weighted mean of the other tickers, of {market.tickers}",
        "days": design.days,
        "estimation_days": design.estimation,
        "close": f"{design.close:%H:%M} {design.zone}",
        "used": found.used,
        "left_out": dict(found.left_out.most_common()),
        "offsets": found.offsets,
        "groups": [_unpacked(asdict(group)) for group in found.groups],
        "notes": notes,
    }


def _unpacked(value: Any) -> Any:
    """``value`` with estimates as objects: JSON would have them as lists."""
    if isinstance(value, dict):
        return {name: _unpacked(item) for name, item in value.items()}
    if hasattr(value, "_asdict"):
        return value._asdict()
    return [_unpacked(item) for item in value] if isinstance(value, list) else value


def _print_study(found: Study, notes: list[str]) -> None:
    rows = []
    for group in found.groups:
        for offset, day, car in zip(found.offsets, group.abnormal, group.cumulative, strict=True):
            rows.append([group.direction, f"{offset:+d}" if offset else "0", *_percent(day), *_percent(car)])
    if rows:
        columns = ["direction", "day", "abnormal return", "95 % interval", "cumulative", "95 % interval "]
        print_rows(columns, rows, Format.table)
    for group in found.groups:
        echo(f"{group.direction}: {many(group.events, 'alert')} on {many(group.days, 'day')}, beta {group.beta:.2f}")
        for when, part in (("the days before", group.before), ("its day", group.on), ("the days after", group.after)):
            echo(f"  {when}: {' '.join(_percent(part)).rstrip()}")
        if share := group.share_before:
            echo(f"  {share.mean:.0%} [{share.low:.0%}, {share.high:.0%}] of the move had come before the alert's day")
        elif group.before.low is not None:
            echo("  no move over all days that differs from 0: nothing to say of what came first")
    echo(f"{many(found.used, 'alert')} used, {found.left_out.total():,} left out")
    for reason, count in found.left_out.most_common():
        echo(f"  {count:,} {reason}")
    for note in notes:
        echo(note)


def _percent(one: Estimate) -> tuple[str, str]:
    interval = "" if one.low is None or one.high is None else f"[{one.low:+.2%}, {one.high:+.2%}]"
    return f"{one.mean:+.2%}", interval


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
            echo(f"finsent: {prices.table.path.name}, {one}", err=True)
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
