"""Concepts: words that mean the same for the reader of events, read from ``concepts.yaml``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import NamedTuple

import msgspec

FORMS = "~"
"""After an English word, it stands for all its forms."""


class Concepts(NamedTuple):
    """``names`` gives the concept of each word or phrase; the words of a phrase are joined by blanks. ``longest``
    gives, for each word, the length in words of the longest phrase that begins with it."""

    names: dict[str, str]
    longest: dict[str, int]


@cache
def load_concepts(tokens: Callable[[str], list[str]]) -> Concepts:
    """The concepts, their words cut by ``tokens``. Of a word that stands in two lists, the first counts."""
    text = (resources.files("model.events") / "concepts.yaml").read_bytes()
    names: dict[str, str] = {}
    longest: dict[str, int] = {}
    for concept, words in msgspec.yaml.decode(text, type=dict[str, list[str]]).items():
        for word in words:
            for form in _forms(word[:-1]) if word.endswith(FORMS) else [word]:
                parts = tokens(form)
                names.setdefault(" ".join(parts), concept)
                longest[parts[0]] = max(longest.get(parts[0], 0), len(parts))
    return Concepts(names, longest)


def _forms(word: str) -> list[str]:
    """A word and its English forms, those of verbs and those of nouns. Some that do not exist are among them."""
    stem = word.removesuffix("e")
    forms = [word, word + "s", stem + "ed", stem + "ing"]
    if word[-1] == "y":
        forms += [word[:-1] + "ies", word[:-1] + "ied"]
    elif word[-1] in "sxzh":
        forms.append(word + "es")
    elif word[-1] not in "aeiouw":
        forms += [word + word[-1] + "ed", word + word[-1] + "ing"]
    return forms
