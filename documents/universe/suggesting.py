"""Companies that are spoken of and stand on no list: names beside a word that only companies have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from documents.linking import Linker
from documents.ordinary_words import is_mostly_word, is_no_company, is_part_of_names, is_people, is_word

_NAME = r"[A-Z][\w&'-]*[\w](?:\s(?:&\s)?[A-Z][\w&'-]*[\w]){0,2}"
_SPOKEN_OF = re.compile(
    rf"(?<![\w$@#.'-])({_NAME}),?(?:['\u2019]s)?\s"
    r"(?:shares|stock|CEO|CFO|chief executive|shareholders|IPO|Inc|Corp|Corporation|Ltd|plc|PLC|AG|SE|NV|bonds"
    r"|founder|boss|executives?|owner|to buy|to acquire|to sell|to cut|to merge|buys|acquires|posts|recalls|files for"
    r"|beats|misses|names|launches|reports (?:first|second|third|fourth|quarterly|profit|loss)|profit|revenue|sales"
    r"|workers)\b"
)


class Spoken(NamedTuple):
    """What one document says: its text, its story and its source."""

    text: str
    story: int
    source: str


@dataclass(slots=True)
class Suggestion:
    """A name on no list: in how many stories it is spoken of, by which sources, and one of the texts."""

    name: str
    stories: set[int] = field(default_factory=set)
    sources: Counter[str] = field(default_factory=Counter)
    example: str = ""


def suggestions(documents: Iterable[Spoken], linker: Linker, fewest: int = 3) -> list[Suggestion]:
    """The names that ``linker`` does not find, and of which ``fewest`` stories speak; those of most stories first."""
    found: dict[str, Suggestion] = {}
    for document in documents:
        for name in set(_names(document.text, linker)):
            one = found.setdefault(name.lower(), Suggestion(name, example=document.text))
            one.stories.add(document.story)
            one.sources[document.source] += 1
    spoken_of = [one for one in found.values() if len(one.stories) >= fewest]
    return sorted(spoken_of, key=lambda one: (-len(one.stories), one.name))


def _names(text: str, linker: Linker) -> Iterator[str]:
    matches = list(_SPOKEN_OF.finditer(text))
    if not matches:
        return
    linked = [(one.start, one.end) for one in linker.find(text)]
    for match in matches:
        words = re.sub(r"['\u2019]s$", "", match[1]).split()
        while words and (is_word(words[0]) or is_people(words[0]) or len(words[0]) < 2):
            words.pop(0)  # "Why", "Former", "German"
        start = match.end(1) - len(" ".join(words))
        # The linker tells where a company stands first; farther on, the name alone is asked for.
        known = any(begin < match.end(1) and start < end for begin, end in linked) or linker.find(match.group())
        alone = len(words) == 1 and (is_part_of_names(words[0]) or is_no_company(words[0]))
        if words and not known and not alone and not all(map(is_mostly_word, words)):
            yield " ".join(words)
