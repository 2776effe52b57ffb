"""Count which words of news are no companies' names.

``python -m benchmarks.ordinary_words FILE... > documents/ordinary_words.tsv``

FILEs are CSV files of English headlines, packed with gzip, with a column ``text``.
"""

from __future__ import annotations

import csv
import gzip
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

WORD = re.compile(r"[A-Za-z][A-Za-z'&.-]*[A-Za-z]|[A-Za-z]")
BUSINESS = re.compile(
    r"^(?:'s)?,?\s\(?(?:stock|shares?|earnings|results|ceo|cfo|inc|corp|ltd|plc|ipo|q[1-4]|profits?|revenues?|investors?|sales"
    r"|reports|shareholders?|upgraded|downgraded|price target|\(?[A-Z]{2,5}\))\b",
    re.IGNORECASE,
)
PLACE = frozenset({"in", "from", "near", "at", "across", "outside"})
TRADES = frozenset(
    [
        "inc", "corp", "corporation", "co", "company", "ltd", "limited", "plc", "group", "holdings", "holding",
        "technologies", "technology", "pharmaceuticals", "pharma", "therapeutics", "biosciences", "bio",
        "systems", "motors", "motor", "energy", "financial", "bank", "bancorp", "capital", "partners",
        "resources", "international", "industries", "foods", "brands", "stores", "media", "networks",
        "communications", "software", "semiconductor", "electronics", "electric", "airlines", "airways", "air",
        "entertainment", "interactive", "health", "healthcare", "sciences", "lifesciences", "laboratories",
        "labs", "medical", "chemical", "steel", "oil", "gas", "petroleum", "mining", "gold", "solar", "power",
        "realty", "properties", "trust", "insurance", "automotive", "auto", "logistics", "retail", "scientific",
        "instruments", "devices", "materials", "products", "solutions", "services", "worldwide", "global",
        "aerospace",
    ]
)  # fmt: skip
FEW, MOSTLY, PART, SELDOM, OFTEN, PAIR = 3, 0.2, 0.4, 0.04, 2, 10


@dataclass(slots=True)
class Counts:
    """How often each word stood where. ``small`` to ``pairs`` are of headlines that are not in title case."""

    small: Counter[str] = field(default_factory=Counter)
    capital: Counter[str] = field(default_factory=Counter)
    part: Counter[str] = field(default_factory=Counter)
    pairs: Counter[str] = field(default_factory=Counter)
    everywhere: Counter[str] = field(default_factory=Counter)
    business: Counter[str] = field(default_factory=Counter)

    def add(self, text: str) -> None:
        """Count the words of one headline."""
        text = text.replace("\u2019", "'")
        words = list(WORD.finditer(text))
        for word in words:
            if word.group()[0].isupper():
                plain = _plain(word)
                self.everywhere[plain] += 1
                self.business[plain] += bool(BUSINESS.match(text[word.start() + len(plain) :][:30]))
        long = [word.group() for word in words[1:] if len(word.group()) >= 4]
        if len(long) < 3 or sum(word[0].islower() for word in long) < 0.5 * len(long):
            return
        for place, word in enumerate(words):
            before = words[place - 1] if place and text[words[place - 1].end() : word.start()] == " " else None
            after = words[place + 1] if place + 1 < len(words) else None
            after = after if after and text[word.end() : after.start()] == " " else None
            self._add_word(place, word, before, after)

    def _add_word(
        self, place: int, word: re.Match[str], before: re.Match[str] | None, after: re.Match[str] | None
    ) -> None:
        plain = _plain(word)
        if word.group()[0].islower():
            self.small[plain] += 1
            if after and after.group()[0].islower():
                self.pairs[f"{plain} {after.group()}"] += 1
        elif place and before:
            self.capital[plain] += 1
            behind = bool(after and after.group().lower() not in TRADES and after.group().istitle())
            self.part[plain] += behind or (place > 1 and before.group().istitle()) or before.group() in PLACE

    def classes(self) -> Iterator[tuple[str, str]]:
        """Each word, or pair of words, that is in a class, and its classes as letters."""
        for word in sorted({*self.small, *self.capital, *self.everywhere}):
            small, capital, everywhere = self.small[word], self.capital[word], self.everywhere[word]
            letters = "s" if small and len(word) > 3 else ""
            if small >= FEW:
                letters = "sw" if small < MOSTLY * (small + capital) else "swm"
            if self.part[word] >= PART * capital and self.part[word] > 1:
                letters += "p"
            if everywhere >= OFTEN and self.business[word] < SELDOM * everywhere:
                letters += "n"
            if letters and len(word) > 1 and word.strip(".,'-&") == word:
                yield word, letters
        yield from ((pair, "m") for pair, count in sorted(self.pairs.items()) if count >= PAIR)


def _plain(word: re.Match[str]) -> str:
    return word.group().lower().removesuffix("'s")


def main() -> None:
    """Count the words of the files that are named, and print their classes."""
    counts = Counts()
    for name in sys.argv[1:]:
        with gzip.open(Path(name), "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                counts.add(row["text"])
    sys.stdout.writelines(f"{word}\t{letters}\n" for word, letters in counts.classes())


if __name__ == "__main__":
    main()
