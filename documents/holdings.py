"""What desks hold: the rows of a CSV file of positions, each recognised as a company of the watch list."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from documents.linking import Linker
from documents.showing import from_spreadsheet
from documents.watchlist import Watchlist
from errors import FinsentError

NAMES = {
    "desk": ("desk", "book", "portfolio"),
    "entity": ("entity", "ticker", "symbol", "company", "issuer", "name"),
    "value": ("value", "exposure", "market_value", "amount", "notional"),
    "quantity": ("quantity", "qty", "shares", "units"),
    "price": ("price",),
    "currency": ("currency", "ccy"),
    "as_of": ("as_of", "asof", "date", "at"),
}
"""What each column may be called, in any case, with spaces or hyphens for the underscores."""

MOST_FAULTS = 10
AHEAD = timedelta(days=1)
"""A position may be dated so far in the future: the date of another time zone."""

_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)?([eE][+-]?\d+)?")


class BadHoldings(FinsentError, ValueError):
    """The file of positions cannot be used. The text says in which rows, why, and what to do; nothing is stored."""


@dataclass(slots=True, kw_only=True)
class Holding:
    """What a desk holds of a company. ``exposure`` is signed, in ``currency``: a short position is negative.

    ``rows`` are the lines of the file that were added up, and ``given`` is what the first of them calls the company.
    """

    desk: str
    ticker: str
    exposure: float
    currency: str
    quantity: float | None
    at: datetime
    rows: list[int]
    given: str = ""


class _Fault(Exception):
    """What is wrong with a row."""


class HoldingsReader:
    """Reads files of positions against one watch list.

    ``rates`` says how much of ``currency`` one unit of another currency is. ``as_of`` holds for rows without a time.
    """

    def __init__(
        self,
        watchlist: Watchlist,
        currency: str = "",
        rates: Mapping[str, float] | None = None,
        as_of: datetime | None = None,
        skip_unknown: bool = False,
    ) -> None:
        self._currency, self._as_of, self._skip = currency.upper(), as_of, skip_unknown
        self._rates = {name.upper(): rate for name, rate in (rates or {}).items()}
        self._linker = Linker(watchlist)
        self._tickers = watchlist.by_ticker
        self._by_name = watchlist.by_name
        self.skipped: list[tuple[int, str]] = []
        """(line, what it calls the company) of the rows that were left out."""

    def read(self, lines: Iterable[str], where: str) -> list[Holding]:
        """The holdings of a CSV file, with the rows about one desk, company and time added up. Raises
        ``BadHoldings``."""
        self.skipped = []
        text = list(lines)
        try:
            delimiter = csv.Sniffer().sniff(text[0], ",;\t|").delimiter if text else ","
        except csv.Error:
            delimiter = ","
        reader = csv.reader(text, delimiter=delimiter)
        columns = _columns(next(reader, []), where)
        found: dict[tuple[str, str, datetime], Holding] = {}
        faults: list[str] = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            try:
                given = {name: from_spreadsheet(cells[i]).strip() for name, i in columns.items() if i < len(cells)}
                self._add(given, reader.line_num, found)
            except _Fault as fault:
                faults.append(f"row {reader.line_num}: {fault}")
        if faults:
            more = f"; and {len(faults) - MOST_FAULTS} more rows" if len(faults) > MOST_FAULTS else ""
            raise BadHoldings(f"{where}: {'; '.join(faults[:MOST_FAULTS])}{more}; nothing is stored")
        if not found:
            raise BadHoldings(f"{where}: there is no position in it")
        self._same_currency(found.values(), where)
        return list(found.values())

    def _add(self, given: Mapping[str, str], line: int, found: dict[tuple[str, str, datetime], Holding]) -> None:
        desk, entity = given.get("desk", ""), given.get("entity", "")
        if not desk:
            raise _Fault("the desk is missing")
        ticker = self._ticker(entity)
        at = self._time(given.get("as_of", ""))
        quantity = _number(given.get("quantity", ""), "quantity")
        value, currency = self._value(given, quantity)
        if not ticker:
            self.skipped.append((line, entity))
            return
        one = found.setdefault(
            (desk, ticker, at),
            Holding(desk=desk, ticker=ticker, exposure=0.0, currency=currency, quantity=None, at=at, rows=[],
                    given=entity),
        )  # fmt: skip
        if one.currency != currency:
            raise _Fault(f"it is in {currency}, but row {one.rows[0]} of the same position is in {one.currency}: "
                         f"{_rate_remedy(currency, one.currency)}")  # fmt: skip
        one.exposure += value
        if quantity is not None:
            one.quantity = (one.quantity or 0.0) + quantity
        one.rows.append(line)

    def _ticker(self, entity: str) -> str:
        """The ticker of a company, '' for an unknown one that is left out."""
        if not entity:
            raise _Fault("the entity (a ticker or name) is missing")
        ticker = self._linker.ticker(entity)
        ticker = ticker if ticker in self._tickers else self._by_name.get(entity.lower(), "")
        if not ticker and not self._skip:
            raise _Fault(f"{entity!r} is no company of the watch list: add it there, or leave such rows out with "
                         "--skip-unknown")  # fmt: skip
        return ticker

    def _time(self, text: str) -> datetime:
        if not text:
            if self._as_of is None:
                raise _Fault("it says not as of when it is: fill in as_of, or give --as-of")
            return self._as_of
        try:
            at = datetime.fromisoformat(text)
        except ValueError as error:
            raise _Fault(f"as_of {text!r} is no time: write 2024-01-31 or 2024-01-31T17:00:00Z") from error
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        if at > datetime.now(UTC) + AHEAD:
            raise _Fault(f"as_of {text} is in the future")
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    def _value(self, given: Mapping[str, str], quantity: float | None) -> tuple[float, str]:
        """The value and its currency, converted into the common currency if there is one."""
        value, price = _number(given.get("value", ""), "value"), _number(given.get("price", ""), "price")
        if value is None:
            if quantity is None or price is None:
                raise _Fault("it has no value: fill in value, or quantity and price")
            value = quantity * price
        currency = given.get("currency", "").upper() or self._currency
        if not re.fullmatch(r"[A-Z]{3}", currency):
            said = f"{currency!r} is no currency of three letters" if currency else "it has no currency"
            raise _Fault(f"{said}: fill in currency, or give --currency")
        if self._currency and currency != self._currency:
            if currency not in self._rates:
                raise _Fault(f"it is in {currency}, not in {self._currency}: {_rate_remedy(currency, self._currency)}")
            return value * self._rates[currency], self._currency
        return value, currency

    def _same_currency(self, holdings: Iterable[Holding], where: str) -> None:
        first: dict[str, int] = {}
        for one in holdings:
            first.setdefault(one.currency, one.rows[0])
        if len(first) > 1:
            (base, line), (other, row), *_ = first.items()
            raise BadHoldings(
                f"{where}: row {line} is in {base} and row {row} in {other}, and amounts must add up: give "
                f"--currency {base}, and {_rate_remedy(other, base)}; nothing is stored"
            )


def _rate_remedy(currency: str, base: str) -> str:
    return f"--rate {currency}=R, where R is how much {base} one {currency} is"


def _columns(header: Sequence[str], where: str) -> dict[str, int]:
    """Where each column stands."""
    found: dict[str, int] = {}
    for i, cell in enumerate(header):
        called = re.sub(r"[\s-]+", "_", cell.strip().lower().lstrip("\ufeff"))
        for name, names in NAMES.items():
            if called in names:
                if name in found:
                    raise BadHoldings(f"{where}: the columns {header[found[name]]!r} and {cell!r} both say the {name}: "
                                      "keep one of them")  # fmt: skip
                found[name] = i
    missing = [name for name in ("desk", "entity") if name not in found]
    if "value" not in found and not {"quantity", "price"} <= found.keys():
        missing.append("value (or quantity and price)")
    if missing:
        had = ", ".join(filter(None, map(str.strip, header))) or "none"
        raise BadHoldings(f"{where}: it needs a column {' and a column '.join(missing)}; it has {had}")
    return found


def _number(text: str, name: str) -> float | None:
    """A number as systems and accountants write it: ``1,234.5``, ``-3``, ``(1,200)`` for a negative one."""
    if not text:
        return None
    plain = text.replace("\u2212", "-").replace(" ", "")
    if negative := plain.startswith("(") and plain.endswith(")"):
        plain = plain[1:-1]
    if not _NUMBER.fullmatch(plain):
        raise _Fault(f"{name} {text!r} is no number: write it as 1234567.89")
    number = float(plain.replace(",", ""))
    return -number if negative else number
