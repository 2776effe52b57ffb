"""A company's name as people say it: without its legal form, the kind of its shares and where it is registered."""

from __future__ import annotations

import re

from documents.ordinary_words import is_word

_SHARES = re.compile(
    r"(?:\s+-|,|\s)\s*(?:(?:class|series)\s+[a-z]\b.*"
    r"|(?:common|ordinary|preferred|depositary|capital)\s+(?:stock|shares?|units?)\b.*"
    r"|american depositary.*|\(?(?:adr|ads|gdr|publ|reit|the)\)?|units?|warrants?|rights?)$",
    re.IGNORECASE,
)
"""What lists of exchanges write behind a name; "Apple Inc. - Common Stock"."""

_STATE = re.compile(r"\s*(?:[/\\]\s?(?:[a-z]{2,4}|new)?(?:[/\\].*)?|\(f/?k/?a\b.*)$", re.IGNORECASE)
"""As the SEC writes where a company is registered, and what it was called: "AMPHENOL CORP /DE/", "ALDER (FKA OAK)"."""

_FORMS = """
inc incorporated corp corporation co company companies ltd limited plc llc lp llp nv n.v sa s.a ag se ab asa as a/s
oyj oy abp spa s.p.a sab sapi bv b.v kgaa gmbh kk bhd berhad tbk pjsc pjs jsc pao sae s.a.b s.a.b. psc qsc ao
saoc sca nyrt zrt rt doo dd ad hf vvtn pcl public trust l.p l.l.c l.l.p p.l.c s.e c.v cv de
"""
_FORM = frozenset(_FORMS.split())
_MORE_THAN_FORM = frozenset({"companies", "trust", "public"})
"""Forms that people say: "Williams Companies" and "Northern Trust" are names."""

_INITIALS = re.compile(r"(?:[a-z]\.)+[a-z]?,?")
"""As in "U.S. Steel", unlike "Overstock.com"."""

_SMALL = frozenset({"of", "the", "and", "for", "in", "de", "la", "del", "des", "du", "und", "von", "van", "on", "to"})


def spoken_name(name: str) -> str:
    """``name`` as people say it: "Alder Foods" of "ALDER FOODS INC /DE/" and of "Alder Foods, Inc. - Class A"."""
    text = " ".join(name.replace("\u2019", "'").split())
    text = _STATE.sub("", text)
    before = ""
    while before != text:
        before = text
        text = _SHARES.sub("", text).rstrip(" ,-")
        words = text.split()
        while len(words) > 1 and _is_form(words[-1]):
            words.pop()
        while len(words) > 1 and words[-1] in ("&", "and", "-"):
            words.pop()
        text = " ".join(words).rstrip(" ,")
    if text.lower().startswith("the ") and len(text) > 4:
        text = text[4:]
    text = _in_title_case(text) if text.isupper() else text
    return re.sub(r"^O (?=[A-Z])", "O'", text)  # lists in capitals leave the apostrophe of Irish names out


def formal_name(name: str) -> str:
    """``name`` with its legal form: what a company is called that shares its name with an ordinary word."""
    text = (
        _SHARES.sub("", _STATE.sub("", " ".join(name.replace("\u2019", "'").split()))).rstrip(" ,-.").replace(",", "")
    )
    return _in_title_case(text) if text.isupper() else text


def _is_form(word: str) -> bool:
    plain = word.lower().strip("(),")
    plain = plain.rstrip(".")
    return plain in _FORM and plain not in _MORE_THAN_FORM


def _in_title_case(text: str) -> str:
    """A name in capitals, as one would write it. What has no vowel or three letters at most stays an abbreviation."""
    return " ".join(_written(word, place) for place, word in enumerate(text.split()))


def _written(word: str, place: int) -> str:
    plain = word.lower()
    if plain in _SMALL and place:
        return plain
    letters = re.sub(r"[^a-z]", "", plain)
    abbreviation = (
        "&" in word
        or _INITIALS.fullmatch(plain)
        or not re.search("[aeiouy]", letters)
        or (len(letters) <= 3 and not is_word(letters))
    )
    if abbreviation and plain.rstrip(".,") not in _FORM:
        return word
    return "-".join(part[:1].upper() + part[1:].lower() for part in word.split("-"))
