"""Small changes of a text, to measure how much they change a score.

All kinds but ``negation`` keep the meaning, so the label should stay (invariance tests, Ribeiro et al. 2020, "Beyond
Accuracy: Behavioral Testing of NLP Models with CheckList", arXiv 2005.04118); ``negation`` reverses the meaning, so
the sentiment should move the other way (a directional expectation test there).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

PRESERVING = ("typos", "case", "lookalikes", "emoji", "spaces", "numbers", "company")
KINDS = (*PRESERVING, "negation")

_WORD = re.compile(r"[^\W\d_]{4,}")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.:/,])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![:/]|[A-Za-z]*\d|st\b|nd\b|rd\b|th\b|\.\d|,\d)"
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_SPOT = re.compile(r"^|\s|$")
_ADDRESS = re.compile(r"https?://\S+|www\.\S+")
_CASHTAG = re.compile(r"\$[A-Za-z]{1,6}\b")
_TICKER = re.compile(r"\$?[A-Z]{2,5}")

_NEIGHBOURS = {
    letter: "".join(row[max(at - 1, 0) : at] + row[at + 1 : at + 2])
    for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm")
    for at, letter in enumerate(row)
}
"""The keys to the left and right of each letter on a keyboard."""

# A selection of the facts of Unicode's confusables.txt: Cyrillic, Greek, Armenian, phonetic, mathematical, full width.
_LOOK_ALIKE = {
    "a": "аɑα𝐚ａ", "b": "Ьᖯ𝐛", "c": "сᴄⅽ", "d": "ԁⅾ𝐝", "e": "еҽ℮𝐞", "f": "ｆ𝐟", "g": "ɡց", "h": "һհ", "i": "іɩⅰ",
    "j": "јϳ", "k": "κ𝐤", "l": "ӏⅼ𝐥", "m": "ⅿｍ", "n": "ո𝐧", "o": "оοօᴏ", "p": "рρ", "q": "ԛզ", "r": "ｒ𝐫", "s": "ѕꜱ",
    "t": "𝐭ｔ", "u": "սυᴜ", "v": "ѵνᴠ", "w": "ԝᴡ", "x": "хⅹ", "y": "уүʏ", "z": "ᴢ𝐳",
    "A": "АΑ𝐀", "B": "ВΒ", "C": "СⅭ", "D": "Ⅾ𝐃", "E": "ЕΕ", "G": "Ԍ𝐆", "H": "НΗ", "I": "ІΙⅠ", "J": "ЈͿ", "K": "КΚK",
    "L": "Ⅼ𝐋", "M": "МΜ", "N": "Ν𝐍", "O": "ОΟՕ", "P": "РΡ", "S": "ЅՏ", "T": "ТΤ", "X": "ХΧ", "Y": "ҮΥ", "Z": "ΖＺ",
}  # fmt: skip
_INVISIBLE = "\u200b\u200c\u2060\u00ad"

_PICTURES = ("📌", "🔔", "📣", "👇", "🕒", "🌐", "🗓️", "🧾", "🔎", "📝", "🏢", "💬")
"""None of them says anything about prices or moods."""

_COMPANIES = (
    "Siemens", "Toyota", "Nestle", "Broadcom", "Unilever", "Honeywell", "Infosys", "Danone", "Volvo", "Kellogg",
    "Deere", "Vodafone", "Panasonic", "Michelin", "Whirlpool", "Santander", "Halliburton", "Dabur", "Ericsson", "Nucor",
)  # fmt: skip
_NO_COMPANY = re.compile(
    r"\b(?:markets?|stocks?|shares?|equit(?:y|ies)|index|indices|sensex|nifty|nasdaq|dow|ftse|funds?|sectors?|currency"
    r"|gold|silver|copper|zinc|lead|nickel|alumini?um|metals?|crude|oil|gas|wheat|sugar|cotton|soy\w*|commodit\w+"
    r"|rupee|dollar|euro|pound|yen|yuan|bitcoin|bonds?|yields?|banks|firms|companies|mid-?caps?|small-?caps?)\b",
    re.IGNORECASE,
)
"""Labelled sets also have entities that are no companies. With a company's name in their place, a text would say
something else."""

_TICKERS = ("MMM", "KO", "TXN", "ADP", "HON", "CSX", "DE", "PEP", "MDT", "CL", "SYY", "ITW")
_CHINESE_COMPANIES = ("中联重科", "海天味业", "长江电力", "伊利股份", "美的集团", "宝钢股份", "万华化学", "双汇发展")

_NOT = re.compile(r"\b(not|never)\s+|n't\b", re.IGNORECASE)
_AUXILIARY = re.compile(
    r"\b(is|are|was|were|will|would|has|have|had|can|could|should|may|might|must|did|does|do)\b(?!\s+not\b|n't)",
    re.IGNORECASE,
)
_CHINESE_NOT = re.compile("没有|并非|不会|未能|不")


def perturb(text: str, entity: str | None, kind: str, rng: random.Random) -> tuple[str, str | None]:
    """The text with noise of ``kind``, one of ``KINDS``, and the entity as that text names it.

    The entity's name stays whole and readable, because the score is about it. A text that cannot be changed in this way
    (without numbers, without a company to replace) is returned as it is. The same state of ``rng`` gives the same
    change. Raises ``ValueError`` for an unknown kind.
    """
    if kind not in _CHANGES:
        raise ValueError(f"no kind of noise {kind!r}; there are {', '.join(KINDS)}")
    return _CHANGES[kind](text, entity or None, rng)


def _free(pattern: re.Pattern[str], text: str, entity: str | None) -> list[re.Match[str]]:
    """The matches of ``pattern`` outside the entity's name and outside web addresses."""
    names = re.finditer(re.escape(entity), text, re.IGNORECASE) if entity else ()
    taken = [found.span() for found in (*names, *_ADDRESS.finditer(text))]
    return [m for m in pattern.finditer(text) if all(m.end() <= start or end <= m.start() for start, end in taken)]


