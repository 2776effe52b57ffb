"""One watch list of several lists: the kinds of a company's shares, and what each list knows of it, put together.

Entities that are no companies are taken as their list has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from documents.universe.desks import UNCLASSIFIED, DeskRules
from documents.universe.legal_forms import spoken_name
from documents.universe.listing import Listing
from documents.universe.naming import Beginnings, Names, care_of, names_of
from documents.watchlist import Entity, FormerName

IDENTIFIERS = ("exchange", "isin", "figi", "lei", "cik", "country")


@dataclass(slots=True)
class Merged:
    """The companies, in the order of the lists, the ``others``, and how many rows were left out, by the reason."""

    companies: list[Entity] = field(default_factory=list)
    others: list[Entity] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Group:
    """All that is known of one company; ``own`` is its entry in the list that goes before the others."""

    rows: list[Listing] = field(default_factory=list)
    own: Entity | None = None

    def first(self, name: str) -> str:
        known = getattr(self.own, name, "") if self.own else ""
        return known or next((value for row in self.rows if (value := getattr(row, name))), "")

    @property
    def symbols(self) -> list[str]:
        main = self.own.ticker if self.own else self.rows[0].ticker
        mine = [*(self.own.symbols if self.own else ()), *(row.ticker for row in self.rows)]
        return [one for one in dict.fromkeys(mine) if one != main]


def merged(listings: Iterable[Listing], own: Iterable[Entity] = (), desks: DeskRules | None = None) -> Merged:
    """The watch list of ``listings``. The entries in ``own`` keep their names, desks and sectors: people chose them."""
    result, desks = Merged(), desks or DeskRules()
    of_companies: list[Listing] = []
    for row in listings:
        if row.entity_type == "company":
            of_companies.append(row)
        else:
            result.others.append(_other(row, desks))
    groups = list(_groups(of_companies, own, result.left_out))
    beginnings = Beginnings(
        (spoken_name(group.rows[0].name) for group in groups if not group.own),
        (name for group in groups if group.own for name in group.own.names),
    )
    claimed: dict[str, str] = {}
    symbols: dict[str, str] = {}
    for group in groups:
        if group.own:
            claimed |= {name.lower(): group.own.ticker for name in group.own.names}
        else:  # What a company is called goes before what another one's name is shortened to.
            for name in (one for row in group.rows for one in (spoken_name(row.name), *row.aliases)):
                claimed.setdefault(name.lower(), group.rows[0].ticker)
        ticker = group.own.ticker if group.own else group.rows[0].ticker
        symbols |= {ticker: ticker}
    for group in groups:
        result.companies.append(_company(group, beginnings, claimed, symbols, desks))
    return result


def written(entities: Iterable[Entity]) -> bytes:
    """A watch list's file: a JSON list with a line for each entity."""
    return b"[\n" + b",\n".join(map(msgspec.json.encode, entities)) + b"\n]\n"


def _other(row: Listing, desks: DeskRules) -> Entity:
    """The entry of what is no company."""
    names = list(dict.fromkeys((row.name, *row.aliases)))
    care = {name: care_of(name) for name in names}
    return Entity(
        ticker=row.ticker,
        name=row.name,
        desk=row.desk or desks.desk(row.sector or row.entity_type),
        sector=row.sector,
        aliases=names[1:],
        capitalised=[name for name in names if care[name] == "capital"],
        ordinary=[name for name in names if care[name] == "business"],
        country=row.country,
        entity_type=row.entity_type,
        leads=row.leads,
    )


def _groups(listings: Iterable[Listing], own: Iterable[Entity], left_out: Counter[str]) -> Iterator[_Group]:
    groups: list[_Group] = []
    found: dict[str, _Group] = {}
    """By what a company is known: identifier, ticker or name."""
    for company in own:
        group = _Group(own=company)
        groups.append(group)
        for key in (company.ticker, *company.symbols, *map(str.lower, company.names), *company.identifiers):
            found.setdefault(key, group)
    for row in listings:
        spoken = spoken_name(row.name).lower()
        keys = [one for one in (row.cik, row.lei, row.isin, spoken) if one]
        group_or_none = next((found[key] for key in keys if key in found), None)
        holder = found.get(row.ticker)
        if group_or_none is None and holder is not None:
            if not _same_name(holder, spoken):
                left_out["a ticker that another company has already"] += 1
                continue
            group_or_none = holder
        group = group_or_none or _Group()
        if group_or_none is None:
            groups.append(group)
        group.rows.append(row)
        for key in (*keys, row.ticker):
            found.setdefault(key, group)
    yield from groups


def _same_name(group: _Group, spoken: str) -> bool:
    """Whether a company with the same ticker is the same one: their names share the first word."""
    names = [*(group.own.names if group.own else ()), *(spoken_name(row.name) for row in group.rows)]
    return any(name.lower().split()[:1] == spoken.split()[:1] for name in names)


def _company(
    group: _Group, beginnings: Beginnings, claimed: dict[str, str], symbols: dict[str, str], desks: DeskRules
) -> Entity:
    ticker = group.own.ticker if group.own else group.rows[0].ticker
    identifiers: dict[str, Any] = {name: group.first(name) for name in IDENTIFIERS}
    more = [one for one in group.symbols if symbols.setdefault(one, ticker) == ticker]
    if group.own:
        return msgspec.structs.replace(group.own, symbols=more, **identifiers)
    aliases = [alias for row in group.rows for alias in row.aliases]
    names = names_of(group.rows[0].name, aliases, beginnings)
    for row in group.rows[1:]:
        names.add(spoken_name(row.name), beginnings.care_of(spoken_name(row.name)))
    kept = [name for name in names.all if claimed.setdefault(name.lower(), ticker) == ticker]
    if not kept:  # Another company has all its names: it is found by its symbols, and called as its list has it.
        kept = [f"{group.rows[0].name} ({ticker})"]
        claimed[kept[0].lower()] = ticker
    former = list(_former(group.rows, names, claimed, ticker))
    sector = group.first("sector") or UNCLASSIFIED
    known = {*kept, *(one.name for one in former)}
    return Entity(
        ticker=ticker,
        name=kept[0],
        desk=group.first("desk") or desks.desk(sector),
        sector=sector,
        aliases=kept[1:],
        symbols=more,
        capitalised=[one for one in names.capitalised if one in known],
        ordinary=[one for one in names.ordinary if one in known],
        former=former,
        **identifiers,
    )


def _former(rows: list[Listing], names: Names, claimed: dict[str, str], ticker: str) -> Iterator[FormerName]:
    for row in rows:
        for one in row.former:
            spoken = spoken_name(one.name)
            if spoken and spoken.lower() not in claimed:
                claimed[spoken.lower()] = ticker
                care = care_of(spoken)
                if care != "none":
                    (names.capitalised if care == "capital" else names.ordinary).append(spoken)
                yield FormerName(name=spoken, until=one.until)
