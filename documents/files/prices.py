"""Rows of a file as closes of shares, each checked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from documents.files.columns import Columns, find_columns
from documents.files.dates import Order, is_ambiguous, numeric_order, parse_date, two_days_remedy
from documents.files.messages import SAMPLE, BadRow, RowFault
from documents.files.numbers import Decimal, Numbers, TwoNumbers, as_text
from documents.files.recognising import BadFile
from documents.files.tables import Table, says_nothing
from documents.files.wide_prices import as_rows
from documents.linking import Linker
from documents.watchlist import Watchlist

AHEAD = timedelta(days=1)
"""A close may be dated so far in the future: the date of another time zone."""

_THREE_NUMBERS = re.compile(r"\s*\d{1,2}[/.-]\d{1,2}[/.-]\d")
_ISO_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ].*)?")


class Close(NamedTuple):
    """The close of ``ticker`` on the trading day ``date``. ``number`` is the row of the file, and ``given`` what the
    file calls the ticker."""

    number: int
    ticker: str
    date: date
    close: float
    given: str


class Prices:
    """The closes in ``table``. Raises ``BadFile`` where it has no dates, closes or tickers.

    ``given`` names the columns of fields, ``ticker`` is that of all rows of a file without such a column, and
    ``order`` and ``decimal`` say what 03/04/2024 and 1.234 are, where the file does not tell. A table with a column for
    each ticker, or one for each day, is read, too, unless ``given`` names columns or ``ticker`` is given. A symbol
    or name of the watch list becomes its ticker; any other symbol, such as that of an index, stays as it is, in capital
    letters.
    """

    def __init__(
        self,
        table: Table,
        watchlist: Watchlist,
        given: Mapping[str, str] | None = None,
        ticker: str = "",
        order: Order | None = None,
        decimal: Decimal | None = None,
    ) -> None:
        self._linker, self._tickers, self._by_name = Linker(watchlist), watchlist.by_ticker, watchlist.by_name
        self.table, self._ticker, self.of_file = table, ticker, ""
        """``of_file`` is the ticker that the file's name says, where nothing else does."""
        try:
            self.columns: Columns = find_columns("prices", table.columns, given)
        except BadFile as error:
            raise BadFile(f"{table.path}: {error}") from error
        missing = [name for name in ("date", "close") if name not in self.columns.of]
        names = ", ".join(map(repr, table.columns[:20]))[:300] or "none"
        if ticker and "ticker" in self.columns.of:
            raise BadFile(
                f"{table.path} has a column of tickers, {self.columns.of['ticker']!r}: leave out --ticker, or give "
                "--map ticker="
            )
        long = not missing and (ticker or "ticker" in self.columns.of)
        if not long and not given and not ticker and (wide := as_rows(table, self._is_known, order)):
            self.table, self.columns = wide
            missing = []
        if missing:
            raise BadFile(
                f"{table.path} was read as {table}: no column is known to be the {' or the '.join(missing)} of prices "
                f"(there are {names}); name one with --map {missing[0]}=COLUMN"
            )
        if not ticker and "ticker" not in self.columns.of:
            self._ticker = self.of_file = self._ticker_in_name(table.path)
            if not self._ticker:
                raise BadFile(
                    f"{table.path} was read as {table}: no column is known to be the ticker (there are {names}), and "
                    "the file's name is none; name one with --map ticker=COLUMN, or the ticker of all rows with "
                    "--ticker"
                )
        self._known: dict[str, str] = {}
        self._order = order or self._found_order()
        self._numbers = Numbers(self.table, [self.columns.of["close"]], decimal)

    def __iter__(self) -> Iterator[Close | RowFault]:
        """Every row, as a close or as what is wrong with it, in the file's order. Of rows that say the same, only the
        first one counts."""
        seen: dict[tuple[str, date], Close] = {}
        for row in self.table.rows():
            try:
                if row.fault:
                    raise BadRow("", row.fault)
                one = self._close(row.number, row.values)
                before = seen.setdefault((one.ticker, one.date), one)
                if before is one:
                    yield one
                elif before.close != one.close:
                    raise BadRow(
                        "close",
                        f"{one.close:g} for {one.given} on {one.date}, but row {before.number} ({before.given}) has "
                        f"{before.close:g}: keep one of them",
                    )
            except BadRow as fault:
                field = fault.field
                if field and self.table.shape:
                    field += f" of {as_text(row.values[self.columns.of['ticker']])}"
                yield RowFault(row.number, field, str(fault), fault.bare)

    def _close(self, number: int, values: Mapping[str, Any]) -> Close:
        given = {name: values.get(column) for name, column in self.columns.of.items()}
        symbol = self._ticker or as_text(given["ticker"])
        if not symbol:
            raise BadRow("ticker", "the ticker is missing: fill it in")
        day = self._day(given["date"])
        return Close(number, self._as_known(symbol), day, self._price(given["close"]), symbol)

    def _is_known(self, name: str) -> bool:
        return self._linker.ticker(name) in self._tickers or name.lower() in self._by_name

    def _ticker_in_name(self, path: Path) -> str:
        """The ticker of the watch list that is the file's name, as in ``AAPL.csv`` and Stooq's ``aapl_us_d.csv``."""
        stem = re.sub(r"(?:\.(?:csv|tsv|txt|json|jsonl|parquet|xlsx?|xlsb|ods|gz|bz2|xz|zst|zip))+$", "", path.name)
        stem = re.sub(r" ?\(\d+\)$", "", stem)
        if stooq := re.fullmatch(r"([a-z\d.-]+?)[._]us(?:_[dwm])?", stem):
            stem = stooq[1].upper()
        ticker = self._linker.ticker(stem) if stem == stem.upper() else ""
        return stem if ticker in self._tickers else ""

    def _as_known(self, symbol: str) -> str:
        if symbol not in self._known:
            ticker = symbol if symbol in self._tickers else self._linker.ticker(symbol)
            named = ticker if ticker in self._tickers else self._by_name.get(symbol.lower(), "")
            self._known[symbol] = named or symbol.lstrip("$").upper()
        return self._known[symbol]

    def _day(self, value: Any) -> date:
        """The trading day as the file writes it: a time with a zone, such as midnight in Tokyo, is of its own day."""
        if value is None or not str(value).strip():
            raise BadRow("date", "the date is missing: fill it in")
        iso = _ISO_DAY.fullmatch(str(value).strip())
        moment = parse_date(iso[1] if iso else value, UTC, self._order)
        if moment is None:
            two = isinstance(value, str) and is_ambiguous(value)
            remedy = two_days_remedy(value) if two else "write 2024-01-31"
            raise BadRow("date", f"{str(value)!r} {'may mean two days' if two else 'is no date'}: {remedy}")
        if moment > datetime.now(UTC) + AHEAD:
            raise BadRow("date", f"{str(value)!r} is in the future: correct it, or leave the row out")
        return moment.date()

    def _found_order(self) -> Order | None:
        """What comes first in this file's dates of three numbers, told by those that can only be read in one way."""
        column = self.columns.of["date"]
        dates = (str(row.values.get(column) or "") for row in self.table.rows())
        if not any(map(_THREE_NUMBERS.match, islice(dates, SAMPLE))):
            return None
        # All of them: the first rows of a file that is sorted by day are of one day, for many tickers.
        orders = {numeric_order(str(row.values.get(column) or "")) for row in self.table.rows()} - {None}
        return orders.pop() if len(orders) == 1 else None

    def _price(self, value: Any) -> float:
        text = str(value if value is not None else "").strip()
        if not text or says_nothing(text):
            raise BadRow("close", "the close is missing: fill it in, or leave the row out")
        try:
            close = self._numbers.read(self.columns.of["close"], value)
        except TwoNumbers as error:
            raise BadRow("close", str(error)) from error
        if close is None or not (math.isfinite(close) and close > 0):
            raise BadRow("close", f"{text[:40]!r} is no price above 0: write it as 1234.56, or leave the row out")
        return close
