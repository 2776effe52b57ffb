"""What a headline states: companies, numbers and names. Two headlines of one story do not contradict each other."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from documents.stories.key import lead

_NUMBER = re.compile(
    r"(?<![\w.])(\d[\d,]*(?:\.\d+)?|\.\d+)(?:[\s-]?(trillion|tn|billion|bln|bn|b|million|mln|mn|m|thousand|k)\b)?",
    re.IGNORECASE,
)
_SCALE = {"th": 1e3, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_ATTRIBUTION = re.compile(r"(?::| [-\u2013\u2014])\s?[^:\u2013\u2014]{1,40}$")
_WORD = re.compile(r"[^\W\d_](?:[\w&]|['\u2019.-](?=\w))*")
_SPELT = {
    word: float(number)
    for number, word in enumerate(
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], start=2
    )
}
# Words that may stand at the beginning of a headline, with a capital letter, without being names.
_NO_NAMES = frozenset(
    _WORD.findall(
        """a about after again all amid among an and analysis analyst are as at back before behind big breaking
        brief but by can could day despite do does down during exclusive explainer factbox first five for four
        from global graphic has have he her here higher his how if in inside instant into is it its just last
        latest less live lower may more most new news next no not now of off on one only opinion or our out over
        report reports says she should since so some source sources still ten than that the their them these
        they this those three timeline to top two under until up update view was we week what when where which
        who why will with year you your"""
    )
)


class Facts(NamedTuple):
    """What a headline states, and a rewording of it keeps, too.

    ``companies`` are tickers. ``names`` is None where names cannot be told from other words. ``words`` are all words.
    """

    companies: frozenset[str]
    numbers: frozenset[float]
    names: frozenset[str] | None
    words: frozenset[str]

    def contradict(self, other: Facts) -> bool:
        """Whether each of the two states something that the other does not. What only one of them adds is a detail."""
        if self.companies - other.companies and other.companies - self.companies:
            return True
        if self.numbers - other.numbers and other.numbers - self.numbers:
            return True
        return bool(_missing(self.names, other.words) and _missing(other.names, self.words))

    def shared(self, other: Facts) -> float:
        """The share of the words of the two headlines that stand in both (Jaccard)."""
        return len(self.words & other.words) / max(len(self.words | other.words), 1)


def _missing(names: frozenset[str] | None, words: frozenset[str]) -> bool:
    """Whether one of ``names`` is not among ``words``, not even in a longer or shorter form (Exxon, ExxonMobil)."""
    return any(
        name not in words
        and not any(
            min(len(word), len(name)) > 3 and (word.startswith(name) or name.startswith(word)) for word in words
        )
        for name in names or ()
    )


def facts(headline: str, companies: Iterable[str] = ()) -> Facts:
    """The facts of a normalised headline. ``companies`` are the tickers of the companies that it names."""
    headline = lead(headline)
    numbers = set()
    for digits, scale in _NUMBER.findall(headline):
        factor = next(by for start, by in _SCALE.items() if scale.lower().startswith(start)) if scale else 1
        numbers.add(float(f"{float(digits.replace(',', '')) * factor:.6g}"))
    found = [match.group() for match in _WORD.finditer(headline)]
    plain = [_plain(word) for word in found]
    attributed = (
        match.start() if (match := _ATTRIBUTION.search(headline)) and match.start() > len(headline) / 2 else None
    )
    own = len(found) if attributed is None else len(_WORD.findall(headline[:attributed]))
    numbers.update(_SPELT[word] for word in plain if word in _SPELT)
    names = {low for word, low in zip(found[:own], plain, strict=False) if not word.islower() and low not in _NO_NAMES}
    long = [word for word in found[1:] if len(word) > 3]
    titled = len(long) > 2 and sum(not word.islower() for word in long) > 0.7 * len(long)
    return Facts(frozenset(companies), frozenset(numbers), None if titled else frozenset(names), frozenset(plain))


def _plain(word: str) -> str:
    if not word.isalnum():
        if word.endswith(("'s", "\u2019s")):
            word = word[:-2]
        word = word.replace(".", "").replace("'", "").replace("\u2019", "")
    word = word.lower()
    return word if word.isascii() else "".join(c for c in unicodedata.normalize("NFD", word) if c.isalnum())
