"""Text as it is scored and stored: without markup, invisible characters and look-alike letters."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import partial

# Bounded, so that a hostile text costs linear time.
_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9:-]*(?=[\s/>])[^<>]{0,1000}>|<!--[^<>]{0,1000}-->")
"""Does not match a Reuters code such as <ABCD.N> or <EUR=>: it follows a company's name and belongs to the text."""

_BREAKING = re.compile(r"</?(?:p|br|div|li|tr|td|h[1-6])\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
_SPACE = re.compile(r"\s+")

# Letters that look like basic Latin ones (by Unicode's confusables.txt) and that NFKC keeps: Cyrillic, Greek, Armenian,
# phonetic letters and small capitals. Letters of a language that is written in Latin script are left out, such as the
# dotless i.
_LOOK_ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухԁԛԝһӏӀΑΒΕΖΗΙΚΜΝΟΡΤΥΧαονρ"
    "ЬҮүҽѵѡԌСɑɡɩցհոսօՕՏᖯᴀᴄᴇᴊᴋᴍɴᴏᴘᴛᴜᴠᴡᴢʙʏꜰꜱϳͿκυƖզ",
    "ABESIJKMHOPCTYXaesijopcyxdqwhllABEZHIKMNOPTYXaovp"
    "bYyevwGCagighnuoOSbacejkmnoptuvwzbyfsjJkulq",
)  # fmt: skip


def normalise(text: str) -> str:
    """``text`` without markup and without control, zero-width and direction characters. Look-alike letters inside Latin
    words become Latin ones, compatibility forms become plain ones (NFKC), and every white space is a single space."""
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
