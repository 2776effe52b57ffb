"""Text as it is scored and stored: markup, invisible characters and look-alike letters undone."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Container, Iterable
from functools import lru_cache, partial

# Bounded, so that a hostile text costs linear time.
_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9:-]*(?=[\s/>])[^<>]{0,1000}>|<!--[^<>]{0,1000}-->")
"""Not a Reuters code such as <ABCD.N> or <EUR=>, which stands behind a company's name and belongs to the text."""

_BREAKING = re.compile(r"</?(?:p|br|div|li|tr|td|h[1-6])\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
ADDRESS = r"(?i)(?:https?://|www\.)[!-~]+"
"""A web address. It is stored with its text, but says nothing that the model or the language detection should read;
Chinese is written on after it without a space."""
FEWEST_CAPITALS = 10
_SPACE = re.compile(r"\s+")
_PIECE = re.compile(r"(?<![\w$@#&'\u2019.-])[A-Za-z]{2,}(?![\w&])")
"""What may be a half of a word: nothing of a cashtag, an abbreviation or an address."""

# Letters that look like basic Latin ones (from the facts of Unicode's confusables.txt) and that NFKC keeps: Cyrillic,
# Greek, Armenian, phonetic and small capitals. Not among them what a language of Latin letters uses, such as the
# dotless i.
_LOOK_ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухԁԛԝһӏӀΑΒΕΖΗΙΚΜΝΟΡΤΥΧαονρ"
    "ЬҮүҽѵѡԌСɑɡɩցհոսօՕՏᖯᴀᴄᴇᴊᴋᴍɴᴏᴘᴛᴜᴠᴡᴢʙʏꜰꜱϳͿκυƖզ",
    "ABESIJKMHOPCTYXaesijopcyxdqwhllABEZHIKMNOPTYXaovp"
    "bYyevwGCagighnuoOSbacejkmnoptuvwzbyfsjJkulq",
)  # fmt: skip


def normalise(text: str) -> str:
    """``text`` without markup, control, zero-width and direction characters, with look-alike letters inside
    Latin words mapped to Latin, compatibility forms (NFKC) and single spaces."""
    if "&" in text or "<" in text:
        text = _without_markup(text)
    text = unicodedata.normalize("NFKC", text)
    if not text.isascii():
        text = "".join(c for c in text if unicodedata.category(c) != "Cf" or c == "\u200d")
        text = text.replace("\u200d", "") if not _has_emoji(text) else text
        text = text.replace("\u212e", "e")  # the estimated sign, no letter to Unicode
        mostly_latin = sum(c.isascii() and c.isalpha() for c in text) * 2 > sum(c.isalpha() for c in text)
        text = _WORD.sub(partial(_latin, mostly_latin), text)
    text = "".join(c if c.isprintable() else " " for c in text)
    return _SPACE.sub(" ", text).strip()


def quiet(text: str, entity: str | None) -> tuple[str, str | None]:
    """What a model of cased text reads of them: both in lower case where nearly all of the text is in capitals, of
    which it knows few words; else both as they are."""
    capitals = sum(map(str.isupper, text))
    if capitals >= FEWEST_CAPITALS and capitals >= 0.9 * (capitals + sum(map(str.islower, text))):
        return text.lower(), entity and entity.lower()
    return text, entity


def as_read(text: str, entity: str | None, stand_in: str, words: Container[str]) -> tuple[str, str | None]:
    """What a model that was trained with ``stand_in`` and whose tokenizer has ``whole_words`` is given of them, in
    training and in use: ``quiet``, then ``unnamed``, then ``rejoined``."""
    text, entity = unnamed(*quiet(text, entity), stand_in)
    return rejoined(text, words), entity


def rejoined(text: str, words: Container[str]) -> str:
    """``text`` without the spaces that split a word, as broken lines and copied PDFs leave them ("comp any"): of two
    pieces that are not both among ``words``, and are one together. Case tells where a name ends."""
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
    """The words, in small letters, that a tokenizer with ``vocabulary`` reads as one piece at their beginning: after
    SentencePiece's or a byte-level tokenizer's mark of a space, or in WordPiece without the mark of a continuation."""
    pieces = list(vocabulary)
    marked = [piece[1:] for piece in pieces if piece[:1] in ("\u2581", "\u0120")]
    whole = marked or [piece for piece in pieces if not piece.startswith("##")]
    return frozenset(word.lower() for word in whole if word.isascii() and word.isalpha())


def unnamed(text: str, entity: str | None, stand_in: str) -> tuple[str, str | None]:
    """Both with ``stand_in`` for the ``entity`` wherever ``text`` names it, so that who it is cannot decide what is
    said about it (names are known to distract: Glasserman and Lin 2023, arXiv 2309.17322), and so that it is plain
    which of several companies is asked about. As they are where ``stand_in`` is empty or the name is not found; what
    differs from it in case alone counts where it is not found as it is written."""
    if not (entity and stand_in):
        return text, entity
    for flags in (0, re.IGNORECASE):
        changed, count = naming(entity, flags).subn(lambda _: stand_in, text)
        if count:
            return changed, stand_in
    return text, entity


@lru_cache(8192)  # asked for each text about a company, and the companies are few
def naming(entity: str, flags: int = re.IGNORECASE) -> re.Pattern[str]:
    """Finds ``entity`` where it stands as a name of its own."""
    # Chinese is written without spaces, so a name there is no word by itself.
    before, after = (r"(?<!\w)" if entity[0] < "\u2e80" else ""), (r"(?!\w)" if entity[-1] < "\u2e80" else "")
    return re.compile(before + re.escape(entity) + after, flags)


def _without_markup(text: str) -> str:
    for tag in ("script", "style"):
        text = _without_element(text, tag)
    return html.unescape(_TAG.sub(lambda tag: " " if _BREAKING.match(tag.group()) else "", text))


def _without_element(text: str, tag: str) -> str:
    parts, at = [], 0
    for start in re.finditer(rf"<{tag}\b", text, re.IGNORECASE):
        if start.start() < at:
            continue
        end = text.find(f"</{tag}>", start.end())
        if end < 0:
            break
        parts.append(text[at : start.start()])
        at = end + len(tag) + 3
    return "".join([*parts, text[at:]])


def _has_emoji(text: str) -> bool:
    return any(c >= "\U0001f000" for c in text)


def _latin(mostly_latin: bool, match: re.Match[str]) -> str:
    word = match.group()
    if word.isascii():
        return word
    mapped = word.translate(_LOOK_ALIKE)
    # A word that mixes scripts, or that stands in a Latin text, is a trick; others are their own script's.
    trick = mostly_latin or any(c.isascii() for c in word)
    return mapped if trick and all(c < "\u0250" for c in mapped) else word
