"""Dates as files and feeds write them: RFC 3339, RSS, epochs, and what people type."""

from __future__ import annotations

import math
import re
import warnings
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from documents.files.languages import MONTHS
from documents.files.names import folded

Order = Literal["day", "month"]
"""What comes first where a date is three numbers."""

EARLIEST_EPOCH, LATEST_EPOCH = 6e8, 4.2e9
"""1989 and 2103, in seconds: a number outside, and outside a thousand times that and so on, is no time."""

_FIRST_SERIAL, _LAST_SERIAL = 32_874, 73_050
"""1990 and 2100 as spreadsheets count days, where a column of dates has lost its format."""

_DAY_0 = datetime(1899, 12, 30)

_MONTHS = {folded(name): number for name, number in MONTHS.items()}
_DIGITS = re.compile(r"\d+(?:\.\d+)?")
_COMPACT = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)(?:T?(\d\d)(\d\d)(\d\d)?)?(Z?)")
_NUMERIC = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2((?:19|20)\d\d|\d\d)(?:[ ,T]+(\d.*))?")
_SHORT_YEAR = re.compile(r"(\d{1,2}[ -][A-Za-z]{3}[ -])(\d\d)\b(?!:)")
_UHR = re.compile(r",? ?(?:um )?(\d{1,2}[:.]\d\d(?::\d\d)?) Uhr$")
_NAMED_MONTH = re.compile(
    r"(?:[^\W\d]+\.?,? )?(\d{1,2})\.? (?:de |di )?([^\W\d_]{3,})\.? (?:de |di )?(\d{4})(?:\D*?(\d.*))?"
)
_CHARACTERS = re.compile(r"(\d{4}) ?[年년] ?(\d{1,2}) ?[月월] ?(\d{1,2}) ?[日일](?: ?(\d{1,2}:.*))?")
"""2024, 1 and 31 with the characters for year, month and day behind them, Chinese, Japanese or Korean."""

_HAS_TIME = re.compile(r"\d:\d|\d\s*[ap]\.?m\b|T\d\d", re.IGNORECASE)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_ZONES: dict[str, tzinfo] = {
    **{name: UTC for name in ("UTC", "GMT", "Z", "UT")},
    **{name: ZoneInfo("America/New_York") for name in ("ET", "EST", "EDT")},
    **{name: ZoneInfo("America/Chicago") for name in ("CT", "CDT")},
    **{name: ZoneInfo("America/Los_Angeles") for name in ("PT", "PST", "PDT")},
    "BST": timezone(timedelta(hours=1)),
    "CET": timezone(timedelta(hours=1)),
    "CEST": timezone(timedelta(hours=2)),
    "JST": timezone(timedelta(hours=9)),
    "HKT": timezone(timedelta(hours=8)),
    "SGT": timezone(timedelta(hours=8)),
}


def numeric_order(text: str) -> Order | None:
    """Which comes first in a date of three numbers, if it can only be one of the two; a point means the day."""
    match = _NUMERIC.fullmatch(text.strip())
    if not match or _may_begin_with_the_year(match):
        return None
    if match[2] == "." or int(match[1]) > 12:
        return "day"
    return "month" if int(match[3]) > 12 else None


def is_ambiguous(text: str) -> bool:
    """Whether a date of three numbers may mean two days."""
    match = _NUMERIC.fullmatch(text.strip())
    return match is not None and (
        _may_begin_with_the_year(match) or (numeric_order(text) is None and match[1] != match[3])
    )


def _may_begin_with_the_year(match: re.Match[str]) -> bool:
    """Whether a date is 24-01-31, of two digits each, which is written with the year in front, too. A year to come is
    none, and a month has a number up to 12."""
    year, month, day = int(match[1]), int(match[3]), int(match[4])
    two = match[2] == "-" and len(match[1]) == len(match[3]) == len(match[4]) == 2
    return two and month <= 12 and 0 < day <= 31 and (year > 31 or 2000 + year <= datetime.now(UTC).year)


def two_days_remedy(text: str) -> str:
    """What to do about a date that ``is_ambiguous``."""
    match = _NUMERIC.fullmatch(text.strip())
    year = match is not None and _may_begin_with_the_year(match)
    return f"say --day-first or --month-first{', or write 2024-01-31 where the year comes first' if year else ''}"


