"""Telephone numbers in a text, by Google's library of the world's numbering plans.

A pattern finds what is written like a number, and the library says whether a country has it. Without a sign that it is
one (+, 00, a zero in front, a shape that figures do not have) a number is only searched for after a word such as call.
"""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers

_SEP = r"[ ./‐‑‒–—−-]"
_START = r"(?<![A-Za-z\d$€£¥#_/第])(?<!\d[.,:])(?<!\d-)(?<![+-])"
_MORE = rf"(?:{_SEP}{{0,2}}(?:\d{{1,14}}|\(\d{{1,4}}\))){{0,7}}"
_UNITS = "元股万亿手美港点倍份年月日円ウ원%％"
_END = rf"(?![A-Za-z\d{_UNITS}]|[.,:]\d)"
_CANDIDATE = re.compile(
    rf"{_START}(?:"
    rf"(?P<abroad>\(?(?:\+|00){_SEP}?\d{{1,14}}\)?{_MORE})"
    rf"|(?P<trunk>\(?0[1-9]\d{{0,12}}\)?{_MORE})"
    rf"|(?P<shape>(?:1{_SEP})?(?:\([2-9]\d\d\) ?|[2-9]\d\d{_SEP})\d{{3}}{_SEP}\d{{4}}{_END}"
    rf"|1[3-9]\d(?:{_SEP}?\d{{4}}){{2}}{_END})"
    r")"
)
_CALLED = re.compile(
    r"(?:\b(?:tel|telephone|phone|call|mobile|cell|fax|whatsapp|text|ring|dial|reach|contact|number|hotline|sms|"
    r"telefon|telefono|teléfono|telefone|móvil|celular|handy|rufnummer|anrufen|tél|téléphone|appelez|portable|"
    r"llama|chiama|ligue|tlf|bel)\b|电话|手机|联系|微信|致电|拨打|電話|전화)[^\w(]{0,3}(?:(?:me|us|him|her|on|at|to|is|or|no|nr|der|"
    r"unter|au|al|am|number|now)\b[^\w(]{0,3}){0,3}"
    rf"(?<![\d+-])(?P<plain>\(?\d{{1,13}}\)?{_MORE})",
    re.IGNORECASE,
)
_SEVEN, _AT_AN_END = re.compile(rf"\d{{3}}{_SEP}\d{{4}}"), re.compile(_END)
FEWEST_POSSIBLE = 11

_DATE = re.compile(
    r"\(?(?:\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d\d)(?!\d|[./-]\d\d[./-])|\d{1,2}[ /]\d{1,2}[ /]+(?:19|20)\d\d(?!\d)"
    r"|\d{4}([./-])\d{1,2}\2\d{1,2}(?!\d)|[01]\d[0-3]\d(?:19|20)\d\d(?!\d)|[0-3]\d[01]\d(?:19|20)\d\d(?!\d)"
    r"|0\d{3}[ ‐‑‒–—-]+[0-2]\d{3}(?!\d))"
)
"""Dates, and two times or days of four digits: 06/30/2015, 08 24 2021, 01262023, 0930-1600."""

FEWEST, MOST = 8, 15
"""Digits of a number (ITU-T E.164), with a zero in front."""

TRUNK_ZERO = (
    "GB",
    "DE",
    "FR",
    "IT",
    "NL",
    "BE",
    "CH",
    "AT",
    "SE",
    "FI",
    "IE",
    "AU",
    "NZ",
    "JP",
    "CN",
    "IN",
    "ZA",
    "KR",
)
"""Countries in whose own numbers a zero comes first."""

CALLED = ("US", "ES", "PT", "IN", "CN", "DK", "NO", "SG", "HK", "PL", "BR", "MX", "GR", "CZ", "LU")
"""Countries whose own numbers have no such sign, searched for after a word such as call."""

MOST_LOOKED_UP = 200
"""So many numbers of a text are looked up (0.1 ms each, and more for those of no country). A text with more was not
written by a person: whatever looks like a number there is removed without a look-up."""


def without_telephones(text: str) -> str:
    """``text`` with ``[phone]`` in place of each telephone number."""
    return _without(_without(text, _CANDIDATE), _CALLED)


def _without(text: str, candidates: re.Pattern[str]) -> str:
    parts, done, at, looked_up = [], 0, 0, 0
    while match := candidates.search(text, at):
        kind = match.lastgroup or ""
        found, (start, end) = match[kind], match.span(kind)
        # The digits after the first group may be a number, even if they are none together with it.
        at = start + found.index(next(filter(str.isdigit, found))) + 1
        if kind != "shape":
            if sum(map(str.isdigit, found)) < 7 or _DATE.match(found):
                continue
            looked_up += 1
            length = _length(found, kind) if looked_up <= MOST_LOOKED_UP else len(found)
            if not length or _AT_AN_END.match(text, start + length) is None:
                continue
            end = start + length
        start += found[0] == "(" and ")" not in text[start:end]  # a bracket around the number, and not within it
        parts += [text[done:start], "[phone]"]
        done = at = end
    return "".join([*parts, text[done:]])


@lru_cache(4096)
def _length(found: str, kind: str) -> int:
    """How much of ``found`` is a number that a country has, from its start; 0 for none. A figure may follow."""
    ends = [match.end() for match in re.finditer(r"\d+\)?", found)]
    for end in reversed(ends):
        part = found[:end]
        digits = sum(map(str.isdigit, part))
        if digits > MOST + 3:
            continue
        if digits < (7 if kind == "plain" else FEWEST):
            break
        if _is_telephone(part, kind):
            return end
    return 0


def _is_telephone(part: str, kind: str) -> bool:
    if kind == "abroad":
        # +44 (0)20 is +44 20 when called from abroad.
        return any(_abroad("".join(filter(str.isdigit, one))) for one in (part, part.replace("(0)", "", 1)))
    if kind == "plain":
        return bool(_SEVEN.fullmatch(part)) or any(_valid(part, country) for country in CALLED)
    return any(_valid(part, country) for country in TRUNK_ZERO)


def _abroad(digits: str) -> bool:
    """Whether a country has the number, or might: numbering plans change sooner than the library."""
    number = digits.removeprefix("00")
    return _valid(f"+{number}", None) or (len(number) >= FEWEST_POSSIBLE and _valid(f"+{number}", None, possible=True))


def _valid(number: str, country: str | None, possible: bool = False) -> bool:
    judge = phonenumbers.is_possible_number if possible else phonenumbers.is_valid_number
    try:
        return judge(phonenumbers.parse(number, country))
    except phonenumbers.NumberParseException:
        return False
