"""The features of a text about a company: runs of up to three words, or of up to four Chinese characters.

The company's own name becomes a placeholder, so nothing depends on who it is. Numbers become their kind. Each run
counts by itself, and again with its place: before or after the placeholder in its clause, near or far, or in a clause
that does not name the company. Words with one meaning count also as their concept (``concepts.yaml``), alone and with
each other concept of their clause.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from documents import naming
from model.events.concepts import load_concepts

COMPANY = "@"
"""The placeholder of the company's name."""

LONGEST_WINDOW = 420
"""A longer text is read in windows of about so many characters."""

MOST_WINDOWS = 12
"""Of a longer text, the first window is read and, up to this number, those that name the company."""

NEAR, NEAR_CHINESE = 8, 16
"""A run that begins within so many words, or Chinese characters, of the company's name is near it."""

MOST_CONCEPTS = 8
"""At most this many concepts of a clause are paired: those nearest to the company's name."""

PAIRED = 16
"""Concepts that are farther apart than so many words, or Chinese characters, are not paired."""

_TOKEN = re.compile(
    r"[a-z]+(?:'[a-z]+)?|[\u4e00-\u9fff]|@|[+-]?\d+(?:[.,:]\d+)*(?:\s?(?:%|percent\b|per cent\b|pct\b))?"
    r"|[$\u20ac\u00a3\u00a5]|[,;:.!?|\u3002\uff0c\uff1b\uff1a\uff01\uff1f\u3001\u2014]|(?<=\s)-(?=\s)"
)
_ENDS = frozenset(",;:.!?|\u3002\uff0c\uff1b\uff1a\uff01\uff1f\u3001\u2014-")
_BREAKS = frozenset({"as", "while", "after", "but", "amid", "despite", "before", "although", "though", "because"})
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[a-z\"'@])|(?<=[\u3002\uff01\uff1f])|\n+")
_YEAR = re.compile(r"(?:19|20)\d\d")
_DIGITS = frozenset("0123456789+-")


class Run(NamedTuple):
    """A feature, and the part of the text (from ``start`` to ``end``) that it stands for."""

    name: str
    start: int
    end: int


def found_in(text: str, surface: str) -> str:
    """``text`` in lower case with the placeholder wherever it names the company as ``surface``. The placeholder is
    padded to the name's length, so that all places stay the same."""
    low = text.lower()
    if len(low) != len(text):
        # Lower case may be longer than the letter itself (as of "\u0130"), but places must stay the same.
        low = "".join(small if len(small := c.lower()) == 1 else c for c in text)
    low = low.replace(COMPANY, " ").replace("\u2019", "'")
    name = surface.lower().replace("\u2019", "'")
    if not name or name not in low:
        return low
    return naming(name).sub(COMPANY + " " * (len(name) - 1), low)


def windows(marked: str) -> list[tuple[int, str]]:
    """The parts of a text that are read, each with its place: all of a short one; of a long one the first sentences
    and those that name the company."""
    if len(marked) <= LONGEST_WINDOW:
        return [(0, marked)]
    parts: list[tuple[int, str]] = []
    at = 0
    for end in [*(match.end() for match in _SENTENCE.finditer(marked)), len(marked)]:
        for place in range(at, end, LONGEST_WINDOW):
            sentence = marked[place : min(place + LONGEST_WINDOW, end)]
            if parts and len(parts[-1][1]) + len(sentence) <= LONGEST_WINDOW and COMPANY not in sentence:
                parts[-1] = (parts[-1][0], parts[-1][1] + sentence)
            else:
                parts.append((place, sentence))
        at = end
    named = [part for part in parts[1:] if COMPANY in part[1]]
    return [parts[0], *named[: MOST_WINDOWS - 1]]


def own_clauses(marked: str) -> str:
    """The clauses of a text, as ``found_in`` returns it, that name the company."""
    starts = [0]
    for match in _TOKEN.finditer(marked):
        if match.group() in _ENDS:
            if not _opens(match.group(), marked[starts[-1] : match.start()].split()):
                starts.append(match.end())
        elif match.group() in _BREAKS:
            starts.append(match.start())
    clauses = [marked[start:end] for start, end in pairwise([*starts, len(marked)])]
    return "; ".join(clause for clause in clauses if COMPANY in clause)


def _kinds(text: str) -> list[str]:
    """The words of a text, with numbers as their kind."""
    return [_figure(token) if token[0] in _DIGITS else token for token in _TOKEN.findall(text)]


def features(marked: str) -> list[str]:
    """The names of the features of a text as ``found_in`` returns it."""
    found: list[str] = []
    away = "~" if COMPANY in marked else ">"
    clause: list[str] = []
    for token in _TOKEN.findall(marked):
        if token in _ENDS:
            if _opens(token, clause):
                continue
            if clause:
                _add(clause, away, found)
                clause = []
            continue
        if token[0] in _DIGITS:
            token = _figure(token)
        elif token in _BREAKS and clause:
            _add(clause, away, found)
            clause = []
        clause.append(token)
    if clause:
        _add(clause, away, found)
    return found


def _concepts(clause: list[str]) -> list[tuple[str, int, int]]:
    """The concepts of a clause, each with the numbers of its first word and of the one after its last. The longest
    phrase counts."""
    table = load_concepts(_kinds)
    longest, known = table.longest, table.names.get
    found = []
    free, count = 0, len(clause)
    for i, word in enumerate(clause):
        if i < free or not (most := longest.get(word)):
            continue
        for end in range(min(i + most, count), i, -1):
            if concept := known(" ".join(clause[i:end]) if end - i > 1 else word):
                found.append((concept, i, end))
                free = end
                break
    return found


