"""What desks hold: the rows of a file of positions, each recognised as a company of the watch list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from documents.files.columns import Columns, find_columns
from documents.files.dates import Order, is_ambiguous, numeric_order, parse_date, two_days_remedy
from documents.files.money import currency_of, read_amount, unit_of_column
from documents.files.numbers import Decimal, Numbers, TwoNumbers, as_text
from documents.files.recognising import BadFile
from documents.files.tables import Table, says_nothing
from documents.linking import Linker
from documents.watchlist import Watchlist
from errors import many

MOST_FAULTS = 10
AHEAD = timedelta(days=1)
"""A position may be dated so far in the future: the date of another time zone."""


@dataclass(slots=True, kw_only=True)
class Holding:
    """What a desk holds of a company. ``exposure`` is signed, in ``currency``: a short position is negative.

    ``rows`` are the rows of the file that were added up, and ``given`` is what the first of them calls the company.
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

    ``rates`` says how much of ``currency`` one unit of another currency is. ``as_of`` holds for rows without a time,
    and ``desk`` for all rows of a file without a column of desks. ``given`` names the columns of fields; ``order`` and
    ``decimal`` say what 03/04/2024 and 1.234 are, where the file does not tell.
    """

    def __init__(
        self,
        watchlist: Watchlist,
        currency: str = "",
        rates: Mapping[str, float] | None = None,
        as_of: datetime | None = None,
        skip_unknown: bool = False,
        given: Mapping[str, str] | None = None,
        order: Order | None = None,
        decimal: Decimal | None = None,
        desk: str = "",
    ) -> None:
        self._desk = desk
        self._currency, self._as_of, self._skip = currency.upper(), as_of, skip_unknown
        self._given, self._order, self._decimal = given, order, decimal
        self._rates = {name.upper(): rate for name, rate in (rates or {}).items()}
        self._linker = Linker(watchlist)
        self._tickers = watchlist.by_ticker
        self._by_name = watchlist.by_name
        self.skipped: list[tuple[int, str]] = []
        """(row, why) of the rows that were left out."""

    def columns(self, table: Table) -> Columns:
        """Which column of ``table`` is what. Raises ``BadFile`` where one is missing that is needed."""
        try:
            found = find_columns("positions", table.columns, self._given)
        except BadFile as error:
            raise BadFile(f"{table.path}: {error}") from error
        if self._desk and "desk" in found.of:
            raise BadFile(
                f"{table.path} has a column of desks, {found.of['desk']!r}: leave out --desk, or give --map desk="
            )
        missing = [name for name in ("desk", "entity") if name not in found.of and not (name == "desk" and self._desk)]
        if "value" not in found.of and not {"quantity", "price"} <= found.of.keys():
            missing.append("value (or quantity and price)")
        if missing:
            raise BadFile(
                f"{table.path} was read as {table}: it needs a column {' and a column '.join(missing)}; it has "
                f"{', '.join(table.columns) or 'none'}; name one with --map {missing[0].split()[0]}=COLUMN"
                f"{', or the desk of all rows with --desk' if missing[0] == 'desk' else ''}"
            )
        return found

    def read(self, table: Table) -> list[Holding]:
        """The holdings in ``table``, with the rows about one desk, company and time added up. Raises ``BadFile``; then
        nothing of the file may be used."""
        self.skipped = []
        of = self.columns(table).of
        amounts = [name for name in ("value", "quantity", "price") if name in of]
        numbers = Numbers(table, (of[name] for name in amounts), self._decimal)
        order = self._order or _order_of(row.values.get(of.get("as_of", "")) for row in table.rows())
        found: dict[tuple[str, str, datetime], Holding] = {}
        faults: list[str] = []
        for row in table.rows():
            if row.is_total:
                self.skipped.append((row.number, "it is the total of the rows above"))
                continue
            try:
                if row.fault:
                    raise _Fault(row.fault)
                given = {name: _said(row.values.get(column)) for name, column in of.items()}
                amount: dict[str, float | None] = {}
                said: dict[str, tuple[str, ...]] = {}
                for name in amounts:
                    amount[name], said[name] = _number(numbers, of[name], row.values.get(of[name]), name)
                at = self._time(row.values.get(of.get("as_of", "")), order)
                self._add(given, amount, said, at, row.number, found)
            except _Fault as fault:
                faults.append(f"row {row.number}: {fault}")
        if faults:
            more = f"; and {many(len(faults) - MOST_FAULTS, 'more row')}" if len(faults) > MOST_FAULTS else ""
            raise BadFile(f"{table.path}: {'; '.join(faults[:MOST_FAULTS])}{more}; nothing is stored")
        if not found:
            raise BadFile(f"{table.path}: there is no position in it")
        self._same_currency(found.values(), str(table.path))
        return list(found.values())

    def _add(
        self,
        given: Mapping[str, str],
        amount: Mapping[str, float | None],
        said: Mapping[str, tuple[str, ...]],
        at: datetime,
        number: int,
        found: dict[tuple[str, str, datetime], Holding],
    ) -> None:
        desk, entity = self._desk or given.get("desk", ""), given.get("entity", "")
        if not desk:
            raise _Fault("the desk is missing")
        ticker = self._ticker(entity)
        value, currency = self._value(given, amount, said)
        quantity = amount.get("quantity")
        if not ticker:
            self.skipped.append((number, f"{entity!r} is no company of the watch list"))
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
        one.rows.append(number)

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

    def _time(self, value: Any, order: Order | None) -> datetime:
        text = _said(value)
        if not text:
            if self._as_of is None:
                raise _Fault("it says not as of when it is: fill in as_of, or give --as-of")
            return self._as_of
        at = parse_date(value, UTC, order)
        if at is None and is_ambiguous(text):
            raise _Fault(f"as_of {text!r} may be two days: {two_days_remedy(text)}")
        if at is None:
            raise _Fault(f"as_of {text!r} is no time: write 2024-01-31 or 2024-01-31T17:00:00Z")
        if at > datetime.now(UTC) + AHEAD:
            raise _Fault(f"as_of {text} is in the future")
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    def _value(
        self, given: Mapping[str, str], amount: Mapping[str, float | None], said: Mapping[str, tuple[str, ...]]
    ) -> tuple[float, str]:
        """The value and its currency, converted into the common currency if there is one. ``said`` are the currencies
        that each amount may be in."""
        value, quantity, price = (amount.get(name) for name in ("value", "quantity", "price"))
        known = said.get("value", ())
        if value is None:
            if quantity is None or price is None:
                raise _Fault("it has no value: fill in value, or quantity and price")
            value, known = quantity * price, said["price"]
        currency = self._currency_of(given.get("currency", ""), known)
        if self._currency and currency != self._currency:
            if currency not in self._rates:
                raise _Fault(f"it is in {currency}, not in {self._currency}: {_rate_remedy(currency, self._currency)}")
            return value * self._rates[currency], self._currency
        return value, currency

    def _currency_of(self, text: str, said: tuple[str, ...]) -> str:
        """The currency that is named in a row, ``text`` in its column and ``said`` by its amount, or that of all."""
        own = currency_of(text) or ((text.upper(),) if text else said)
        if text and said:
            if not (both := tuple(one for one in own if one in said)):
                raise _Fault(f"its amount is in {_listed(said)}, and its currency is {text!r}: correct one of them, or "
                             "leave the column of currencies out with --map currency=")  # fmt: skip
            own = both
        if len(own) != 1:
            if "GBP" in own and self._currency not in own:
                return "GBP"  # a pound sign, and nothing says whose
            if own and self._currency not in own:
                raise _Fault(f"its amount may be in {_listed(own)}: fill in currency, or give --currency")
            own = (self._currency,)
        if not re.fullmatch(r"[A-Z]{3}", own[0]):
            what = f"{own[0]!r} is no currency of three letters" if own[0] else "it has no currency"
            raise _Fault(f"{what}: fill in currency, or give --currency")
        return own[0]

    def _same_currency(self, holdings: Iterable[Holding], where: str) -> None:
        first: dict[str, int] = {}
        for one in holdings:
            first.setdefault(one.currency, one.rows[0])
        if len(first) > 1:
            (base, line), (other, row), *_ = first.items()
            raise BadFile(
                f"{where}: row {line} is in {base} and row {row} in {other}, and amounts must add up: give "
                f"--currency {base}, and {_rate_remedy(other, base)}; nothing is stored"
            )


def _rate_remedy(currency: str, base: str) -> str:
    return f"--rate {currency}=R, where R is how much {base} one {currency} is"


def _order_of(values: Iterable[Any]) -> Order | None:
    """What comes first in dates of three numbers, told by those that can only be read in one way."""
    orders = {numeric_order(value) for value in values if isinstance(value, str)} - {None}
    return orders.pop() if len(orders) == 1 else None


def _listed(currencies: tuple[str, ...]) -> str:
    shown = " or ".join(currencies[:3])
    return f"{shown} or another" if len(currencies) > 3 else shown


def _said(value: Any) -> str:
    """A cell as text, "" for one that says that it is empty."""
    text = as_text(value)
    return "" if says_nothing(text) else text


def _number(numbers: Numbers, column: str, value: Any, name: str) -> tuple[float | None, tuple[str, ...]]:
    """The amount in a cell, and the currencies that it, or its column's name, says it may be in."""
    if not (text := _said(value)):
        return None, ()
    try:
        number = numbers.read(column, value)
    except TwoNumbers as error:
        raise _Fault(f"{name} {error}") from error
    if number is None:
        raise _Fault(f"{name} {text[:40]!r} is no number: write it as 1234567.89")
    _, unit = unit_of_column(column)
    own = read_amount(text)
    if name == "quantity" and (own.currencies or unit.currencies):
        raise _Fault(f"quantity {text!r} is an amount of money: --map value={column} reads it as the value")
    if unit.factor != 1 and own.factor != 1:
        raise _Fault(f"{name} {text!r} has a multiplier, and the name of the column {column!r}, too: leave one out")
    currencies = own.currencies or unit.currencies
    if own.currencies and unit.currencies:
        currencies = tuple(one for one in own.currencies if one in unit.currencies)
        if not currencies:
            raise _Fault(f"{name} {text!r} is in another currency than its column {column!r} says: correct one of them")
    return number * unit.factor, currencies