def parse_date(value: Any, zone: tzinfo = UTC, order: Order | None = None) -> datetime | None:
    """The moment that ``value`` means; None if it is no date.

    A time without a zone is in ``zone``; a day alone is its midnight in UTC. ``order`` says what 03/04/2024 is.
    """
    try:
        found = _parsed(value, zone, order)
        return found.astimezone(UTC) if found else None
    except (ValueError, OverflowError, TypeError):
        return None


def _parsed(value: Any, zone: tzinfo, order: Order | None) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=zone)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _compact(str(value)) or _epoch(float(value), zone)
    text = " ".join(str(value).split())
    if text.endswith(" Uhr"):
        text = _UHR.sub(lambda found: f" {found[1].replace('.', ':')}", text)
    if _DIGITS.fullmatch(text):
        return _compact(text) or _epoch(float(text), zone)
    if _NUMERIC.fullmatch(text):
        return _numeric(text, zone, order)
    if found := _iso(text, zone) or _compact(text, zone) or _written(text, zone):
        return found
    plain = _SHORT_YEAR.sub(lambda found: f"{found[1]}{19 if found[2] >= '70' else 20}{found[2]}", text)
    return _parsed(plain, zone, order) if plain != text else _in_other_words(text, zone)


def _iso(text: str, zone: tzinfo) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.replace(" UTC", "+00:00").replace(" Z", "+00:00"))
    except ValueError:
        return None
    if re.match(r"\d{1,4}$|\d{4}-?W", text):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone if len(text) > 10 else UTC)


def _compact(text: str, zone: tzinfo = UTC) -> datetime | None:
    match = _COMPACT.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC if match[7] or not match[4] else zone)
    except ValueError:
        return None


def _epoch(number: float, zone: tzinfo) -> datetime | None:
    if not math.isfinite(number) or number <= 0:
        return None
    if _FIRST_SERIAL <= number <= _LAST_SERIAL:
        seconds = round(number * 86_400)
        return (_DAY_0 + timedelta(seconds=seconds)).replace(tzinfo=zone if seconds % 86_400 else UTC)
    for unit in (1, 1e3, 1e6, 1e9):
        if EARLIEST_EPOCH <= number / unit <= LATEST_EPOCH:
            return datetime.fromtimestamp(number / unit, UTC)
    return None


def _numeric(text: str, zone: tzinfo, order: Order | None) -> datetime | None:
    match = _NUMERIC.fullmatch(text)
    if not match:
        return None
    first = numeric_order(text) or order
    if first is None and (match[1] != match[3] or _may_begin_with_the_year(match)):
        return None
    day, month = (match[1], match[3]) if first == "day" else (match[3], match[1])
    year = match[4] if len(match[4]) == 4 else f"20{match[4]}"
    whole = f"{year}-{int(month):02}-{int(day):02}"
    return _iso(whole, zone) if not match[5] else _written(f"{whole} {match[5]}", zone)


def _in_other_words(text: str, zone: tzinfo) -> datetime | None:
    """A date with the month's name in another language than English, or with the characters for year, month and day."""
    if match := _CHARACTERS.fullmatch(text):
        year, month, day, rest = match[1], int(match[2]), match[3], match[4]
    elif match := _NAMED_MONTH.fullmatch(text):
        # A name may be cut short, as in "31 janv. 2024".
        months = {number for name, number in _MONTHS.items() if name.startswith(folded(match[2]))}
        if len(months) != 1:
            return None
        year, month, day, rest = match[3], months.pop(), match[1], match[4]
    else:
        return None
    whole = f"{year}-{month:02}-{int(day):02}"
    return _written(f"{whole} {rest}", zone) if rest else _iso(whole, zone)


def _written(text: str, zone: tzinfo) -> datetime | None:
    """A date in words, as in RSS (RFC 2822) or "June 15, 2020 10:30 AM ET". What does not name its day is none."""
    if not _YEAR.search(text) and not re.match(r"[A-Za-z]{3}, ", text):
        return None
    try:
        moment = parsedate_to_datetime(text)
        if not text.rstrip().endswith("-0000") and moment.tzinfo:
            return moment
    except (ValueError, TypeError, IndexError):
        pass
    from dateutil import parser

    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a zone that is not known must not be passed over
        for default in (datetime(2001, 1, 1), datetime(2002, 2, 2)):
            try:
                found.append(parser.parse(text, default=default, tzinfos=_ZONES))
            except (parser.ParserError, OverflowError, ValueError, TypeError, Warning):
                return None
    if found[0].date() != found[1].date():
        return None  # something was filled in that the text does not say
    moment = found[0]
    return moment if moment.tzinfo else moment.replace(tzinfo=zone if _HAS_TIME.search(text) else UTC)
