"""Tables of prices that have a column for each ticker, or one for each day, as rows of ticker, date and close."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from documents.files.columns import Columns
from documents.files.dates import Order, is_ambiguous, numeric_order, parse_date, two_days_remedy
from documents.files.headers import DEEPEST_HEADER, column_names, filled_places, header_place, is_total
from documents.files.money import currency_of, unit_of_column
from documents.files.names import MEANINGS, folded, readings
from documents.files.recognising import BadFile
from documents.files.tables import TOTAL, Table, TableRow, says_nothing
from errors import many

_BESIDE = """
    open high low volume vol vwap turnover dividends dividend stocksplits splits split capitalgains change changep
    changepercent return returns bid ask mid mean average openinterest trades transactions amount adjopen adjhigh adjlow
    marketcap pe eps yield
"""
_FIELDS = frozenset(_BESIDE.split())
"""What tables of prices have beside a close."""

_SYMBOL = re.compile(r"\^?[A-Z\d][A-Z\d./=:-]{0,14}(?: [A-Z]{2}(?: Equity)?)?")
_TICKER_NAMES = frozenset(("ticker", "tickers", "symbol", "symbols"))
_HEADER_ROWS = 3
SAMPLE = 20


class _Line(NamedTuple):
    """A line of the table as it is. ``fault`` says why it cannot be used."""

    number: int
    cells: Sequence[Any]
    fault: str = ""


class _Column(NamedTuple):
    """Which field of which ticker the column at ``place`` has; "" where its name does not say."""

    place: int
    name: str
    field: str
    ticker: str


def as_rows(table: Table, is_known: Callable[[str], bool], order: Order | None) -> tuple[Table, Columns] | None:
    """``table`` with a row for each ticker and day, and its columns; None for one that is not of these shapes.

    ``is_known`` says whether a name is that of a company on the watch list. Raises ``BadFile`` where some columns are
    those of tickers and others may be anything.
    """
    head = list(islice(_lines(table), DEEPEST_HEADER))
    if not head:
        return None
    return _below_two_headers(table, head, is_known) or _by_ticker(table, head, is_known) or _by_day(table, head, order)


def _lines(table: Table) -> Iterator[_Line]:
    """The lines with something in them: the first is, or is above, the header."""
    if table.lines is not None:
        yield from (_Line(number, cells) for number, cells in enumerate(table.lines(), 1) if filled_places(cells))
        return
    yield _Line(0, table.columns)
    columns = set(table.columns)
    for row in table.rows():
        more = next((name for name in row.values if name not in columns), None)
        late = f"it has a field {more!r} that the first rows have not: give it to the first row, too"
        yield _Line(row.number, [row.values.get(name) for name in table.columns], row.fault or (late if more else ""))


def _below_two_headers(
    table: Table, head: list[_Line], is_known: Callable[[str], bool]
) -> tuple[Table, Columns] | None:
    """A field in one row and a ticker in the next, or the other way round, as yfinance writes them."""
    for at in range(min(_HEADER_ROWS, len(head) - 2)):
        two = [line.cells for line in head[at : at + 2]]
        width = max(max(filled_places(cells), default=-1) for cells in two) + 1
        upper, lower = (_filled_on(cells, width) for cells in two)
        fields, tickers = (upper, lower) if _are_fields(upper[1:]) else (lower, upper)
        first = folded(str(tickers[0] or "")) if tickers else ""
        if not (_are_fields(fields[1:]) and len(fields) == len(tickers) and (not first or first in _TICKER_NAMES)):
            continue
        if not all(isinstance(one, str) and one.strip() and not _field(one) for one in tickers[1:]):
            continue
        if not first and not all(_is_ticker(one, is_known) and re.search(r"[^\W\d]", one) for one in tickers[1:]):
            continue  # a first row of cells, or units
        columns = [
            _Column(place, f"{fields[place]} {tickers[place]}", _field(str(fields[place])), str(tickers[place]).strip())
            for place in range(1, len(fields))
        ]
        skip = at + 2
        own = filled_places(head[skip].cells)
        if own == {0} and parse_date(head[skip].cells[0]) is None:
            skip += 1  # a row with the name of the dates alone
        return _made(table, 0, "the first column", columns, skip, [])
    return None


def _by_ticker(table: Table, head: list[_Line], is_known: Callable[[str], bool]) -> tuple[Table, Columns] | None:
    """A column of dates, and one for each ticker."""
    at = header_place([line.cells for line in head])
    names = column_names(head[at].cells)
    below = [line.cells for line in head[at + 1 : at + 1 + SAMPLE]]
    date = next((place for place, name in enumerate(names) if _means("date", name)), None)
    if date is None and names and _are_dates(cells[0] for cells in below if cells):
        date = 0
    if date is None or any(_means("ticker", name) for place, name in enumerate(names) if place != date):
        return None
    columns = [
        _Column(place, name, "", name) if is_known(name) and not _field(name) else _split(place, name)
        for place, name in enumerate(names)
        if place != date and name
    ]
    if sum(bool(one.field) for one in columns) == 1 and len(columns) > 2:  # LOW is a word, and a share
        columns = [one._replace(field="", ticker=one.name) if is_known(one.name) else one for one in columns]
    if any(one.field in _CLOSES for one in columns if not one.ticker):
        return None
    pairs = all(one.field and one.ticker for one in columns)
    named = [one for one in columns if pairs or not one.field]
    known = [one for one in named if is_known(one.ticker) and not _field(one.ticker)]
    tickers = [one for one in named if _is_ticker(one.ticker, is_known)]
    if tickers:  # LOW again
        tickers = [one for one in named if one in tickers or (one.ticker.isupper() and is_known(one.ticker))]
    others = [one.name for one in columns if one not in tickers]
    if not others and (known or len(tickers) > 1):
        return _made(table, date, names[date] or "the first column", columns, at + 1, [])
    if len(known) > 1 or (known and (pairs or not any(one.field for one in columns))):
        raise BadFile(
            f"{table.path} was read as {table}: it has a column for each ticker ({_few(one.name for one in known)}), "
            f"but {_few(others)} are no tickers and no companies of the watch list: leave these columns out"
        )
    return None


def _by_day(table: Table, head: list[_Line], order: Order | None) -> tuple[Table, Columns] | None:
    """A row for each ticker, and a column for each day."""
    at = header_place([line.cells for line in head])
    cells = [cell.strip() if isinstance(cell, str) else cell for cell in head[at].cells]
    texts = [str(cell) for cell in cells if isinstance(cell, str)]
    orders = {numeric_order(text) for text in texts} - {None}
    order = order or (orders.pop() if len(orders) == 1 else None)
    days = [place for place, cell in enumerate(cells) if cell not in (None, "") and parse_date(cell, order=order)]
    unclear = [str(cell) for cell in cells if isinstance(cell, str) and is_ambiguous(cell)] if order is None else []
    if len(days) + len(unclear) < 2:
        return None
    others = [place for place in range(len(cells)) if place not in days and cells[place] not in (None, "")]
    tickers = [place for place in others if _means("ticker", str(cells[place]))]
    ranked = sorted(tickers, key=lambda place: _rank("ticker", str(cells[place])))
    if unclear:
        raise BadFile(
            f"{table.path} was read as {table}: it has a column for each day, and {unclear[0]!r} may be two days: "
            f"{two_days_remedy(unclear[0])}"
        )
    ticker = ranked[0] if ranked else 0
    if ticker in days:
        return None
    names = column_names(head[at].cells)
    named = (names[ticker] if ticker < len(names) else "") or "the first column"
    labels = ("the names of " + many(len(days), "column"), "the cells below them")
    width = len(cells)

    below = [line.cells for line in head[at + 1 :] if not line.fault]
    figures = [
        place
        for place in others
        if place != ticker and _are_fields([row[place] for row in below if len(row) > place and row[place]])
    ]

    def rows() -> Iterator[TableRow]:
        always: set[int] | None = None
        for number, line, fault in _after(table, at + 1, width):
            filled = filled_places(line)
            if always is not None and is_total(line, filled, always):
                fault = fault or TOTAL
            elif not fault:
                always = filled if always is None else always & filled
            figure = next((str(line[place]) for place in figures if place < len(line) and line[place]), "")
            if figure and _field(figure) not in _CLOSES:
                fault = fault or f"{figure!r} is no close: leave the row out"
            if fault:
                yield TableRow(number, {}, b"", fault)
                continue
            for place in days:
                if place < len(line) and not _is_missing(line[place]):
                    yield TableRow(number, {named: line[ticker], labels[0]: cells[place], labels[1]: line[place]})

    of = {"ticker": named, "date": labels[0], "close": labels[1]}
    return _table(table, rows, of, "one column a day", [str(cells[place]) for place in others if place != ticker])


def _made(
    table: Table, date: int, named: str, columns: list[_Column], skip: int, unused: list[str]
) -> tuple[Table, Columns] | None:
    fields = {one.field for one in columns}
    best = min((one for one in fields if one in _CLOSES), key=_CLOSES.index, default="") if fields != {""} else ""
    if not best and fields != {""}:
        raise BadFile(f"{table.path} was read as {table}: it has a column for each ticker, and none of a close")
    taken = [one for one in columns if one.field == best]
    labels = ("the names of " + many(len(taken), "column"), "the cells below them")
    width = max(date, *(one.place for one in columns)) + 1

    def rows() -> Iterator[TableRow]:
        for number, line, fault in _after(table, skip, width):
            if fault:
                yield TableRow(number, {}, b"", fault)
                continue
            day = line[date] if date < len(line) else None
            for one in taken:
                if one.place < len(line) and not _is_missing(line[one.place]):
                    yield TableRow(number, {named: day, labels[0]: one.ticker, labels[1]: line[one.place]})

    of = {"date": named, "ticker": labels[0], "close": labels[1]}
    others = [*unused, *(one.name for one in columns if one.field != best)]
    return _table(table, rows, of, "one column a ticker", others)


def _table(
    table: Table, rows: Callable[[], Iterator[TableRow]], of: dict[str, str], shape: str, unused: list[str]
) -> tuple[Table, Columns]:
    return replace(table, columns=list(of.values()), rows=rows, shape=shape), Columns("prices", of, unused)


def _after(table: Table, skip: int, width: int) -> Iterator[_Line]:
    for line in islice(_lines(table), skip, None):
        yield line._replace(fault=line.fault or _too_wide(line.cells, width))


def _too_wide(line: Sequence[Any], width: int) -> str:
    more = [cell for cell in line[width:] if not _is_missing(cell)]
    return f"{many(width + len(more), 'cell')}, and the header has {width}" if more else ""


def _split(place: int, name: str) -> _Column:
    """What a column's name says: ``AAPL``, ``Close``, ``AAPL Close``, ``Close_AAPL``, ``Close (AAPL)`` or
    ``('Close', 'AAPL')``."""
    plain, _ = unit_of_column(name)
    if _field(plain):
        return _Column(place, name, _field(plain), "")
    if pair := re.fullmatch(r"\(['\"](.+?)['\"], ['\"](.+?)['\"]\)", name):
        for field, ticker in (pair.groups(), pair.groups()[::-1]):
            if _field(field):
                return _Column(place, name, _field(field), ticker)
    if (pair := re.fullmatch(r"(.+?) ?[(\[]([^()\[\]]+)[)\]]", plain)) and (field := _field(pair[1])):
        return _Column(place, name, field, pair[2])
    for found in re.finditer(r"[\s_.:|-]+", plain):
        before, behind = plain[: found.start()], plain[found.end() :]
        if before and behind and (field := _field(behind)):
            return _Column(place, name, field, before)
    for found in reversed(list(re.finditer(r"[\s_.:|-]+", plain))):
        before, behind = plain[: found.start()], plain[found.end() :]
        if before and behind and (field := _field(before)):
            return _Column(place, name, field, behind)
    return _Column(place, name, "", name)


_CLOSES = MEANINGS["prices"]["close"]


def _field(name: str) -> str:
    known = folded(name)
    return known if known in _CLOSES or known in _FIELDS else ""


def _is_ticker(name: str, is_known: Callable[[str], bool]) -> bool:
    """Whether ``name`` may be that of a share, and is no field and no currency."""
    if _field(name):
        return False
    return is_known(name) or (_SYMBOL.fullmatch(name) is not None and not currency_of(name))


def _are_fields(cells: Sequence[Any]) -> bool:
    return bool(cells) and all(isinstance(one, str) and bool(_field(one)) for one in cells)


def _filled_on(cells: Sequence[Any], width: int) -> list[Any]:
    """``width`` cells; an empty one, as a merged cell leaves it, is that before it."""
    found: list[Any] = [*cells[:width], *[""] * (width - len(cells))]
    for place in range(2, width):
        found[place] = found[place] if str(found[place] or "").strip() else found[place - 1]
    return found


def _are_dates(values: Iterable[Any]) -> bool:
    given = [one for one in values if one is not None and str(one).strip()]
    return bool(given) and all(parse_date(one, order="day") or parse_date(one, order="month") for one in given)


def _rank(field: str, name: str) -> int:
    known = MEANINGS["prices"][field]
    return min((known.index(one) for one in readings(name) if one in known), default=len(known))


def _means(field: str, name: str) -> bool:
    return _rank(field, name) < len(MEANINGS["prices"][field])


def _is_missing(cell: Any) -> bool:
    """Whether a share had no close on a day."""
    return cell is None or cell != cell or str(cell).strip() in ("", "NA") or says_nothing(str(cell))


def _few(names: Iterable[str]) -> str:
    shown = [repr(one) for one in names]
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")
