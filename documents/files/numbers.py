"""Numbers as people write them: 1,234.56 and 1.234,56, with apostrophes or spaces, in brackets where negative,
with a currency or a multiplier beside them."""

from __future__ import annotations

import decimal as decimals
import math
import re
import sys
from collections.abc import Iterable
from typing import Any, Literal

from documents.files.money import read_amount
from documents.files.recognising import BadFile
from documents.files.tables import Table

Decimal = Literal[".", ","]
"""What stands before the decimals."""

_BLANKS = re.compile(r"(?<=\d)[\s'\u2019\u02bc\u00b4`]+(?=\d{3}(?!\d))")
"""Spaces and apostrophes that group thousands."""

_PLAIN = re.compile(r"[+-]?\d+(?:[.,]\d*)?(?:[eE][+-]?\d+)?|[+-]?[.,]\d+")
_GROUPED = re.compile(r"[+-]?(?:\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*|\d{1,2}(?:,\d\d)+,\d{3})(?:(?!\1)[.,]\d*)?")


class Numbers:
    """Reads the numbers in some columns of a table. What stands before the decimals is told by the whole column or,
    where that leaves it open, by the others; ``decimal`` decides.

    Raises ``BadFile`` for a column with numbers of both kinds.
    """

    def __init__(self, table: Table, columns: Iterable[str], decimal: Decimal | None = None) -> None:
        columns = list(columns)
        told: dict[str, dict[Decimal, tuple[int, str]]] = {column: {} for column in columns}
        for row in table.rows() if decimal is None else ():
            for column in columns:
                if isinstance(value := row.values.get(column), str) and (sign := _sign_told(_bare(value))):
                    told[column].setdefault(sign, (row.number, value))
        for column, signs in told.items():
            if len(signs) > 1:
                (one, first), (other, second) = sorted(signs.values())
                raise BadFile(
                    f"{table.path}, column {column!r}: row {one} has {first!r}, and row {other} {second!r}: write the "
                    "decimals alike, or say --decimal-point or --decimal-comma"
                )
        everywhere = {sign for signs in told.values() for sign in signs}
        common = decimal or (everywhere.pop() if len(everywhere) == 1 else None)
        self._decimal = {column: next(iter(signs), common) for column, signs in told.items()}
        # Programs that write commas between the cells write points before the decimals.
        self._point = table.recognised.form != "CSV" or table.recognised.delimiter == ","

    def read(self, column: str, value: Any) -> float | None:
        """The number that ``value`` means; None if it is none. Raises ``TwoNumbers``."""
        decimal = self._decimal[column]
        if decimal is None and may_be_two(value) and not (self._point and "." in _bare(value)):
            raise TwoNumbers(f"{value!r} may be two numbers: say --decimal-point or --decimal-comma")
        return parse_number(value, decimal or ".")


class TwoNumbers(ValueError):
    """A number that may be read in two ways, and nothing in its file tells in which; the text says what to do."""


def may_be_two(value: Any) -> bool:
    """Whether ``value`` is 1234 or 1.234: one sign before three digits."""
    return isinstance(value, str) and re.fullmatch(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", _bare(value)) is not None


def parse_number(value: Any, decimal: Decimal = ".") -> float | None:
    """The number that ``value`` means; None if it is none. Brackets around it, or a minus behind, make it negative;
    k, M, Mio., bn and the like multiply it; the currency beside it is passed over."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, decimals.Decimal):  # of Parquet
        value = float(value)
    if isinstance(value, int | float):
        return float(value) if abs(value) <= sys.float_info.max else None
    amount = read_amount(str(value))
    text = _ungrouped(amount.number)
    if not _PLAIN.fullmatch(text) and not _GROUPED.fullmatch(text):
        return None
    other = "," if decimal == "." else "."
    whole, _, rest = text.partition(decimal)
    if {".", ","}.intersection(rest) or (other in whole and not _GROUPED.fullmatch(whole)):
        return None
    plain = f"{whole.replace(other, '')}.{rest}" if rest else whole.replace(other, "")
    number = float(plain) if amount.factor == 1 else float(decimals.Decimal(plain) * amount.factor)
    return number if math.isfinite(number) else None


def as_text(value: Any) -> str:
    """A cell as text: a whole number without decimals, and "" for one that is none, as pandas writes an empty cell."""
    if value is None or value != value:
        return ""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()


def _bare(text: str) -> str:
    """The number in ``text`` without grouping blanks, and with its minus in front."""
    return _ungrouped(text if _PLAIN.fullmatch(text) else read_amount(text).number)


def _ungrouped(number: str) -> str:
    return _BLANKS.sub("", number)


def _sign_told(text: str) -> Decimal | None:
    """The sign before the decimals in ``text``, where there is but one way to read it."""
    signs = re.findall("[.,]", text)
    if not signs or not (_PLAIN.fullmatch(text) or _GROUPED.fullmatch(text)):
        return None
    if len(set(signs)) == 2:
        return signs[-1]
    if len(signs) > 1:  # several of one sign group thousands
        return "," if signs[0] == "." else "."
    before, after = re.split("[.,]", text)
    grouped = re.fullmatch(r"[+-]?[1-9]\d{0,2}", before) and re.fullmatch(r"\d{3}", after)
    return None if grouped else signs[0]
