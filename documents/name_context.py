"""What stands around a name in a text, from which people tell whether it is one."""

from __future__ import annotations

import re

from documents.ordinary_words import is_people, is_word

_NAME_BEFORE = re.compile(r"(?<![\w.'-])([A-Z][a-z]+)\s$")
_WORD_BEFORE = re.compile(r"([\w-]+)\W{0,2}$")
_WORD_AFTER = re.compile(r"^(?:['\u2019]s)?\W{0,2}(\w+)")


def word_before(text: str, start: int) -> str:
    """The word in front of ``start`` in small letters, or ""."""
    found = _WORD_BEFORE.search(text[max(0, start - 40) : start])
    return found[1].lower() if found else ""


def word_after(text: str, end: int) -> str:
    """The word behind ``end`` in small letters, or ""."""
    found = _WORD_AFTER.match(text[end : end + 40])
    return found[1].lower() if found else ""


def has_capitals(surface: str) -> bool:
    """Whether all words of a name have a capital letter, but for short ones such as "of"."""
    return surface[0].isupper() and all(word[0].isupper() for word in surface.split() if len(word) > 3)


def ends_a_name(in_front: str) -> bool:
    """Whether a word behind ``in_front`` is the end of a longer name, as in "Jim Apple"."""
    other = _NAME_BEFORE.search(in_front)
    return bool(other) and not is_word(other[1]) and not is_people(other[1])  # type: ignore[index]
