"""``finsent watchlist``: the companies that are looked for."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shared.arguments import parse_pairs, parse_time
from cli.shared.columns import ColumnMap, print_columns
from cli.shared.output import Format, echo, print_rows
from errors import many

if TYPE_CHECKING:
    from documents import Entity
    from documents.universe import Listings

group = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""The companies that are looked for in news and comments.

`finsent watchlist import company_tickers.json --out watchlist.json`
""",
)


def register(app: typer.Typer) -> None:
    """Add the group to ``app``."""
    app.add_typer(group, name="watchlist")


@group.command("import")
def import_lists(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE...")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the watch list goes; FINSENT_WATCHLIST names it.")],
    columns: ColumnMap = None,
    desk: Annotated[
        list[str] | None,
        typer.Option("--desk", metavar="SECTOR=DESK", help="The desk of a sector; *=DESK for all others."),
    ] = None,
    shipped: Annotated[
        bool, typer.Option("--shipped/--no-shipped", help="Keep the entries that finsent ships, with their names.")
    ] = True,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many companies, the first ones.")] = None,
) -> None:
    """Make a watch list of lists of companies: the SEC's company_tickers.json, an exchange's CSV, the files of
    FinanceDatabase, or your own.

    Columns are found by their meaning and shown: ticker and name at least, and exchange, ISIN, FIGI, LEI, CIK, sector,
    country, desk, aliases, former names ("Facebook (until 2021-10-28); ..."). Rows of one company (by CIK, LEI, ISIN or
    name, over all FILEs) become one entry. Legal forms are no part of a name. Names that are ordinary words in news,
    people or places count only with a capital letter, or beside a word such as "shares". A column `entity_type`
    (currency, commodity, index, country, central_bank, person) makes other entities of its rows; a person's `leads` is
    the ticker of the company.

    `finsent watchlist import company_tickers_exchange.json LSE.csv --out watchlist.json`

    `finsent watchlist import coverage.xlsx --map name=Issuer --desk "Health Care=pharma" --desk "*=other" --out w.json`
    """
    from documents import Watchlist, shipped_watchlist
    from documents.universe import DeskRules, merged, written

    rules = DeskRules(parse_pairs(desk, "--desk"))
    lists = [_recognised(file, parse_pairs(columns, "--map")) for file in files]
    own = shipped_watchlist().companies if shipped else []
    found = merged((one for listings in lists for one in listings), own, rules)
    companies = found.companies[:limit]
    entities = [*companies, *found.others]
    Watchlist(entities)  # what a worker would refuse is refused here
    new = out.with_name(out.name + ".new")
    new.write_bytes(written(entities))
    new.replace(out)
    for listings in lists:
        found.left_out.update(listings.left_out)
    for reason, count in found.left_out.most_common(10):
        echo(f"left out {many(count, 'row')}: {reason}", err=True)
    _report(companies)
    others = f" and {many(len(found.others), 'other entity')}" if found.others else ""
    echo(
        f"{out}: {many(len(companies), 'company')}{others}; set FINSENT_WATCHLIST={out}, and restart the workers",
        err=True,
    )


@group.command()
def check(
    lists: Annotated[
        list[str] | None, typer.Argument(metavar="LIST...", help="Files, or companies and markets, which ship.")
    ] = None,
) -> None:
    """Check lists together, by default those of FINSENT_WATCHLIST: how many entities of each type, and what is odd.
    Exit code 1, list and entry where one is wrong.

    `finsent watchlist check mine.yaml markets`
    """
    from documents import load_watchlist

    watchlist = load_watchlist(*lists or ())
    for entity_type, count in Counter(one.entity_type for one in watchlist.entities).most_common():
        echo(f"{entity_type.replace('_', ' ')}: {count:,}")
    for one in watchlist.entities:
        if one.leads and one.leads not in watchlist.by_ticker:
            echo(f"warning: {one.ticker} leads {one.leads}, which is on none of these lists")
    companies = {name.lower(): one.ticker for one in watchlist.companies for name in one.names}
    for one in watchlist.entities:
        for name in () if one.is_company else one.names:
            if name.lower() in companies:
                echo(f"warning: {name!r} is a name of {one.ticker} and of the company {companies[name.lower()]}")


@group.command("suggest")
def suggest(
    since: Annotated[str, typer.Option(metavar="TIME", help="week, or a time.")] = "week",
    until: Annotated[str, typer.Option(metavar="TIME")] = "now",
    fewest: Annotated[int, typer.Option(min=1, help="In so many stories, at least.")] = 3,
    form: Annotated[Format, typer.Option("--format", "-f")] = Format.table,
) -> None:
    """List companies that are on no list and are spoken of: names beside "shares", "CEO", "to buy" and the like, in
    English documents, those in most stories first. Some are people or places: look before you add one.

    `finsent watchlist suggest`

    `finsent watchlist suggest --since 2019-03-01 --until 2019-03-31 --fewest 2`
    """
    from documents import Linker, load_watchlist, whole_text
    from documents.universe import Spoken, suggestions
    from storage import connect
    from storage.reads import english_stories

    end = parse_time(until).astimezone(UTC)
    begin = end - timedelta(days=7) if since == "week" else parse_time(since).astimezone(UTC)
    rows = english_stories(connect(), begin, end)
    told = (Spoken(whole_text(title, text), story, source) for title, text, story, source in rows)
    found = suggestions(told, Linker(load_watchlist()), fewest)
    shown = [[one.name, len(one.stories), len(one.sources), " ".join(one.example.split())[:100]] for one in found[:100]]
    print_rows(["name", "stories", "sources", "for example"], shown, form)


def _recognised(file: Path, given: dict[str, str]) -> Listings:
    from documents.files import read_table
    from documents.universe import Listings, listing_columns

    table = read_table(file)
    columns = listing_columns(table, given)
    echo(f"{file.name} is {table}", err=True)
    print_columns("fields of companies", columns, table)
    return Listings(table, columns)


def _report(companies: list[Entity]) -> None:
    """Say how many companies each desk has, and how many names need care."""
    desks = Counter(company.desk for company in companies)
    echo("desks: " + ", ".join(f"{desk} {count:,}" for desk, count in desks.most_common()), err=True)
    guarded = sum(len(one.ordinary) for one in companies), sum(len(one.capitalised) for one in companies)
    echo(
        f"names that count with a capital letter alone: {guarded[1]:,}; ordinary words, which count beside a word of "
        f"business alone: {guarded[0]:,}",
        err=True,
    )