def _edited(text: str, entity: str | None, rng: random.Random, edit: Callable[[str], str]) -> str:
    """About one word in ten edited, at least one."""
    words = _free(_WORD, text, entity)
    for match in sorted(rng.sample(words, min(len(words), max(1, len(text) // 60))), key=lambda m: -m.start()):
        text = text[: match.start()] + edit(match.group()) + text[match.end() :]
    return text


def _typos(text: str, entity: str | None, rng: random.Random) -> tuple[str, str | None]:
    def edit(word: str) -> str:
        """Two letters swapped, one dropped, doubled, or taken from the key beside it; the first letter stays."""
        at = rng.randrange(1, len(word) - 1)
        before, letter, after = word[:at], word[at], word[at + 1 :]
        beside = rng.choice(_NEIGHBOURS.get(letter.lower(), letter))
        return before + rng.choice((after[0] + letter + after[1:], after, letter * 2 + after, beside + after))

    return _edited(text, entity, rng, edit), entity


def _spaces(text: str, entity: str | None, rng: random.Random) -> tuple[str, str | None]:
    def edit(word: str) -> str:
        at = rng.randrange(2, len(word) - 1)
        return f"{word[:at]} {word[at:]}"

    return _edited(text, entity, rng, edit), entity


def _case(text: str, entity: str | None, rng: random.Random) -> tuple[str, str | None]:
    change = rng.choice((str.lower, str.upper, str.capitalize, str.title))
    changed = change(text)
    at = text.find(entity) if entity and len(changed) == len(text) else -1
    return changed, changed[at : at + len(entity)] if entity and at >= 0 else entity


def _lookalikes(text: str, entity: str | None, rng: random.Random) -> tuple[str, str | None]:
    """One letter in eight another script's, and an invisible character in every sixth word."""
    letters = [rng.choice(_LOOK_ALIKE[c]) if c in _LOOK_ALIKE and rng.random() < 1 / 8 else c for c in text]
    at = text.find(entity) if entity else -1
    if entity and at >= 0:
        entity = "".join(letters[at : at + len(entity)])
    for match in _free(_WORD, text, text[at : at + len(entity)] if entity and at >= 0 else None):
        if rng.random() < 1 / 6:
            letters[rng.randrange(match.start(), match.end() - 1)] += rng.choice(_INVISIBLE)
    return "".join(letters), entity


def _emoji(text: str, entity: str | None, rng: random.Random) -> tuple[str, str | None]:
    spots = _free(_SPOT, text, entity)
    for spot in sorted(rng.sample(spots, min(len(spots), rng.randint(1, 3))), key=lambda m: -m.end()):
        text = f"{text[: spot.end()]} {rng.choice(_PICTURES)} {text[spot.end() :]}".strip()
    return text, entity


def _numbers(text: str, entity: str | None, rng: random.Random) -> tuple[str, str | None]:
    """All numbers but years multiplied by one factor, which keeps their order."""
    factor = rng.uniform(1.1, 1.9)
    for match in reversed(_free(_NUMBER, text, entity)):
        number = match.group()
        if _YEAR.fullmatch(number) or (number.startswith("0") and number[1:2].isdigit()):
            continue
        decimals = len(number.partition(".")[2])
        changed = f"{float(number.replace(',', '')) * factor:{',' if ',' in number else ''}.{decimals}f}"
        text = text[: match.start()] + changed + text[match.end() :]
    return text, entity


def _company(text: str, entity: str | None, rng: random.Random) -> tuple[str, str | None]:
    """Another company in place of the entity, or of the cashtags if there is no entity."""
    if entity is None:
        tags = list(dict.fromkeys(_CASHTAG.findall(text)))
        others = [ticker for ticker in _TICKERS if f"${ticker}" not in tags]
        new = dict(zip(tags, rng.sample(others, min(len(tags), len(others))), strict=False))
        return _CASHTAG.sub(lambda tag: f"${new[tag.group()]}" if tag.group() in new else tag.group(), text), None
    if _NO_COMPANY.search(entity):
        return text, entity
    if _CHINESE.search(entity):
        pool: tuple[str, ...] = _CHINESE_COMPANIES
        pattern = re.escape(entity)
    else:
        pool = _TICKERS if _TICKER.fullmatch(entity) else _COMPANIES
        pattern = rf"(?<!\w){re.escape(entity)}(?!\w)"
    name = rng.choice([name for name in pool if name.lower() not in text.lower()] or pool)
    if entity.startswith("$"):
        name = f"${name}"
    if entity.islower():
        name = name.lower()
    changed, count = re.subn(pattern, lambda _: name, text, flags=re.IGNORECASE)
    return (changed, name) if count else (text, entity)


def _negation(text: str, entity: str | None, rng: random.Random) -> tuple[str, str | None]:
    """A negation removed, or inserted if there is none."""
    chinese = len(_CHINESE.findall(text)) > len(text) / 4
    found = _free(_CHINESE_NOT if chinese else _NOT, text, entity)
    if found:
        return text[: found[0].start()] + text[found[0].end() :], entity
    if chinese:
        return rng.choice(("并非", "并不是", "没有发生：")) + text, entity
    if helpers := _free(_AUXILIARY, text, entity):
        return f"{text[: helpers[0].end()]} not{text[helpers[0].end() :]}", entity
    return rng.choice(("It is not true that ", "Company denies: ", "Nobody believes that ")) + text, entity


_CHANGES = {
    "typos": _typos,
    "case": _case,
    "lookalikes": _lookalikes,
    "emoji": _emoji,
    "spaces": _spaces,
    "numbers": _numbers,
    "company": _company,
    "negation": _negation,
}
