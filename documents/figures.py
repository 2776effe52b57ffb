"""How the figures of a text compare, said in words: networks of this size read words well and compare numbers badly."""

from __future__ import annotations

import re
from typing import NamedTuple

_SCALES = {
    "k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "mln": 1e6, "mil": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9,
    "bln": 1e9, "bil": 1e9, "billion": 1e9, "t": 1e12, "tn": 1e12, "trln": 1e12, "trillion": 1e12,
    "crore": 1e7, "lakh": 1e5, "cr": 1e7, "c": 1e-2, "cent": 1e-2, "cents": 1e-2,
}  # fmt: skip
_AMOUNT = re.compile(
    r"""(?<![\w.,/:])(?P<sign>[-+\u2212]?)(?P<currency>(?:US|A|C|HK)?\$|[€£¥]|Rs\.?\x20?|EURO?\x20?|USD\x20?)?(?P<inner>[-\u2212]?)
    (?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)
    (?:[\x20-]?(?P<percent>%|percent\b|pct\b)|\x20?(?P<scale>k|thousand|mn|mln|mil|million|bn|bln|bil|billion|tn|trln|trillion|crore|lakh|cr|cents?|[mbtc])\b)?
    (?![\w/:])(?!\.\d)""",
    re.IGNORECASE | re.VERBOSE,
)
_EXPECTED = re.compile(
    r"\b(?:est(?:imates?|imated|\.)?|exp(?:ect(?:ed|ations?)|\.)|forecasts?|consensus|street|analysts?|views?|projected|polls?)(?!\w)",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"\b(?:years? ago|(?:a )?years? (?:earlier|before)|prior|previous(?:ly)?|last year|same (?:quarter|period|month)"
    r"|y/y|yoy)\b"
    r"|\bafter$",
    re.IGNORECASE,
)
_BESIDE = re.compile(r"\b(?:vs?\.?|versus|against|compared (?:with|to))(?!\w)", re.IGNORECASE)
_SET_OFF = re.compile(r"\s*(?:actual|reported)?\s*[,;(]\s*", re.IGNORECASE)
_DECIDED = re.compile(
    r"\b(?:beat(?:s|en|ing)?|miss(?:es|ed|ing)?|top(?:s|ped)?|exceed\w*|above|below|over|under|short|up|down|from|to|rose|rise\w*"
    r"|fell|fall\w*|grew|grow\w*|drop\w*|shrank|shrink\w*|narrow\w*|widen\w*|jump\w*|surge\w*|slip\w*|climb\w*|better|worse|higher|lower"
    r"|more|less|than|and|between|or)\b",
    re.IGNORECASE,
)
"""Words between two figures that say already how they compare, or that the two are no comparison."""
_COST = re.compile(
    r"\b(?:loss(?:es)?|loses|lost|deficit|debt|costs?|expenses?|burn|charges?|provisions?|churn|inventor(?:y|ies)|claims"
    r"|complaints|fraud|accidents|injuries|defects|delays|cancellations|arrears|vacanc(?:y|ies)"
    r"|unemployment|jobless|defaults?|bad loans|impairments?)\b",
    re.IGNORECASE,
)
_PROFIT = re.compile(r"\b(?:profit|income|earnings|gain)\b", re.IGNORECASE)
_CHANGE = re.compile(
    r"(?P<before>(?<![\d,.])\d[\d,.]{0,14}[\x20(\[]{1,2}|(?<![\w%)\]]))(?P<sign>[+\u2212-]|[\u25b2\u25bc]\x20?)(?P<number>\d+(?:,\d{3})*(?:\.\d+)?)"
    r"(?P<percent>\x20?%)?(?P<to>\x20to\x20[$€£¥]?\d)?"
)

LONGEST_GAP = 60
"""Two figures that are compared have at most so many characters between them."""


LONGEST_CLAUSE = 200
"""Whether a figure is a cost is said in so many characters in front of it."""


class _Amount(NamedTuple):
    start: int
    end: int
    value: float
    unit: str
    plain: bool
    """A bare whole number: it may as well be a year, a day or a rank."""


