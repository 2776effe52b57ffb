"""Which words and pairs of words are rather something else than a company's name, as counted in 79,320 English
headlines by ``benchmarks/ordinary_words.py``."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from itertools import pairwise

_PEOPLES = re.compile(r"(?:ish|ese|[aei]an|akh|ench|utch|reek|wiss|thai|iraqi|israeli)s?$")
"""Endings of the names of peoples and languages."""


@cache
def _classes() -> dict[str, str]:
    """The classes of each word: s, w, m, p, n."""
    lines = (resources.files("documents") / "ordinary_words.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines)


def is_seen(word: str) -> bool:
    """Whether news has ever written ``word`` in small letters."""
    return _is("s", word)


def is_word(word: str) -> bool:
    """Whether news writes ``word`` in small letters, too: three times at least."""
    return _is("w", word)


def is_mostly_word(word: str) -> bool:
    """Whether ``word`` is an ordinary one even where a headline gives it a capital letter: news writes a fifth of such
    words in small letters, or more."""
    return _is("m", word)


def is_part_of_names(word: str) -> bool:
    """Whether ``word`` is mostly the name of people or of a place: 40 % stand beside another word with a capital letter
    that is no trade, or behind "in" and the like."""
    return _is("p", word)


def is_no_company(word: str) -> bool:
    """Whether ``word`` is spoken of, and not as one speaks of companies: under 4 % stand in front of a word of
    business, such as "shares" or "CEO"."""
    return _is("n", word)


def is_people(word: str) -> bool:
    """Whether ``word`` ends as the names of peoples and languages do."""
    return bool(_PEOPLES.search(_plain(word)))


def is_phrase(words: list[str]) -> bool:
    """Whether news writes all pairs of neighbours of ``words`` in small letters, as in "natural gas"."""
    pairs = [f"{_plain(one)} {_plain(two)}" for one, two in pairwise(words)]
    return bool(pairs) and all(_is("m", pair) for pair in pairs)


def _is(letter: str, word: str) -> bool:
    return letter in _classes().get(_plain(word), "")


def _plain(word: str) -> str:
    return word.lower().strip(".,!?\"'()")
