"""Text as it is scored and stored: without markup, invisible characters and look-alike letters."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import cache, partial

# Bounded, so that a hostile text costs linear time.
_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9:-]*(?=[\s/>])[^<>]{0,1000}>|<!--[^<>]{0,1000}-->")
"""Does not match a Reuters code such as <ABCD.N> or <EUR=>: it follows a company's name and belongs to the text."""

_BREAKING = re.compile(
    r"</?(?:p|br|hr|div|li|[uod]l|d[dt]|table|t[rdh]|thead|tbody|caption|h[1-6]|pre|blockquote|section|article|header|footer)\b",
    re.IGNORECASE,
)
_HTML = re.compile(
    r"</?(?:p|br|hr|div|span|li|[uod]l|d[dt]|table|t[rdh]|thead|tbody|tfoot|caption|h[1-6]|pre|blockquote|section|article|header"
    r"|footer|a|b|i|u|s|em|strong|small|su[bp]|img|figure|figcaption|font|center|code|script|style|iframe)(?=[\s/>])[^<>]{0,1000}>",
    re.IGNORECASE,
)
"""Matches a known tag of HTML. Of tags that were written as ``&lt;p&gt;``, only these are removed: a text may be about
others."""

_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[A-Za-z]\w{1,30});")
_SECTION = re.compile(r"<!\[CDATA\[|\]\]>")
MOST_ESCAPED = 3
"""Feeds escape their markup once too often, and some of them twice."""

_WORD = re.compile(r"[^\W\d_]+")
_SPACE = re.compile(r"\s+")
MOST_MARKS = 30
_SENTENCES = re.compile("([\ufdfa\ufdfb]+)")
"""Two Arabic ligatures, of 18 and 8 letters. They stay as they are: a short text would become a very long one."""

MOST_EXPANSION, PIECE = 6, 10_000
"""NFKC makes at most this many characters of any other one. The length of the result is measured piece by piece."""

FIRST_EMOJI = "\U0001f000"

# Letters that look like basic Latin ones (by Unicode's confusables.txt) and that NFKC keeps: Cyrillic, Greek, Armenian,
# phonetic letters and small capitals. Letters of a language that is written in Latin script are left out, such as the
# dotless i.
_LOOK_ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухԁԛԝһӏӀΑΒΕΖΗΙΚΜΝΟΡΤΥΧαονρ"
    "ЬҮүҽѵѡԌСɑɡɩցհոսօՕՏᖯᴀᴄᴇᴊᴋᴍɴᴏᴘᴛᴜᴠᴡᴢʙʏꜰꜱϳͿκυƖզ",
    "ABESIJKMHOPCTYXaesijopcyxdqwhllABEZHIKMNOPTYXaovp"
    "bYyevwGCagighnuoOSbacejkmnoptuvwzbyfsjJkulq",
)  # fmt: skip

_TRICKS = frozenset(map(chr, _LOOK_ALIKE))


class TooLong(ValueError):
    """A text is longer than it may be."""


def normalise(text: str, most: int | None = None) -> str:
    """``text`` without markup and without control, zero-width and direction characters. Look-alike letters inside Latin
    words become Latin ones, compatibility forms become plain ones (NFKC), and every white space is a single space.

    Takes time in proportion to the length, whatever the text holds. Raises ``TooLong`` if the text has more than
    ``most`` characters without its markup and with its compatibility forms made plain.
    """
    if "&" in text or "<" in text:
        text = _without_markup(text)
    if not text.isascii():
        if _may_have_piles(text):
            text = _too_many_marks().sub(r"\1", text)
        if most is not None and len(text) * MOST_EXPANSION > most:
            _check_length(text, most)
        text = _plain_forms(text)
        text = text.translate(_BESIDE_EMOJI if max(text, default="") >= FIRST_EMOJI else _PLAIN)
        if not _TRICKS.isdisjoint(text):
            latin = sum(map(str.isalpha, filter(str.isascii, text)))
            text = _WORD.sub(partial(_latin, latin * 2 > sum(map(str.isalpha, text))), text)
    elif not text.isprintable():
        text = text.translate(_PLAIN)
    if most is not None and len(text) > most:
        raise TooLong
    return _SPACE.sub(" ", text).strip()


class _Shown(dict[int, str]):
    """What becomes of each character, for ``str.translate``: invisible ones go, others that cannot be printed become a
    space. Filled as characters are met."""

    def __init__(self, joiner: str) -> None:
        super().__init__({0x200D: joiner, 0x212E: "e"})  # the estimated sign is no letter to Unicode

    def __missing__(self, code: int) -> str:
        c = chr(code)
        self[code] = "" if unicodedata.category(c) == "Cf" else c if c.isprintable() else " "
        return self[code]


_PLAIN, _BESIDE_EMOJI = _Shown(""), _Shown(" ")


_ACCENTS = dict.fromkeys(map(ord, "\u00b4\u0384\u1fbd\u1fbf\u1fef\u1ffd\u1ffe"), "'")
"""Accents that stand alone, which people type as apostrophes; NFKC would make a space and an accent of them."""


def _plain_forms(text: str) -> str:
    parts = _SENTENCES.split(text)
    parts[::2] = (unicodedata.normalize("NFKC", part.translate(_ACCENTS)) for part in parts[::2])
    return "".join(parts)


def _check_length(text: str, most: int) -> None:
    length = 0
    for start in range(0, len(text), PIECE):
        length += len(_plain_forms(text[start : start + PIECE]))
        if length > most:
            raise TooLong


def _may_have_piles(text: str) -> bool:
    """Whether there may be more than ``MOST_MARKS`` combining marks in a row. Such a row covers at least one of the
    places that are looked at."""
    return any(map(unicodedata.combining, text[:: MOST_MARKS + 1]))


@cache
def _too_many_marks() -> re.Pattern[str]:
    """Matches more combining marks in a row than any language has. Sorting them takes Unicode's normal forms time that
    grows with the square of their number; its Stream-Safe Text Format (UAX 15) has the same limit."""
    marks = "".join(re.escape(chr(code)) for code in range(0x300, 0x1F000) if unicodedata.combining(chr(code)))
    return re.compile(f"([{marks}]{{{MOST_MARKS}}})[{marks}]+")


def _without_markup(text: str) -> str:
    text = _once_without_markup(text, _TAG)
    for _ in range(MOST_ESCAPED):
        if not (_REFERENCE.search(text) or _HTML.search(text) or "<![CDATA[" in text):
            break
        text = _once_without_markup(text, _HTML)
    return text


def _once_without_markup(text: str, tags: re.Pattern[str]) -> str:
    if "<![CDATA[" in text:
        text = _SECTION.sub("", text)
    for tag in ("script", "style"):
        text = _without_element(text, tag)
    return html.unescape(tags.sub(lambda tag: " " if _BREAKING.match(tag.group()) else "", text))


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


def _latin(mostly_latin: bool, match: re.Match[str]) -> str:
    word = match.group()
    if word.isascii():
        return word
    mapped = word.translate(_LOOK_ALIKE)
    # A word that mixes scripts, or that stands in a Latin text, is a disguise. Other words belong to their own script.
    trick = mostly_latin or any(c.isascii() for c in word)
    return mapped if trick and all(c < "\u0250" for c in mapped) else word
