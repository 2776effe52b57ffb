"""Detects the language of a text: by its script, and among languages in Latin script by n-grams (py3langid)."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from documents import ADDRESS
from model.language_marks import JAPANESE, marks
from model.ngrams import ERROR, Ngrams

UNKNOWN = "und"
_ADDRESS = re.compile(ADDRESS)
_PICTURE = re.compile("[\U0001f300-\U0001faff]")
"""Pictures say something without words. They are read as English, whose posts have taught what they mean."""
_TAG = re.compile(r"[a-z]{2,3}")
_LONG_TAGS = {
    "eng": "en", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es", "ita": "it", "por": "pt", "nld": "nl",
    "dut": "nl", "swe": "sv", "pol": "pl", "tur": "tr", "zho": "zh", "chi": "zh", "cmn": "zh", "jpn": "ja", "kor": "ko",
    "rus": "ru", "ukr": "uk", "ara": "ar", "heb": "he", "hin": "hi", "tha": "th", "vie": "vi", "ind": "id", "in": "id",
    "iw": "he", "ji": "yi", "fil": "tl",
}  # fmt: skip
"""ISO 639-2 and codes that were withdrawn, with the code that they are known by here."""
_CODES = """
aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo
es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg
ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn
no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta
te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
_ISO_639_1 = frozenset(_CODES.split())
_LATIN = ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "pl", "tr", "id", "vi")
_TRUSTED = frozenset(_LATIN) - {"id"}
"""Tags that are believed where the text does not contradict them. Of plain English in short messages, feeds often say
that it is Indonesian."""
_SCRIPTS = {
    "HIRAGANA": ("ja",),
    "KATAKANA": ("ja",),
    "HANGUL": ("ko",),
    "CJK": ("zh", "ja"),
    "CYRILLIC": ("ru", "uk", "bg", "sr", "mk", "be", "kk"),
    "ARABIC": ("ar", "fa", "ur"),
    "HEBREW": ("he", "yi"),
    "GREEK": ("el",),
    "THAI": ("th",),
    "DEVANAGARI": ("hi", "mr", "ne"),
    "LATIN": (),
}
"""The languages written in each script, the most probable one first. Latin script has too many to list."""

_OF_OTHER_SCRIPTS = frozenset(code for codes in _SCRIPTS.values() for code in codes)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_NO_LETTERS = bytes(code for code in range(256) if not (chr(code).isascii() and chr(code).isalpha()))

OTHER_LETTER = 2.5
"""How many Latin letters one of another script counts for: texts in all scripts name companies in Latin letters."""

NOT_RUSSIAN = frozenset("іїєґўјљњћђџѓќѕәғқңөұүһІЇЄҐЎЈЉЊЋЂЏЃЌЅӘҒҚҢӨҰҮҺ")
"""Cyrillic letters that other languages have and Russian has not."""

SOME = 0.15
"""In a text that is mostly in Latin letters, such a share of others confirms the tag of a language that has them."""

FEW_LETTERS, CONFIDENT, LIKELY = 15, 0.9, 0.3
"""Nearly all of a feed is English, and few letters are weak evidence. So a text in Latin script is taken for English
unless it has ``FEW_LETTERS`` and another language is at least as probable as ``CONFIDENT``, or as ``LIKELY`` if the
text has more marks of that language than of English (``language_marks``). Of 12,000 English headlines and tweets
this takes 0.1 % for another language, and of their first three to eight words as well."""

NEVER = 2.0
"""A probability that none reaches."""


CERTAIN = 0.99
"""A text in Latin script contradicts its tag from this probability of another language on."""

FEW_TEXTS = 16
"""So few texts are told one by one: all at once has a cost of its own, of some ten texts."""


@cache
def _identifier(languages: tuple[str, ...] | None = _LATIN) -> LanguageIdentifier:
    made = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    if languages:
        made.set_languages(list(languages))
    return made


@cache
def _ngrams() -> Ngrams:
    return Ngrams(_identifier())


class _Open(NamedTuple):
    """A text in Latin script whose words are to tell its language, which is ``usual`` if they do not."""

    text: str
    usual: str
    least: float
    """So probable another language must be."""
    likely: float = NEVER
    """So probable it must be if the text has more marks of it than of the usual one."""

    def told(self, code: str, chance: float) -> str:
        """The language, where ``code`` is the most probable one."""
        if code == self.usual or chance >= self.least:
            return code
        marked = chance >= self.likely and marks(self.text, code) > marks(self.text, self.usual)
        return code if marked else self.usual


def detect(text: str, declared: str | None = None) -> str:
    """The ISO 639 code of the text's language, ``und`` if it cannot be determined.

    The text decides. The ``declared`` language is a hint: it is taken where the text does not contradict it, by its
    script, or by its words where there are enough of them. A tag that names no language is no hint.
    """
    known = _by_script(text, declared)
    return _by_words(known) if isinstance(known, _Open) else known


