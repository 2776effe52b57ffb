"""The rows of somebody's list of companies, or of other entities, whatever its columns are called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from documents.files import BadFile, Columns, Table, find_columns, parse_date
from documents.watchlist import ENTITY_TYPES, EntityType, FormerName

_NO_COMPANY = re.compile(
    r"\b(?:etfs?|etns?|warrants?|rights?|units?|preferred|preference|depositary shares? each|notes due|debentures?"
    r"|test stock|exchange[- ]traded|funds?|spdr|ishares|proshares|direxion|grayscale|qqq|ucits|acquisition corp"
    r"|% .*(?:series|notes|pref))\b",
    re.IGNORECASE,
)
"""Securities that are no company's shares: nobody writes about them by these names."""

_NO_SHARE = re.compile(
    r"\b(?:cash|futures?|forwards?|options?|bonds?|notes?|fixed income|money market|fx|currenc(?:y|ies)|swaps?"
    r"|derivatives?|funds?|etfs?|etns?|warrants?|rights?|commodit(?:y|ies)|indexe?s?|indices|crypto\w*)\b",
    re.IGNORECASE,
)
"""Kinds of assets that are no company's shares, as lists of holdings name them."""

_YES = frozenset({"y", "yes", "true", "1", "etf", "fund"})
_UNTIL = re.compile(r"(.+?)\s*\(\s*(?:until|to|-)?\s*([\d-]{4,10})\s*\)")
_SUFFIX_OF_MIC = {
    "XLON": ".L", "XETR": ".DE", "XFRA": ".DE", "XPAR": ".PA", "XAMS": ".AS", "XBRU": ".BR", "XMIL": ".MI",
    "XMAD": ".MC", "XSWX": ".SW", "XSTO": ".ST", "XCSE": ".CO", "XHEL": ".HE", "XOSL": ".OL", "XTKS": ".T",
    "XHKG": ".HK", "XTSE": ".TO", "XASX": ".AX", "XNSE": ".NS", "XBOM": ".BO", "XKRX": ".KS", "XSHG": ".SS",
    "XSHE": ".SZ", "XTAI": ".TW", "XSES": ".SI",
}  # fmt: skip
"""The suffix that tickers of an exchange have in watch lists, by the exchange's code of ISO 10383."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One row: a company, or one kind of its shares, as a list has it, or another entity. "" where the list does not
    say."""

    ticker: str
    name: str
    exchange: str = ""
    isin: str = ""
    figi: str = ""
    lei: str = ""
    cik: str = ""
    sector: str = ""
    country: str = ""
    desk: str = ""
    aliases: tuple[str, ...] = ()
    former: tuple[FormerName, ...] = ()
    entity_type: EntityType = "company"
    leads: str = ""


def listing_columns(table: Table, given: Mapping[str, str] | None = None) -> Columns:
    """Which column of ``table`` is what. Raises ``BadFile`` where it has no tickers or no names."""
    found = find_columns("companies", table.columns, given)
    if missing := [name for name in ("ticker", "name") if name not in found.of]:
        names = ", ".join(map(repr, table.columns[:20])) or "none"
        raise BadFile(
            f"{table.path} was read as {table}: no column is known to be the {' or the '.join(missing)} of companies "
            f"(there are {names}); name one with --map {missing[0]}=COLUMN"
        )
    return found


class Listings:
    """The companies in ``table``. ``left_out`` counts the rows that are none, by the reason."""

    def __init__(self, table: Table, columns: Columns) -> None:
        self._table, self._of = table, columns.of
        self.left_out: dict[str, int] = {}

    def __iter__(self) -> Iterator[Listing]:
        for row in self._table.rows():
            if row.fault:
                self._leave_out(row.fault)
            elif one := self._listing(row.values):
                yield one

    def _listing(self, values: Mapping[str, Any]) -> Listing | None:
        given = {name: _text(values.get(column)) for name, column in self._of.items()}
        ticker, name = given["ticker"].lstrip("$"), given["name"]
        if not ticker or not name:
            self._leave_out("no ticker or no name")
            return None
        aliases = tuple(filter(None, map(str.strip, given.get("aliases", "").split(";"))))
        kind = given.get("entity_type", "").lower().replace(" ", "_") or "company"
        if kind != "company":
            return self._other(kind, ticker, name, aliases, given)
        ticker = ticker.upper()
        no_share = _NO_SHARE.search(given.get("asset_class", ""))
        if no_share or _NO_COMPANY.search(name) or given.get("fund", "").lower() in _YES:
            self._leave_out("a fund, a warrant or another security that is no share")
            return None
        if " " in ticker or len(ticker) > 20:
            self._leave_out("a ticker that is none")
            return None
        mic = given.get("mic", "").upper()
        if "." not in ticker and mic in _SUFFIX_OF_MIC:
            ticker += _SUFFIX_OF_MIC[mic]
        cik = given.get("cik", "").removesuffix(".0")
        return Listing(
            ticker=ticker,
            name=name,
            exchange=given.get("exchange", "") or mic,
            isin=given.get("isin", "").upper(),
            figi=given.get("figi", "").upper(),
            lei=given.get("lei", "").upper(),
            cik=cik.zfill(10) if cik.isdigit() else "",
            sector=given.get("sector", ""),
            country=given.get("country", ""),
            desk=given.get("desk", ""),
            aliases=aliases,
            former=tuple(_former(values.get(self._of.get("former", "")), given.get("renamed", ""))),
        )

    def _other(
        self, kind: str, ticker: str, name: str, aliases: tuple[str, ...], given: Mapping[str, str]
    ) -> Listing | None:
        """What is no company. By custom its type stands in front of its ticker, so that it is no company's."""
        if kind not in ENTITY_TYPES:
            self._leave_out(f"an entity_type that is none of {', '.join(ENTITY_TYPES)}")
            return None
        return Listing(
            ticker=ticker if ":" in ticker else f"{kind}:{ticker.upper()}",
            name=name,
            country=given.get("country", ""),
            sector=given.get("sector", ""),
            desk=given.get("desk", ""),
            aliases=aliases,
            entity_type=kind,  # type: ignore[arg-type]
            leads=given.get("leads", ""),
        )

    def _leave_out(self, reason: str) -> None:
        self.left_out[reason] = self.left_out.get(reason, 0) + 1


def _text(value: Any) -> str:
    if value is None or value != value:  # a float that is no number, as pandas writes an empty cell
        return ""
    if isinstance(value, list):
        return "; ".join(str(one) for one in value if not isinstance(one, dict))
    text = " ".join(str(value).split())
    return "" if text.lower() in ("nan", "none", "null", "n/a", "-") else text


def _former(value: Any, renamed: str) -> Iterator[FormerName]:
    """Former names: "Facebook (until 2021-10-28); TheFacebook", or a list of objects as the SEC's submissions have it.
    ``renamed`` is the date of a column of its own."""
    if isinstance(value, list):
        for one in value:
            if isinstance(one, dict) and one.get("name"):
                yield FormerName(name=str(one["name"]), until=_day(one.get("to") or one.get("until")))
            elif isinstance(one, str) and one.strip():
                yield FormerName(name=one.strip())
        return
    for part in _text(value).split(";"):
        if dated := _UNTIL.fullmatch(part.strip()):
            yield FormerName(name=dated[1], until=_day(dated[2]))
        elif part.strip():
            yield FormerName(name=part.strip(), until=_day(renamed))


def _day(value: Any) -> str:
    moment = parse_date(value) if value else None
    return moment.date().isoformat() if moment else ""
