"""Text as it is scored and stored: markup, invisible characters and look-alike letters undone."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import cache, partial

import xxhash
from py3langid.langid import MODEL_FILE, LanguageIdentifier

# Bounded, so that a hostile text costs linear time.
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,1000}>|<!--[^<>]{0,1000}-->")
_BREAKING = re.compile(r"</?(?:p|br|div|li|tr|td|h[1-6])\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
_NOT_WORD = re.compile(r"[\W_]+")
_SPACE = re.compile(r"\s+")

# Letters of other scripts that look like Latin ones (from the facts of Unicode's confusables.txt).
_LOOK_ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухԁԛԝһӏӀΑΒΕΖΗΙΚΜΝΟΡΤΥΧαονρ",
    "ABESIJKMHOPCTYXaesijopcyxdqwhllABEZHIKMNOPTYXaovp",
)
_LANGUAGE = re.compile(r"[a-z]{2,3}")
LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "pl", "tr", "zh", "ja", "ko", "ru", "ar")


def normalise(text: str) -> str:
    """``text`` without markup, control, zero-width and direction characters, with look-alike letters inside
    Latin words mapped to Latin, compatibility forms (NFKC) and single spaces."""
    if "&" in text or "<" in text:
        text = _without_markup(text)
    text = unicodedata.normalize("NFKC", text)
    if not text.isascii():
        text = "".join(c for c in text if unicodedata.category(c) != "Cf" or c == "\u200d")
        text = text.replace("\u200d", "") if not _has_emoji(text) else text
        mostly_latin = sum(c.isascii() and c.isalpha() for c in text) * 2 > sum(c.isalpha() for c in text)
        text = _WORD.sub(partial(_latin, mostly_latin), text)
    text = "".join(c if c.isprintable() else " " for c in text)
    return _SPACE.sub(" ", text).strip()


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
    return mapped if trick and mapped.isascii() else word


def story_key(text: str) -> int:
    """A 64-bit key that repeats of a normalised text share, whatever their case and punctuation."""
    return xxhash.xxh3_64_intdigest(_NOT_WORD.sub(" ", text.lower()).strip().encode())


@cache
def _identifier() -> LanguageIdentifier:
    made = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    made.set_languages(list(LANGUAGES))
    return made


def language(text: str, given: str | None = None) -> str:
    """The ISO 639 code of the text's language: a well-formed tag that was given, else the script's or the most
    probable one; ``und`` where nothing tells."""
    if given and _LANGUAGE.fullmatch(code := given.lower().replace("_", "-").split("-")[0]):
        return code
    for script, code in (("HIRAGANA", "ja"), ("KATAKANA", "ja"), ("HANGUL", "ko"), ("CJK", "zh")):
        if not text.isascii() and any(unicodedata.name(c, "").startswith(script) for c in text[:200]):
            return code
    if not any(c.isalpha() for c in text):
        return "und"
    code, probability = _identifier().classify(text[:400])
    # A few Latin words say little, and nearly all of the feed is English.
    letters = sum(c.isascii() and c.isalpha() for c in text)
    return "en" if letters and (letters < 15 or probability < 0.9) else str(code)