def detect_all(texts: Sequence[str], declared: Sequence[str | None]) -> list[str]:
    """``detect`` of each of ``texts`` with what is ``declared`` of it, all of them in a fraction of the time."""
    known = [_by_script(text, tag) for text, tag in zip(texts, declared, strict=True)]
    asked = [one for one in known if isinstance(one, _Open)]
    if len(asked) < FEW_TEXTS:
        return [_by_words(one) if isinstance(one, _Open) else one for one in known]
    ngrams = _ngrams()
    chances = ngrams.probabilities([one.text for one in asked])
    best = chances.argmax(axis=1)
    answers = iter(zip(best.tolist(), chances.max(axis=1).tolist(), strict=True))
    found = []
    for one in known:
        if isinstance(one, _Open):
            number, chance = next(answers)
            near = min(abs(chance - one.least), abs(chance - one.likely)) <= ERROR
            found.append(_by_words(one) if near else one.told(str(ngrams.languages[number]), chance))
        else:
            found.append(one)
    return found


def _by_words(asked: _Open) -> str:
    code, probability = _identifier().classify(asked.text)
    return asked.told(str(code), float(probability))


def _by_script(text: str, declared: str | None) -> str | _Open:
    """The language, where script, tag and length tell it."""
    text = text[:1000]
    if "://" in text or "www." in text.lower():
        text = _ADDRESS.sub(" ", text)
    text = text[:400]
    script, tag = _script(text), _language_of(declared or "")
    if not script:
        return tag or ("en" if _PICTURE.search(text) else UNKNOWN)
    if script != "LATIN":
        if tag in _SCRIPTS[script]:
            return tag
        return "ja" if script == "CJK" and not JAPANESE.isdisjoint(text) else _in_script(text, script)
    if tag in _OF_OTHER_SCRIPTS and _written_in(tag, text):
        return tag
    if tag in _OF_OTHER_SCRIPTS or (tag not in _TRUSTED and not _confirmed(tag, text)):
        tag = ""
    if tag and tag not in _LATIN:
        return tag
    few = len(text.encode("ascii", "ignore").translate(None, _NO_LETTERS)) < FEW_LETTERS
    if tag:
        return tag if few else _Open(text, tag, CERTAIN)
    return _Open(text, "en", NEVER if few else CONFIDENT, LIKELY)


def _written_in(tag: str, text: str) -> bool:
    """Whether ``SOME`` of the letters are of a script in which the language ``tag`` is written."""
    letters = [c for c in text if c.isalpha()]
    own = sum(tag in _SCRIPTS.get(_script_of(c), ()) for c in letters if not c.isascii())
    return own >= SOME * len(letters)


def _in_script(text: str, script: str) -> str:
    """The language of a text in ``script``: the first of those written in it, or in Cyrillic the one that its words
    tell."""
    usual = _SCRIPTS[script][0]
    if script != "CYRILLIC":
        return usual
    if not NOT_RUSSIAN.isdisjoint(text):
        return str(_identifier(_SCRIPTS[script][1:]).classify(text)[0])
    code, chance = _identifier(_SCRIPTS[script]).classify(text)
    return str(code) if chance >= CONFIDENT else usual


def _language_of(tag: str) -> str:
    """The code in a tag such as ``en-US``, "" where it names no language."""
    code = tag.strip().lower().replace("_", "-").split("-")[0]
    code = _LONG_TAGS.get(code, code)
    return code if _TAG.fullmatch(code) and code in _ISO_639_1 else ""


def _confirmed(tag: str, text: str) -> bool:
    """Whether a text in Latin script is at least as probably in the language ``tag`` as in English.

    Feeds of short messages call plain English Indonesian or Tagalog. A language that the n-grams do not know is
    believed.
    """
    if not tag:
        return False
    probabilities = dict(_identifier(None).rank(text))
    return tag not in probabilities or bool(probabilities[tag] >= probabilities["en"])


def _script_of(letter: str) -> str:
    """The script of a letter, as its Unicode name begins."""
    return "LATIN" if letter.isascii() else unicodedata.name(letter, "").split(" ")[0].split("-")[0]


def _script(text: str) -> str:
    """The script of most letters, empty if there are none. Kana among Chinese characters make a text Japanese."""
    if text.isascii() or not any(map(str.isalpha, "".join(_BEYOND_ASCII.findall(text)))):
        return "LATIN" if any(map(str.isalpha, text)) else ""
    counts: Counter[str] = Counter()
    for c in text:
        if c.isalpha():
            name = _script_of(c)
            if name in _SCRIPTS:
                counts[name] += 1
    kana = counts["HIRAGANA"] + counts["KATAKANA"]
    if kana and kana >= 0.1 * counts["CJK"]:
        counts["HIRAGANA"] += counts.pop("CJK", 0)
    for script in counts.keys() - {"LATIN"}:
        counts[script] = round(counts[script] * OTHER_LETTER)
    script, most = max(counts.items(), key=lambda item: item[1], default=("", 0))
    return script if most else ""