def spelled_figures(text: str) -> str:
    """``text`` with a word for each sign of a change ("+3.1%" becomes "up 3.1%"), and after each pair of figures that
    is compared, whether the first is better or worse: "EPS $0.44 vs $0.52 estimate" is "worse than expected".

    A pair is compared if both have the same unit, and the words between or right behind them speak of an estimate or an
    earlier period, but do not say themselves which is larger. Of losses, costs and the like, the smaller is the better.
    """
    amounts = [_amount(match) for match in _AMOUNT.finditer(text)]
    insertions: list[tuple[int, str]] = []
    i = 0
    while i < len(amounts) - 1:
        if verdict := _verdict(text, amounts, i):
            insertions.append((amounts[i].end, verdict))
            i += 1
        i += 1
    parts, done = [], 0
    for at, words in insertions:
        parts += [text[done:at], " ", words]
        done = at
    return _CHANGE.sub(_spelled_change, "".join([*parts, text[done:]]))


def _spelled_change(match: re.Match[str]) -> str:
    before, number = match["before"], match["number"]
    certain = match["percent"] or match["to"] or match["sign"][0] in "\u25b2\u25bc"
    price = float(re.sub(r"[^\d.]", "", before).strip(".") or 0)
    if not certain and not ("." in number and float(number.replace(",", "")) < price / 2):
        return match.group()  # a range, a negative amount, a telephone number
    word = "up " if match["sign"][0] in "+\u25b2" else "down "
    return f"{before}{word}{number}{match['percent'] or ''}{match['to'] or ''}"


def _verdict(text: str, amounts: list[_Amount], i: int) -> str:
    a, b = amounts[i], amounts[i + 1]
    gap = text[a.end : b.start]
    if a.unit != b.unit or a.plain or b.plain or len(gap) > LONGEST_GAP or _DECIDED.search(gap):
        return ""
    until = amounts[i + 2].start if i + 2 < len(amounts) else len(text)
    behind = re.split(r"[;.)\n]", text[b.end : min(until, b.end + LONGEST_GAP)], maxsplit=1)[0]
    than = _reference(gap, behind)
    clause = re.split(r"[;.]\x20|\n", text[max(a.start - LONGEST_CLAUSE, 0) : a.start])[-1]
    values = _on_one_scale(a.value, b.value, bool(_COST.search(clause)), gap)
    if not than or values[0] == values[1]:
        return ""
    return f"{'better' if values[0] > values[1] else 'worse'} than {than}"


def _reference(gap: str, behind: str) -> str:
    """What the second figure is: ``expected``, from ``before``, or "" where the two are no comparison."""
    beside = bool(_BESIDE.search(gap)) or bool(_SET_OFF.fullmatch(gap))
    if _EXPECTED.search(gap) or (beside and _EXPECTED.search(behind)):
        return "expected"
    if _BEFORE.search(gap.strip()) or (beside and _BEFORE.search(behind)):
        return "before"
    return "expected" if _BESIDE.search(gap) else ""


def _on_one_scale(a: float, b: float, cost: bool, gap: str) -> tuple[float, float]:
    """Both so that the larger is the better: amounts lost are below zero. ``cost`` is said of the first figure. The
    second is of the same kind, unless the ``gap`` calls it a loss or a profit."""
    other = cost
    if _COST.search(gap):
        other = True
    elif _PROFIT.search(gap):
        other = False
    return (-abs(a) if cost else a), (-abs(b) if other else b)


def _amount(match: re.Match[str]) -> _Amount:
    scale = (match["scale"] or "").lower()
    value = float(match["number"].replace(",", "")) * _SCALES.get(scale, 1)
    if {match["sign"], match["inner"]} & {"-", "\u2212"}:
        value = -value
    currency = (match["currency"] or "").strip(" .").upper()
    if currency.endswith("$") or scale in ("c", "cent", "cents"):
        currency = "$"
    plain = not (currency or scale or match["percent"] or "." in match["number"] or "," in match["number"])
    return _Amount(match.start(), match.end(), value, "%" if match["percent"] else currency, plain)
