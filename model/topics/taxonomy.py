"""The taxonomy of topics, read from ``topics.yaml``: a definition, typical sentences and words of each topic."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import ahocorasick
import yaml

WORD_AS_EXAMPLE = 0.3
"""The weight of a single word as an example of its topic; a sentence weighs 1."""

LONGEST = 4000
"""Words are looked for in this many first characters of a text."""

COMPANY_NAMES = {
    "en": ("Siemens", "Tesla", "the group", "JPMorgan", "Acme Corp", "Unilever", "$ABC"),
    "zh": ("腾讯", "该公司", "贵州茅台", "比亚迪", "格力电器"),
}
"""By language, the names that replace ``{c}`` in the sentences. Every second sentence with a name is also learned as a
pair with that company."""

NAMELESS = frozenset({"the group", "该公司"})
"""Those among ``COMPANY_NAMES`` that name no particular company, so that no pair is made with them."""

_CHINESE = re.compile("[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Topic:
    """One topic, or one kind of ``background``. ``sentences`` are by language."""

    name: str
    definition: str
    sentences: dict[str, list[str]]
    words: list[str]


class Example(NamedTuple):
    """One text that a classifier learns from. ``number`` is the topic's, or the background's after all topics."""

    text: str
    entity: str | None
    language: str
    number: int
    weight: float


@dataclass(frozen=True)
class Taxonomy:
    """All of ``topics.yaml``. Kinds of background are classes like topics but come last and are never an answer.

    ``digest`` is the sha256 of the file, and ``automaton`` finds all words of all topics in one pass over a text.
    """

    topics: list[Topic]
    background: list[Topic]
    digest: str
    automaton: Any = field(repr=False)

    @property
    def names(self) -> list[str]:
        """The names of the topics, without the background."""
        return [topic.name for topic in self.topics]

    def sources(self, languages: frozenset[str]) -> dict[str, str]:
        """From which languages' sentences a classifier for ``languages`` learns, each with the language as which the
        encoder is given them; empty if there is nothing to learn from.

        An encoder of several languages puts what means the same close together, so if none of them has sentences,
        those in English serve, given as one of ``languages``. Of one language without sentences there is nothing.
        """
        if own := sorted(languages & COMPANY_NAMES.keys()):
            return {code: code for code in own}
        return {"en": min(languages)} if len(languages) > 1 else {}

    def examples(self, languages: frozenset[str]) -> list[Example]:
        """Everything that a classifier for ``languages`` learns from, see ``sources``."""
        codes = self.sources(languages)
        made: list[Example] = []
        for number, topic in enumerate([*self.topics, *self.background]):
            for language, code in codes.items():
                names = COMPANY_NAMES[language]
                for turn, sentence in enumerate(topic.sentences.get(language, ())):
                    name = names[turn % len(names)]
                    text = sentence.replace("{c}", name)
                    made.append(Example(text, None, code, number, 1.0))
                    if text != sentence and name not in NAMELESS and turn % 2:
                        made.append(Example(text, name, code, number, 1.0))
                for word in topic.words:
                    if bool(_CHINESE.search(word)) == (language == "zh"):
                        made.append(Example(word.rstrip("*"), None, code, number, WORD_AS_EXAMPLE))
        return made

    def words(self, text: str) -> dict[int, int]:
        """How many different words of each topic ``text`` contains, by the topic's number."""
        text = f" {text[:LONGEST].lower()} "
        seen: set[tuple[int, str]] = set()
        for end, holders in self.automaton.iter(text):
            for word, number, bounded, open_ended in holders:
                before, after = text[end - len(word)], text[end + 1]
                if not bounded or (not before.isalnum() and (open_ended or not after.isalnum())):
                    seen.add((number, word))
        counts: dict[int, int] = {}
        for number, _ in seen:
            counts[number] = counts.get(number, 0) + 1
        return counts


@cache
def load_taxonomy() -> Taxonomy:
    """The taxonomy that ships with finsent."""
    data = (resources.files("model.topics") / "topics.yaml").read_bytes()
    groups = yaml.safe_load(data)
    topics, background = (
        [
            Topic(
                name,
                about.get("definition", ""),
                {language: about[language] for language in COMPANY_NAMES if language in about},
                [str(word) for word in about.get("words", ())],
            )
            for name, about in groups[group].items()
        ]
        for group in ("topics", "background")
    )
    # A word may belong to several topics. Chinese words have no boundaries; a "*" leaves a word's end open.
    holders: dict[str, list[tuple[str, int, bool, bool]]] = {}
    for number, topic in enumerate(topics):
        for word in topic.words:
            bare = word.rstrip("*")
            holders.setdefault(bare, []).append((bare, number, not _CHINESE.search(word), word.endswith("*")))
    automaton = ahocorasick.Automaton()
    for bare, held in holders.items():
        automaton.add_word(bare, tuple(held))
    automaton.make_automaton()
    return Taxonomy(topics, background, hashlib.sha256(data).hexdigest(), automaton)
