"""The features of a text about a company: runs of up to three words, or of up to four Chinese characters.

The company's own name becomes a placeholder, so nothing depends on who it is. Numbers become their kind. Each run
counts twice: by itself, and with its place: before or after the placeholder in its clause, or in another clause.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from documents import naming

COMPANY = "@"
"""The placeholder of the company's name."""

MOST_WORDS, MOST_CHARACTERS = 3, 4
LONGEST_WINDOW = 420
"""A longer text is read in windows of about so many characters."""

MOST_WINDOWS = 12
"""Of a longer text, the first window is read and, up to this number, those that name the company."""

_TOKEN = re.compile(
    r"(?P<company>@)|(?P<word>[a-z]+(?:['\u2019][a-z]+)?)|(?P<chinese>[\u4e00-\u9fff])"
    r"|(?P<number>[+-]?\d+(?:[.,:]\d+)*)\s?(?P<percent>%|percent\b|per cent\b|pct\b)?"
    r"|(?P<money>[$\u20ac\u00a3\u00a5])|(?P<end>[,;:.!?|\u3002\uff0c\uff1b\uff1a\uff01\uff1f\u3001\u2014]|\s-+\s)"
)
_BREAKS = frozenset({"as", "while", "after", "but", "amid", "despite", "before", "although", "though", "because"})
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'@])|(?<=[\u3002\uff01\uff1f])|\n+")
_YEAR = re.compile(r"(?:19|20)\d\d")


class Run(NamedTuple):
    """A feature, and the part of the text (from ``start`` to ``end``) that it stands for."""

    name: str
    start: int
    end: int


class _Token(NamedTuple):
    text: str
    start: int
    end: int


def found_in(text: str, surface: str) -> str:
    """``text`` in lower case with the placeholder wherever it names the company as ``surface``. The placeholder is
    padded to the name's length, so that all places stay the same."""
    low = text.lower()
    if len(low) != len(text):
        # Lower case may be longer than the letter itself (as of "\u0130"), but places must stay the same.
        low = "".join(small if len(small := c.lower()) == 1 else c for c in text)
    low = low.replace(COMPANY, " ")
    if not surface:
        return low
    name = surface.lower()
    pad = COMPANY + " " * (len(name) - 1)
    if name not in low:
        return low
    return naming(name).sub(pad, low)


def windows(marked: str) -> list[tuple[int, str]]:
    """The parts of a text that are read, each with its place: all of a short one; of a long one the first sentences
    and those that name the company."""
    if len(marked) <= LONGEST_WINDOW:
        return [(0, marked)]
    parts: list[tuple[int, str]] = []
    at = 0
    for end in [*(match.end() for match in _SENTENCE.finditer(marked)), len(marked)]:
        if end > at:
            if parts and len(parts[-1][1]) + end - at <= LONGEST_WINDOW and COMPANY not in marked[at:end]:
                parts[-1] = (parts[-1][0], parts[-1][1] + marked[at:end])
            else:
                parts.extend(
                    (place, marked[place : min(place + LONGEST_WINDOW, end)])
                    for place in range(at, end, LONGEST_WINDOW)
                )
            at = end
    named = [part for part in parts[1:] if COMPANY in part[1]]
    return [parts[0], *named[: MOST_WINDOWS - 1]]


def features(marked: str) -> list[str]:
    """The names of the features of a text as ``found_in`` returns it."""
    found: list[str] = []
    add = found.append
    for tokens, place, chinese in _clauses(marked):
        texts = [token.text for token in tokens]
        _runs(texts, place, chinese, lambda name, _from, _to: add(name))
    return found


def runs(marked: str) -> Iterator[Run]:
    """The features with their places in the text, for explanations."""
    for tokens, place, chinese in _clauses(marked):
        found: list[Run] = []
        _runs(
            [token.text for token in tokens],
            place,
            chinese,
            lambda name, first, last: found.append(Run(name, tokens[first].start, tokens[last].end)),  # noqa: B023
        )
        yield from found


def _runs(texts: list[str], place: list[str], chinese: bool, add: Callable[[str, int, int], None]) -> None:
    most = MOST_CHARACTERS if chinese else MOST_WORDS
    count = len(texts)
    for i in range(count):
        name, side = texts[i], place[i]
        add(name, i, i)
        if side:
            add(side + name, i, i)
        for j in range(i + 1, min(i + most, count)):
            name = f"{name} {texts[j]}"
            add(name, i, j)
            if side:
                add(side + name, i, j)


def _clauses(marked: str) -> Iterator[tuple[list[_Token], list[str], bool]]:
    """The tokens of each clause, and the place of each: ``<`` before the company, ``>`` after it, ``~`` in a clause
    that does not name it, and nothing for the company itself."""
    anywhere = COMPANY in marked
    clause: list[_Token] = []
    for match in _TOKEN.finditer(marked):
        kind = match.lastgroup
        if kind == "end":
            if clause:
                yield _placed(clause, anywhere)
                clause = []
            continue
        token = _Token(_named(match), match.start(), match.end())
        if token.text in _BREAKS and clause:
            yield _placed(clause, anywhere)
            clause = []
        clause.append(token)
    if clause:
        yield _placed(clause, anywhere)


def _placed(clause: list[_Token], anywhere: bool) -> tuple[list[_Token], list[str], bool]:
    texts = [token.text for token in clause]
    chinese = any("\u4e00" <= text <= "\u9fff" for text in texts)
    if COMPANY in texts:
        at = texts.index(COMPANY)
        place = ["<" if i < at else ">" if text != COMPANY else "" for i, text in enumerate(texts)]
    else:
        place = ["~" if anywhere else ">"] * len(texts)
    return clause, place, chinese


def _named(match: re.Match[str]) -> str:
    text = match.group()
    if match.group("number"):
        number = match.group("number")
        if match.group("percent"):
            value = _value(number)
            size = "5" if value < 5 else "10" if value < 10 else "20" if value < 20 else "99"
            return f"{'-' if number[0] == '-' else '+' if number[0] == '+' else ''}%{size}"
        return "yyyy" if _YEAR.fullmatch(number) else "0"
    return text.replace("\u2019", "'")


def _value(number: str) -> float:
    try:
        return abs(float(number.replace(",", "").replace(":", ".")))
    except ValueError:
        return 0.0