def _concept_runs(clause: list[str], away: str) -> list[tuple[str, int, int]]:
    """The features of a clause's concepts, each with the numbers of its first word and of the one after its last."""
    concepts = _concepts(clause)
    if not concepts:
        return []
    at = clause.index(COMPANY) if COMPANY in clause else -1
    near = NEAR_CHINESE if _is_chinese(clause) else NEAR
    runs = []
    for concept, start, end in concepts:
        side = away if at < 0 else _side(start - at, near)
        runs += [("#" + concept, start, end), (f"#{side}{concept}", start, end)]
    if len(concepts) > MOST_CONCEPTS:
        concepts = sorted(sorted(concepts, key=lambda one: abs(one[1] - at))[:MOST_CONCEPTS], key=lambda one: one[1])
    for i, (a, start, _) in enumerate(concepts):
        for b, second, end in concepts[i + 1 :]:
            if second - start > PAIRED:
                break
            order = away if at < 0 else "012"[(start < at) + (second < at)]
            runs += [(f"#{a}+{b}", start, end), (f"#{order}{a}+{b}", start, end)]
    return runs


def _opens(token: str, clause: list[str]) -> bool:
    """Whether ``token`` is a colon after nothing but the company's name (and its code): what follows it is about the
    company."""
    return token in ":\uff1a" and bool(clause) and clause[0] == COMPANY and len(clause) <= 2


def _is_chinese(clause: list[str]) -> bool:
    return "\u4e00" <= max(clause) <= "\u9fff"


def _side(place: int, near: int) -> str:
    """The mark of a place relative to the company's name: far before it, near before, near after, far after."""
    if place < 0:
        return "\u00ab" if place < -near else "<"
    return ">" if place <= near else "\u00bb"


def _add(clause: list[str], away: str, found: list[str]) -> None:
    """Append the features of a clause to ``found``."""
    pairs = [f"{a} {b}" for a, b in pairwise(clause)]
    triples = [f"{a} {b}" for a, b in zip(pairs, clause[2:], strict=False)]
    if _is_chinese(clause):
        found += pairs
        found += triples
        found += [f"{a} {b}" for a, b in zip(triples, clause[3:], strict=False)]
        placed, near = (pairs, triples), NEAR_CHINESE
    else:
        found += clause
        found += pairs
        found += triples
        placed, near = (clause, pairs), NEAR
    found += [name for name, _, _ in _concept_runs(clause, away)]
    if COMPANY not in clause:
        for names in placed:
            found += [away + name for name in names]
        return
    at = clause.index(COMPANY)
    first = max(0, at - near)
    for names in placed:
        found += ["\u00ab" + name for name in names[:first]]
        found += ["<" + name for name in names[first:at]]
        found += [">" + name for name in names[at + 1 : at + 1 + near]]
        found += ["\u00bb" + name for name in names[at + 1 + near :]]


def _figure(token: str) -> str:
    """A number by its kind: a percentage with its sign and size, a year, or any other."""
    if token[-1] in "%tc":
        digits = "".join(c for c in token if c.isdigit() or c == ".").rstrip(".")
        try:
            value = float(digits)
        except ValueError:
            value = 0.0
        size = "5" if value < 5 else "10" if value < 10 else "20" if value < 20 else "99"
        return (token[0] if token[0] in "+-" else "") + "%" + size
    return "yyyy" if _YEAR.fullmatch(token) else "0"


def runs(marked: str, name_length: int) -> Iterator[Run]:
    """The features with their places in the text, for explanations: the same names as ``features`` gives. A run that
    ends with the company ends after its name, which has ``name_length`` characters."""
    spans: list[tuple[int, int]] = []
    away = "~" if COMPANY in marked else ">"
    clause: list[str] = []
    for match in [*_TOKEN.finditer(marked), None]:
        token = match.group() if match else "."
        if _opens(token, clause):
            continue
        ends = token in _ENDS
        if clause and (ends or token in _BREAKS):
            yield from _with_places(clause, spans, away)
            clause, spans = [], []
        if match and not ends:
            clause.append(_figure(token) if token[0] in _DIGITS else token)
            start, end = match.span()
            spans.append((start, start + name_length) if token == COMPANY else (start, end))


def _with_places(clause: list[str], spans: list[tuple[int, int]], away: str) -> Iterator[Run]:
    """The features of a clause, each with the part of the text that it stands for; a feature's name may begin with a
    mark of its place."""
    names: list[str] = []
    _add(clause, away, names)
    concepts = iter(_concept_runs(clause, away))
    places: dict[str, list[tuple[int, int]]] = {}
    for length in range(1, 5):
        for i in range(len(clause) - length + 1):
            places.setdefault(" ".join(clause[i : i + length]), []).append((spans[i][0], spans[i + length - 1][1]))
    used: dict[str, int] = {}
    for name in names:
        if name[0] == "#":
            _, first, end = next(concepts)
            yield Run(name, spans[first][0], spans[end - 1][1])
            continue
        bare = name if name in places else name[1:]
        number = used.get(name, 0)
        used[name] = number + 1
        own = places[bare]
        yield Run(name, *own[min(number, len(own) - 1)])
