"""Text as a model is given it, in training and in use: capitals quietened, the company's name replaced, split words
joined, and how figures compare and bad quantities move said in words."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from functools import lru_cache

from documents.bad_quantities import spelled_quantities
from documents.figures import spelled_figures
from documents.pictures import spelled_pictures

ADDRESS = r"(?i)(?:https?://|www\.)[!-~]+"
"""A web address. It is stored with its text, but neither the model nor the language detection should read it. It ends
at Chinese characters, which may follow without a space."""

FEWEST_CAPITALS = 10
_PIECE = re.compile(r"(?<![\w$@#&'\u2019.-])[A-Za-z]{2,}(?![\w&])")
"""Matches what may be half of a word, and no part of a cashtag, an abbreviation or an address."""


def as_read(
    text: str, entity: str | None, stand_in: str, words: Container[str], figures: bool = False
) -> tuple[str, str | None]:
    """The input of a model that was trained with ``stand_in`` and whose tokenizer has the whole ``words``, the same in
    training and in use: ``spelled_pictures``, ``quiet``, with ``figures`` also ``spelled_figures`` and
    ``spelled_quantities``, then ``unnamed``, then ``rejoined``."""
    text, entity = quiet(spelled_pictures(text), entity)
    if figures:
        text = spelled_quantities(spelled_figures(text))
    text, entity = unnamed(text, entity, stand_in)
    return rejoined(text, words), entity


def quiet(text: str, entity: str | None) -> tuple[str, str | None]:
    """Both in lower case where nearly all of the text is in capitals, else as they are: a model of cased text knows few
    words in capitals."""
    capitals = sum(map(str.isupper, text))
    if capitals >= FEWEST_CAPITALS and capitals >= 0.9 * (capitals + sum(map(str.islower, text))):
        return text.lower(), entity and entity.lower()
    return text, entity


def unnamed(text: str, entity: str | None, stand_in: str) -> tuple[str, str | None]:
    """Both with ``stand_in`` in place of ``entity``, wherever ``text`` names it.

    So the sentiment cannot depend on who the company is (names are known to distract: Glasserman and Lin 2023, arXiv
    2309.17322), and it is plain which of several companies is asked about. Where the name is not found as it is
    written, it is searched for without regard to case. Both stay as they are where it is not found at all, or where
    ``stand_in`` is empty.
    """
    if not (entity and stand_in):
        return text, entity
    for flags in (0, re.IGNORECASE):
        changed, count = naming(entity, flags).subn(lambda _: stand_in, text)
        if count:
            return changed, stand_in
    return text, entity


def rejoined(text: str, words: Container[str]) -> str:
    """``text`` without the spaces that split a word, as broken lines and copied PDFs leave them ("comp any").

    Two pieces are joined if they are not both among ``words`` but are a word together. A capital letter in the second
    piece begins a name, so it is not joined, unless both pieces are in capitals.
    """
    found = list(_PIECE.finditer(text))
    lowered = [match.group().lower() for match in found]
    known = [piece in words for piece in lowered]
    parts, at, skip = [], 0, -1
    for i in range(len(found) - 1):
        before, after = found[i], found[i + 1]
        if (
            i != skip
            and not (known[i] and known[i + 1])
            and before.end() + 1 == after.start()
            and text[before.end()] == " "
            and (after.group().islower() or (before.group().isupper() and after.group().isupper()))
            and lowered[i] + lowered[i + 1] in words
        ):
            parts.append(text[at : before.end()])
            at, skip = after.start(), i + 1
    return "".join([*parts, text[at:]]) if parts else text


def whole_words(vocabulary: Iterable[str]) -> frozenset[str]:
    """The words, in lower case, for which a tokenizer's ``vocabulary`` has one piece.

    Those are the pieces that begin with the mark of a space (SentencePiece, byte-level tokenizers), or, in WordPiece,
    those without the mark of a continuation.
    """
    pieces = list(vocabulary)
    marked = [piece[1:] for piece in pieces if piece[:1] in ("\u2581", "\u0120")]
    whole = marked or [piece for piece in pieces if not piece.startswith("##")]
    return frozenset(word.lower() for word in whole if word.isascii() and word.isalpha())


@lru_cache(8192)  # there are few companies, and every text about one asks
def naming(entity: str, flags: int = re.IGNORECASE) -> re.Pattern[str]:
    """A pattern that finds ``entity`` as a name of its own, and not inside a word."""
    # Chinese is written without spaces, so a name there is no word by itself.
    before, after = (r"(?<!\w)" if entity[0] < "\u2e80" else ""), (r"(?!\w)" if entity[-1] < "\u2e80" else "")
    return re.compile(before + re.escape(entity) + after, flags)
