"""Numbers of bank accounts (IBAN, ISO 13616) and of payment cards (ISO/IEC 7812) in a text."""

from __future__ import annotations

import re
from functools import cache

from stdnum import iban, luhn, numdb

_IBAN = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2})\d{2}(?:[ .-]?[A-Za-z0-9]){11,30}")
_COUNTRIES = numdb.get("iban")

_RUN = re.compile(r"(?<![A-Za-z\d/_=])\d[\d .-]{12,}+")
_NETWORK = re.compile(
    r"4|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|3[47]|30[0-5]|309|3[689]|35(?:2[89]|[3-8])|6011|6[2457]|50|5[6-9]|81|220[0-4]"
)
"""What the numbers of the networks begin with: Visa, Mastercard, American Express, Diners, JCB, Discover, UnionPay,
Maestro, RuPay, Mir."""
_GROUPS = frozenset({(4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 4, 4, 1), (4, 6, 5), (4, 6, 4), (8, 8), (6, 13), (6, 10)})
"""How many digits stand together where a number is written in groups."""

MOST_GROUPS = max(map(len, _GROUPS))
_GROUP, _PART_OF_A_FIGURE, _GOES_ON = (
    re.compile(r"\d+"),
    re.compile(r"\d[.,-]$|[-,]$"),
    re.compile(r"[A-Za-z%]|[.,-]\d"),
)


def without_ibans(text: str) -> str:
    """``text`` with ``[iban]`` in place of each valid IBAN, in capital letters or not, in groups or not."""
    return _IBAN.sub(_iban, text)


def without_cards(text: str) -> str:
    """``text`` with ``[card]`` in place of each number with a network's first digits and a right check digit."""
    return _RUN.sub(_cards, text)


@cache
def _length(country: str) -> int:
    """The length of an IBAN of ``country``, or 0 where there are none."""
    (_, facts), *_ = _COUNTRIES.info(country)
    return 4 + sum(map(int, re.findall(r"(\d+)!", facts.get("bban", "")))) if facts else 0


def _iban(match: re.Match[str]) -> str:
    """The match, with ``[iban]`` for the IBAN at its start: words after it may look like its last groups."""
    found, country = match.group(), match.group(1).upper()
    length = _length(country)
    if not length:
        return found
    held = 0
    for end, c in enumerate(found, start=1):
        held += c.isalnum()
        if held == length:
            whole = end == len(found) or not found[end].isalnum()
            valid = whole and iban.is_valid(re.sub(r"[ .-]", "", found[:end]), check_country=False)
            return "[iban]" + found[end:] if valid else found
    return found


def _cards(match: re.Match[str]) -> str:
    """The match, with ``[card]`` for the groups of digits in it that are a card's number: a date may follow."""
    groups = [one.span() for one in _GROUP.finditer(match.string, match.start(), match.end())]
    parts, done, first = [], match.start(), 0
    while first < len(groups):
        last = _last_group(match.string, groups, first)
        if last is None:
            first += 1
            continue
        parts += [match.string[done : groups[first][0]], "[card]"]
        done, first = groups[last][1], last + 1
    return "".join([*parts, match.string[done : match.end()]])


def _last_group(text: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """The last group of the card's number that begins with the group ``first``, if one does."""
    for last in range(first, min(len(groups), first + MOST_GROUPS)):
        sizes = tuple(end - start for start, end in groups[first : last + 1])
        if not (sizes in _GROUPS or (len(sizes) == 1 and 13 <= sizes[0] <= 19)):
            continue
        start, end = groups[first][0], groups[last][1]
        number = "".join(filter(str.isdigit, text[start:end]))
        figure = _PART_OF_A_FIGURE.search(text[max(0, start - 2) : start]) or _GOES_ON.match(text, end)
        if not figure and _NETWORK.match(number) and len(set(number)) > 1 and luhn.is_valid(number):
            return last
    return None
