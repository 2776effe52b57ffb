"""Under which names a company of somebody's list is looked for, and which of them need care."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from documents.ordinary_words import (
    is_mostly_word,
    is_no_company,
    is_part_of_names,
    is_people,
    is_phrase,
    is_seen,
    is_word,
)
from documents.universe.legal_forms import formal_name, spoken_name

Care = Literal["none", "capital", "business"]
"""What a name needs to count: nothing, a capital letter, or also a word of business beside it."""

_SHORTEST, _SHORTEST_ALONE = 3, 4
"""A name, and the first word of one, with fewer letters is an abbreviation of many things."""

_OTHER_THINGS = frozenset({"nasdaq", "dow", "nyse", "cboe", "russell", "reuters", "euronext", "american", "standard"})
"""Names of companies that mostly mean an index, a market or a news agency."""

_STATES = frozenset(
    [
        "alabama", "alaska", "arizona", "arkansas", "california", "colorado", "connecticut", "delaware",
        "florida", "georgia", "hawaii", "idaho", "illinois", "indiana", "iowa", "kansas", "kentucky",
        "louisiana", "maine", "maryland", "massachusetts", "michigan", "minnesota", "mississippi", "missouri",
        "montana", "nebraska", "nevada", "ohio", "oklahoma", "oregon", "pennsylvania", "tennessee", "texas",
        "utah", "vermont", "virginia", "washington", "wisconsin", "wyoming",
    ]
)  # fmt: skip

_TRADES = frozenset(
    [
        "holdings", "holding", "group", "technologies", "technology", "international", "systems",
        "pharmaceuticals", "pharmaceutical", "therapeutics", "industries", "enterprises", "financial",
        "bancorp", "solutions", "brands", "worldwide", "global", "energy", "resources", "labs", "laboratories",
        "stores", "networks", "motors", "entertainment", "interactive", "biosciences", "sciences",
        "communications", "software", "semiconductor", "semiconductors", "platforms", "services", "products",
        "materials", "partners", "capital", "bancshares", "biopharma", "pharma", "health", "healthcare",
        "medical", "media",
    ]
)  # fmt: skip
"""What people leave out at the end of a name: Agilent Technologies is Agilent."""

_ALWAYS_LEFT_OUT = frozenset(
    ["holdings", "holding", "group", "international", "bancorp", "bancshares", "worldwide", "enterprises"]
)
"""What they leave out even where ordinary words remain: Fifth Third Bancorp is Fifth Third, but "Main Street" is Main
Street Capital only beside a word of business."""

_SHORTENED = {
    "pharmaceuticals": "Pharma", "pharmaceutical": "Pharma", "technologies": "Tech", "technology": "Tech",
    "laboratories": "Labs", "automotive": "Auto",
}  # fmt: skip
"""What headlines make of the last word: Acadia Pharma, Agilent Tech."""


@dataclass(slots=True)
class Names:
    """A company's names, the best one first, and those of them that need care."""

    all: list[str] = field(default_factory=list)
    capitalised: list[str] = field(default_factory=list)
    ordinary: list[str] = field(default_factory=list)

    def add(self, name: str, care: Care) -> None:
        """Add ``name``, unless it is there already."""
        if name and name.lower() not in map(str.lower, self.all):
            self.all.append(name)
            if care != "none":
                (self.capitalised if care == "capital" else self.ordinary).append(name)


class Beginnings:
    """How many companies have a name that begins with the same words: those of a list by their ``spoken`` names, and
    those that people chose by all the names ``of_chosen``."""

    def __init__(self, spoken: Iterable[str], of_chosen: Iterable[str] = ()) -> None:
        self._counts: Counter[str] = Counter()
        chosen = {one.lower() for one in of_chosen}
        self._of_chosen = {name.split()[0] for name in chosen if " " in name}
        for name in {one.lower() for one in spoken} | chosen:
            words = name.split()
            self._counts.update(" ".join(words[:count]) for count in range(1, len(words) + 1))

    def of_one(self, words: list[str]) -> bool:
        """Whether no other company's name begins with ``words``."""
        return self._counts[" ".join(words).lower()] <= 1

    def care_of(self, name: str) -> Care:
        """What ``name`` needs: a word of business also where it begins the name of a company that people chose, as
        Vertex begins Vertex Pharmaceuticals."""
        return "business" if name.lower() in self._of_chosen else care_of(name)


def names_of(name: str, aliases: Iterable[str], beginnings: Beginnings) -> Names:
    """The names for the company that a list calls ``name``; people added ``aliases``."""
    found, spoken = Names(), spoken_name(name)
    if (care := beginnings.care_of(spoken)) == "business" and len(formal_name(name).split()) > len(spoken.split()):
        found.add(formal_name(name), "capital")
    found.add(spoken, care)
    for alias in aliases:
        found.add(alias, care_of(alias))
    words = spoken.split()
    while len(words) > 2 and words[-1].lower() in _TRADES:
        trade = words.pop().lower()
        if beginnings.of_one(words):
            ordinary = trade not in _ALWAYS_LEFT_OUT and _is_ordinary(words)
            found.add(" ".join(words), "business" if ordinary else care_of(" ".join(words)))
    first = spoken.split()[:1]
    if len(words) > 1 and first and _stands_alone(first[0]) and beginnings.of_one(first):
        found.add(first[0].rstrip(","), "capital")
    head, _, last = spoken.rpartition(" ")
    if head and (short := _SHORTENED.get(last.lower())) and beginnings.of_one(spoken.split()):
        found.add(f"{head} {short}", care_of(f"{head} {short}"))
    return found


def care_of(name: str) -> Care:
    """What ``name`` needs to count as a company's."""
    words = name.replace("-", " ").split()
    if " " not in name and (len(words) == 1 or not all(map(is_word, words))):
        letters = re.sub(r"\W", "", name)
        if len(letters) < _SHORTEST or name.lower() in _OTHER_THINGS:
            return "business"
        if is_mostly_word(name) or is_part_of_names(name):
            return "business"
        return "capital" if is_seen(name) or is_no_company(name) else "none"
    if is_phrase(words):
        return "business"
    return "capital" if all(is_word(word) or len(word) < 3 for word in words) else "none"


def _is_ordinary(words: list[str]) -> bool:
    """Whether ``words`` say rather something else than a company: "Artificial Intelligence", "New Jersey"."""
    return is_word(words[0]) and all(is_word(one) or is_part_of_names(one) for one in words)


def _stands_alone(word: str) -> bool:
    """Whether a name's first word means the company: no ordinary word, no person, no place."""
    plain = word.lower()
    return (
        len(re.sub(r"[^A-Za-z]", "", word)) >= _SHORTEST_ALONE
        and not is_seen(plain)
        and not is_part_of_names(plain)
        and not is_no_company(plain)
        and not is_people(plain)
        and plain not in _OTHER_THINGS | _STATES
    )
