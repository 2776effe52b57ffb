"""What the figures of a text say by themselves: results or a guide beside what was expected, better or worse.

"EPS $(0.12) vs $(0.20) Est" is a beat, though no word says so and the larger number stands behind. Words are read well
by the weights, and comparisons are not, so these are worked out. Whatever is not surely a comparison with an estimate,
or not surely the company's own, is left to the words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from model.events.features import COMPANY, LONGEST_WINDOW

SURE = 0.99
"""How sure a comparison is: it passes what alerts ask of a single story."""

BEAT, MISS, RAISED, CUT = "results_beat", "results_miss", "guidance_raised", "guidance_cut"
_OF_RESULTS: dict[int, frozenset[str]] = {1: frozenset({BEAT}), 0: frozenset(), -1: frozenset({MISS})}
RESULTS, GUIDES = frozenset({BEAT, MISS}), frozenset({RAISED, CUT})

LONGEST_NAME = 4
"""So many words behind a company's name may still belong to it: "Acme Global Technologies Inc"."""

MOST_TIMES = 10
"""Amounts of money of which one is so many times the other are in different units, or misprinted."""

# fmt: off
_SCALES = {
    "k": 1e3, "thousand": 1e3, "m": 1e6, "mm": 1e6, "mn": 1e6, "mln": 1e6, "mil": 1e6, "million": 1e6, "b": 1e9,
    "bn": 1e9, "bln": 1e9, "bil": 1e9, "billion": 1e9, "t": 1e12, "tn": 1e12, "trillion": 1e12, "lakh": 1e5,
    "crore": 1e7, "cr": 1e7, "\u4e07": 1e4, "\u4ebf": 1e8, "\u4e07\u4ebf": 1e12,
}
# fmt: on
_CURRENCY = r"(?:us|ca|au|hk|nt|sg|r|a|c|s)?\$|[\u20ac\u00a3\u00a5\u20b9]|(?:rs\.?|inr|usd|eur|gbp|cad|cny|rmb|chf)\s?"
_AMOUNT = re.compile(
    rf"""~?(?P<open>\()?(?P<sign>[-+\u2212\u2013]?)\s?(?P<currency>{_CURRENCY})?(?P<inner>\(?[-+\u2212\u2013]?)(?P<dollar>\$)?
    (?P<number>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?P<close>\))?
    (?:\s?(?P<percent>%|percent\b|per\scent\b|pct\b)|(?P<cents>\s?(?:c|\u00a2|cents?)(?!\w))
    |[\s-]?(?P<scale>k|thousand|million|mln|mil|mm|mn|m|billion|bln|bil|bn|b|trillion|tn|t|crore|cr|lakh)\b)?
    (?P<after>\))?(?![\w/])(?!\.\d)""",
    re.VERBOSE,
)
_HYPHEN = re.compile(r"\s?[-\u2013\u2014]\s?")
_TO = re.compile(r"\s?[-\u2013\u2014]\s?|\sto\s")
_QUANTITY = re.compile(
    r"\b(?:(?P<loss>loss(?:es)?(?:\sper\sshare|/share)?|lost|loses)|eps|a?ffo|nii|noi|ebitda|ebit|revenues?|revs?|sales|comps?"
    r"|earnings(?:\sper\sshare|/share)?|earn(?:ed|s)|profits?|income|pat|margins?|bookings|turnover)\b\.?"
)
_MOVES = (
    r"(?:up|down|rose|rises|fell|falls|grew|grows|declined|declines|dropped|drops|increased|increases|decreased"
    r"|decreases|climbed|climbs|jumped|jumps)"
)
_SHARE = r"(?:\s?(?:/|an?\s|per\s)(?:diluted\s)?share)?"
_ASIDE = r"(?:\s?\((?!est|exp|vs|street)[a-z][a-z .-]{0,18}\))?"
_FILLER = re.compile(
    r"(?:\sper\sshare|/share)?(?:\sfrom\scont(?:inuing|\.)\sop(?:eration)?s\.?)?"
    rf"(?:\s(?:growth|guidance|outlook|forecast|view|target|range))?{_ASIDE}[\s:=]*"
    r"(?:(?:of|to|was|were|is|at|came in at|comes in at|came to|totall?ed|reached)\s)?"
    rf"(?:{_MOVES}\s(?:[\d.]+%\s)?(?:y/y\s|yoy\s)?to\s)?"
)
_DIRECTION = re.compile(
    r"(?:an?\s)?(?:(?P<down>(?:down|fell|declined|dropped|loss|decline|drop|fall|decrease)(?:\sof|\sby)?)"
    r"|(?P<up>(?:up|rose|grew|increased|profit|gain|rise|growth|increase)(?:\sof|\sby)?))\s"
)
_BESIDE = r"(?:vs?\.?|versus|against|compared (?:with|to)|compares (?:with|to))(?![a-z])"
_EARLIER = (
    r"(?:an?\syear\s(?:ago|earlier|before)|years?\sago|yoy|y/y"
    r"|(?:in\s)?(?:the\s)?(?:same|prior|previous|last)\b[\w. -]{0,30})"
)
_BEHIND_A = re.compile(rf"{_SHARE}(?:\s(?:eps|actual|reported|adjusted))?{_ASIDE}")
_WHOSE = (
    r"(?:(?:an?|the|analysts?'?|street|wall|consensus|factset|refinitiv|bloomberg|zacks|ibes|i/b/e/s|capital|iq|lseg"
    r"|average|avg\.?|mean|market|thomson|reuters)(?:'s)?\s)"
)
_YEAR_BEFORE = re.compile(
    rf"\s?[,(]?\s?(?:{_BESIDE}|(?:up|down)\sfrom)\s?(?:an?\s)?(?:loss\sof\s|profit\sof\s)?[-$\u20ac\u00a3(]*\d[\d.,]*[)\s]*"
    rf"(?:%|[a-z]+)?{_SHARE}(?:[\s,]{{1,2}}{_EARLIER}(?=[;,.)]|\s?$)|(?=;\s(?:{_WHOSE}){{1,3}}))"
)
"""The figure of a year before, behind which that of the analysts may come."""

_BEFORE_BEHIND = re.compile(rf"{_SHARE}[\s,(]*{_EARLIER}")
_BEATS = (
    r"(?:(?:which\s)?(?:beat(?:s|ing)?|topp?(?:s|ed|ing)?|exceed(?:s|ed|ing)?|surpass(?:es|ed|ing)?)|(?:well\s)?above"
    r"|ahead\sof|(?:better|higher|more)\sthan)"
)
_MISSES = (
    r"(?:(?:which\s)?(?:miss(?:es|ed|ing)?|lag(?:s|ged|ging)?|trail(?:s|ed|ing)?)|(?:well\s)?below|short\sof"
    r"|(?:worse|lower|less)\sthan)"
)
_MEETS = r"(?:meets?|met|match(?:es|ed|ing)?|in[ -]line\swith|inline\swith)"
_GAP = re.compile(
    rf"\s?[,(]?\s?(?:(?P<beside>{_BESIDE})|(?P<beats>{_BEATS})|(?P<misses>{_MISSES})|(?P<meets>{_MEETS}))\s?(?:the\s)?"
    r"|(?P<off>\s?[,;(]\s?|\s(?:-\s)?)"
)
_EXPECTED = (
    r"(?:ests?|estimates?d?|estimate\(s\)|consensus|cons|expect(?:ed|ations?)|exp|forecasts?|views?|street|analysts?|projected)"
    r"(?!\w)\.?"
)
_NAMED_BEFORE = re.compile(
    rf"{_WHOSE}{{0,4}}{_EXPECTED}(?:\s(?:eps|estimates?|est\.?|consensus|expect(?:ed|ations?)?|view))?:?\s?(?:(?:of|for|at|was|is)\s)?"
)
_NAMED_BEHIND = re.compile(
    rf"{_SHARE}\s?(?:loss\s|profit\s)?(?:eps\s)?{_WHOSE}{{0,3}}(?:by\s(?:the\s)?analysts|{_EXPECTED})"
)
_LOSS_AT_B = re.compile(r"\s(?:per[ -]share\s)?loss\b")
_PROFIT_AT_B = re.compile(r"\s(?:per[ -]share\s)?(?:profit|gain)\b")
_NOT_COMPARABLE = re.compile(r"not\s(?:be\s)?compar|price[ -]targets?\b|\bpt\b|preview|whisper|open interest|\?")

_STOP = (
    "".join(f"(?<!{word})" for word in ("adj", "inc", "corp", "co", "ltd", "est", "rev", "revs", "vs", "prelim"))
    + r"\.\s"
)
_SENTENCE = re.compile(rf"[;|\n]|{_STOP}")
_CLAUSE = re.compile(rf"[;|\n,]\s?|{_STOP}|\s[-\u2013\u2014]\s|\s(?:as|after|while|but)\s")
_BREAK = re.compile(rf"{_CLAUSE.pattern}|:\s?")
_WORD = re.compile(r"[^\s,;:()]+")
_REPORT = re.compile(r"\b(?:reports?|reported|posts?|posted|announce[sd]?|delivers?|delivered|logs|records)\b")
_GUIDE = re.compile(
    r"\b(?:sees?|seeing|guid(?:es?|ed|ing|ance)|outlook|expect(?:s|ing)?|forecasts?|project(?:s|ing)|anticipates?|targets?|views?"
    r"|initiates|issues?|updates|to (?:report|post|earn|be))\b"
)
_CHANGES = re.compile(
    r"\b(?:rais\w+|lift\w*|boost\w*|hike\w*|ups|increas\w+|cut(?:s|ting)?|lower\w*|trim\w*|slash\w*|reduc\w+|withdr\w+|suspend\w*)\b"
)
_KEEPS = re.compile(
    r"\b(?:re-?affirm\w*|affirm\w*|maintain\w*|reiterat\w*|back(?:s|ed)|narrow\w*|tighten\w*|keeps?|re-?confirm\w*)\b"
)
_OF_GUIDE = re.compile(f"{_GUIDE.pattern}|{_CHANGES.pattern}|{_KEEPS.pattern}")
_RELATION = re.compile(
    r"(?:rival|supplier|customer|partner|peer|competitor|owner|parent|unit|subsidiary|investor|shareholder|affiliate|analyst"
    r"|spin-?off|tenant|client)s?$|and$|or$|vs\.?$|&$|[-\u2013]|of$|for$|by$|on$|at$|from$|says?$|'s$"
)
# fmt: off
_PLAIN = frozenset([
    "a", "an", "the", "its", "of", "in", "for", "on", "at", "with", "and", "&", "is", "was", "were", "has", "had",
    "-", "earlier", "today", "just", "now", "also", "continuing", "operations", "per", "share", "reports",
    "reported", "reporting", "posts", "posted", "announces", "announced", "delivers", "delivered", "logs",
    "records", "swings", "says", "earns", "generates", "prelim", "prelim.", "preliminary", "unaudited", "results",
    "result", "earnings", "update", "corrected", "correction", "breaking", "quarter", "quarterly", "quarter's",
    "first", "second", "third", "fourth", "half", "fiscal", "full", "full-year", "year", "annual", "year-end",
    "year's", "half-year", "interim", "first-quarter", "second-quarter", "third-quarter", "fourth-quarter", "month",
    "period", "ended", "ending", "january", "february", "march", "april", "may", "june", "july", "august",
    "september", "october", "november", "december", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept",
    "oct", "nov", "dec", "holiday", "adj", "adj.", "adjusted", "gaap", "non-gaap", "nongaap", "core", "diluted",
    "basic", "operating", "net", "total", "comparable", "comparable-store", "comp", "same-store", "same", "store",
    "normalized", "normalised", "cash", "pro", "forma", "pro-forma", "recurring", "underlying", "ongoing",
    "consolidated", "organic", "distributable", "gross", "group", "pretax", "pre-tax", "u.s.", "us", "global",
    "worldwide", "nii", "eps", "ebitda", "ebit", "revenue", "sales", "income", "profit", "loss", "inc", "inc.",
    "corp", "corp.", "corporation", "co", "co.", "company", "ltd", "ltd.", "limited", "plc", "holdings", "holding",
    "sa", "ag", "nv", "se", "lp", "llc", "trust", "sees", "see", "guides", "guided", "guidance", "outlook",
    "expects", "expecting", "forecasts", "forecast", "projects", "projecting", "anticipates", "targets", "view",
    "initiates", "issues", "updates", "raises", "raised", "lifts", "boosts", "hikes", "ups", "increases", "cuts",
    "lowers", "lowered", "trims", "slashes", "reduces", "reaffirms", "affirms", "maintains", "reiterates", "backs",
    "narrows", "tightens", "keeps", "reconfirms", "range", "comp.", "revs", "rev", "rev.",
])
# fmt: on
_PERIOD = re.compile(
    r"(?:[1-4]?q[1-4]?|h[12]|[12]h|[19]m|fy|cy|ttm)?[-'\u2019/]?(?:q[1-4])?(?:(?:20)?\d\d)?[ea]?\.?$|\d{4}-\d\d(?:\d\d)?$"
)

_SAYS_MORE = re.compile(
    r"\b(?:beat(?:s|en|ing)?|miss(?:es|ed|ing)?|tops|topped|exceed\w*|surpass\w*|lags|lagged|trail(?:s|ed)|short of"
    r"|swings?|swung|better|worse|(?:than|above|below) (?:expect|estim|consensus|forecast|views)\w*|record|year ago"
    r"|years? earlier|yoy|y/y|prior|last year|disappoint\w*|strong\w*|weak\w*|profit warning)\b"
    r"|\b(?:profits?|sales|earnings|revenues?|income|loss(?:es)?|eps|revs?|comps)\b[^;,.]{0,12}?\b(?:plung|plummet|slump|sink"
    r"|sank|tumbl|fall|fell|drop|slid|slip|dip|declin|decreas|shrink|shrank|down|up|soar|surg|jump|leap|rise|rose|rocket|climb|gain"
    r"|grow(?!th)|grew|increas|doubl|tripl|widen|narrow)\w*"
    r"|\b(?:drop|fall|slump|decline|jump|surge|rise|growth) in \b"
)
"""Other words about how the results are. What is told by them stays."""

_CHINESE = re.compile(
    "(?P<quantity>\u6bcf\u80a1(?:\u6536\u76ca|\u76c8\u5229|\u4e8f\u635f)|\u8425\u6536|\u8425\u4e1a\u6536\u5165|\u6536\u5165"
    "|\u51c0\u5229\u6da6|\u51c0\u4e8f\u635f|eps)(?:\u4e3a|\u8fbe|\u662f)?[:\uff1a]?\\s?"
    "(?P<a>-?\\d+(?:\\.\\d+)?)(?P<scale_a>\u4e07\u4ebf|\u4ebf|\u4e07)?(?P<unit>(?:\u7f8e|\u6e2f|\u6b27|\u65e5)?\u5143)"
    "[,;\uff0c\uff1b(\uff08\\s]\\s?(?:\u9ad8\u4e8e|\u4f4e\u4e8e|\u8d85\u8fc7)?(?:\u5e02\u573a|\u5206\u6790\u5e08|\u673a\u6784|\u534e\u5c14\u8857)?(?:\u4e00\u81f4|\u666e\u904d|\u5e73\u5747|\u6b64\u524d)?"
    "(?:\u9884\u671f|\u9884\u4f30|\u9884\u8ba1)(?:\u503c)?(?:\u4e3a|\u662f)?[:\uff1a]?\\s?"
    "(?P<b>-?\\d+(?:\\.\\d+)?)(?P<scale_b>\u4e07\u4ebf|\u4ebf|\u4e07)?(?P=unit)"
)
_CHINESE_PLAIN = re.compile(
    "(?:[\\s:\uff1a,\uff0c()\uff08\uff09q\\d]|\u7b2c|[\u4e00\u4e8c\u4e09\u56db]|\u5b63\u5ea6?|\u8d22\u5e74|\u8d22|\u5e74\u5ea6?|\u8c03\u6574\u540e|\u516c\u5e03|\u53d1\u5e03|\u62a5\u544a|\u5b9e\u73b0|\u7684|\u4e0a\u534a|\u4e0b\u534a|\u7ecf)*$"
)


_SIGNS = (
    "est",
    "consensus",
    "expect",
    "forecast",
    "view",
    "street",
    "analyst",
    "exp.",
    "\u9884\u671f",
    "\u9884\u4f30",
    "\u9884\u8ba1",
)
"""Without one of these no figure is said to be an estimate."""


class Said(NamedTuple):
    """The types that the figures tell of the company, and those that they show to be none. Of those told, ``slight``
    are the results that are hardly off the estimate."""

    told: frozenset[str]
    untold: frozenset[str]
    slight: frozenset[str]


class _Range(NamedTuple):
    """An amount (``low`` is ``high``) or a range of them; ``step`` is what the last digit stands for."""

    low: float
    high: float
    unit: str
    scaled: bool
    signed: bool
    step: float
    end: int


class _Compared(NamedTuple):
    """A comparison in ``text[start:end]``, whose own figure begins at ``figure``.

    ``verdict`` is 1 better, -1 worse, 0 in line, ``None`` if that is not sure; ``was`` is which way a guide moved, if
    the one before is named ("from $1 to $2"). ``slight`` says that the two figures hardly differ.
    """

    start: int
    figure: int
    end: int
    verdict: int | None
    is_range: bool
    was: int | None
    slight: bool


def said_by_figures(marked: str, others: Sequence[int] = ()) -> Said | None:
    """What the figures of a text, as ``found_in`` returns it, say of the company; ``None`` if nothing. ``others`` are
    the places where it names other companies. The beginning of a long text is read."""
    if COMPANY not in marked or not _may_compare(text := marked[:LONGEST_WINDOW]) or _NOT_COMPARABLE.search(text):
        return None
    told, untold, clear = set[str](), set[str](), set[str]()
    results = guides = unsure = False
    guiding: bool | None = None
    read = [(0, 0)]
    for one in _comparisons(text):
        lead = text[read[-1][1] : one.start]
        owned = _is_own(text, lead, one.start, others, first=len(read) == 1)
        lead += text[one.start : one.figure]
        guiding = _is_guide(lead, bool(guiding))
        read.append((one.start, one.end))
        if owned and guiding:
            guides = True
            _tell_guide(one, text[: one.figure], lead, told, untold)
        elif not owned or guiding is None or one.verdict is None or (one.is_range and "prelim" not in text):
            unsure = True
        else:
            results = True
            told |= _OF_RESULTS[one.verdict]
            if not one.slight:
                clear |= _OF_RESULTS[one.verdict]
    for verdict, start, end in _chinese(text, others):
        results = True
        told |= _OF_RESULTS[verdict]
        clear |= _OF_RESULTS[verdict]
        read.append((start, end))
    if not (results or guides) or (unsure and not told):
        return None
    if (told or not unsure) and not _SAYS_MORE.search(_without(text, read)):
        untold |= RESULTS
    return Said(frozenset(told), frozenset(untold - told), frozenset(told & RESULTS - clear))


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    parts, at = [], 0
    for start, end in sorted(spans):
        parts.append(text[at:start])
        at = end
    return " , ".join([*parts, text[at:]])


def _may_compare(text: str) -> bool:
    """A quick look whether a text in lower case may compare figures: hardly any does."""
    if not any(map(text.__contains__, _SIGNS)):
        return False
    return any(map(str.isdigit, text))


def _comparisons(text: str) -> Iterator[_Compared]:
    """The comparisons with an estimate in a text, from the first to the last."""
    until = 0
    for match in _QUANTITY.finditer(text):
        if match.start() >= until and (one := _comparison(text, match)):
            yield one
            until = one.end


def _comparison(text: str, quantity: re.Match[str]) -> _Compared | None:
    """The comparison of the ``quantity`` in ``text``, if one follows."""
    filler = _FILLER.match(text, quantity.end())
    at = filler.end() if filler else quantity.end()
    old = None
    if text.startswith("from ", at) and (old := _range(text, at + 5, to=_HYPHEN)):
        if not text.startswith(" to ", old.end):
            return None
        at = old.end + 4
    loss = bool(quantity["loss"])
    figure = at
    a = _range(text, at, loss)
    if a is None:
        return None
    at = _end(_BEHIND_A, text, a.end)
    at = _end(_YEAR_BEFORE, text, at)
    gap = _GAP.match(text, at)
    if not gap:
        return None
    named = _NAMED_BEFORE.match(text, gap.end())
    at = named.end() if named else gap.end()
    b = _range(text, at, loss)
    if b is None:
        return None
    behind = _NAMED_BEHIND.match(text, b.end)
    if not (named or behind) or (gap["off"] and gap["off"].isspace() and not named):
        return None
    if _BEFORE_BEHIND.match(text, b.end):
        return None
    end = behind.end() if behind else b.end
    verdict = _verdict(a, b)
    if gap["beats"] or gap["misses"] or gap["meets"]:
        word = 1 if gap["beats"] else -1 if gap["misses"] else 0
        # Rounded figures may look equal; what the words say and the figures deny is not sure.
        verdict = word if verdict in (word, None, 0) and a.unit == b.unit else None
    was = _moved(old, a) if old else None
    return _Compared(quantity.start(), figure, end, verdict, a.low != a.high, was, _is_slight(a, b))


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _range(text: str, at: int, loss: bool = False, to: re.Pattern[str] = _TO) -> _Range | None:
    """The amount or range that begins at ``at``; ``to`` joins the ends of a range. ``loss``: what is lost is counted,
    so more of it is worse."""
    direction = _DIRECTION.match(text, at)
    first = _AMOUNT.match(text, direction.end() if direction else at)
    if not first:
        return None
    joined = to.match(text, first.end())
    last = (_AMOUNT.match(text, joined.end()) if joined else None) or first
    scale = _SCALES.get(last["scale"] or "", 1.0)
    low = _value(first, _SCALES[first["scale"]] if first["scale"] else scale)
    high = _value(last, scale)
    end = last.end()
    lost = loss
    if direction:
        is_loss = "loss" in direction.group()
        is_profit = "profit" in direction.group() or "gain" in direction.group()
        if not (is_loss or is_profit or last["percent"]):
            return None  # "down $3 million" is a change, and the figure itself is not told
        lost = not is_profit and (lost or bool(direction["down"]))
    if behind := _LOSS_AT_B.match(text, end):
        lost, end = True, behind.end()
    elif behind := _PROFIT_AT_B.match(text, end):
        lost, end = False, behind.end()
    if lost:
        low, high = -abs(low), -abs(high)
    unit = _unit(last) or _unit(first)
    digits = len(last["number"].partition(".")[2])
    step = scale * 10.0**-digits
    return _Range(min(low, high), max(low, high), unit, scale > 1, bool(direction or lost or first["sign"]), step, end)


def _value(match: re.Match[str], scale: float) -> float:
    value = float(match["number"].replace(",", "")) * scale
    if match["cents"]:
        value /= 100
    closed = match["close"] or match["after"]
    negative = match["sign"] in tuple("-\u2212\u2013") or match["inner"].strip("(") in tuple("-\u2212\u2013")
    if negative or (closed and (match["open"] or "(" in match["inner"])):
        value = -value
    return value


def _unit(match: re.Match[str]) -> str:
    if match["percent"]:
        return "%"
    if match["cents"]:
        return "$"
    return (match["currency"] or match["dollar"] or "").strip(" .")


def _verdict(a: _Range, b: _Range) -> int | None:
    """Whether ``a`` is better (1) or worse (-1) than ``b`` or in line with it (0); ``None`` if they do not compare."""
    if (a.unit == "%") != (b.unit == "%") or (a.unit and b.unit and a.unit != b.unit) or a.scaled != b.scaled:
        return None
    if a.unit == "%" and a.signed != b.signed and a.low < 0:
        return None  # "down 3% vs 2% est": the second may be down as well
    if a.scaled and max(abs(a.high), abs(b.high)) > MOST_TIMES * min(abs(a.high), abs(b.high)):
        return None
    if a.low > b.high or a.high < b.low:
        # A rounded amount may be either side of one that is told to more places.
        rounded = (
            a.scaled and a.step != b.step and min(abs(a.low - b.high), abs(b.low - a.high)) <= max(a.step, b.step) / 2
        )
        return None if rounded else 1 if a.low > b.high else -1
    if a.low < a.high and b.low == b.high and b.low in (a.low, a.high):
        return 1 if b.low == a.low else -1  # all of the range is at least, or at most, what was expected
    return 0


def _is_slight(a: _Range, b: _Range) -> bool:
    """Whether two amounts differ by less than a twentieth. Of percentages the severity looks at the figures itself."""
    return a.unit != "%" and abs(a.low - b.low) < abs(b.low) / 20


def _moved(old: _Range, new: _Range) -> int | None:
    """Which way a guide moved: up (1), down (-1), or neither if both ends went different ways; ``None`` if unknown."""
    if old.unit != new.unit and old.unit and new.unit:
        return None
    low, high = new.low - old.low, new.high - old.high
    return (max(low, high) > 0 and min(low, high) >= 0) - (min(low, high) < 0 and max(low, high) <= 0)


def _is_own(text: str, lead: str, start: int, others: Sequence[int], first: bool) -> bool:
    """Whether the figure at ``start`` behind ``lead`` is one of the company: its name is the last one before the
    figure, and nothing but plain words of reports stands between."""
    name = text.rfind(COMPANY, 0, start)
    if name < 0 or any(name < other < start for other in others):
        return False
    *before, piece = _BREAK.split(lead)
    if COMPANY in piece:
        head, _, tail = piece.rpartition(COMPANY)
        return not _OF_GUIDE.search(head) and _is_plain(tail, LONGEST_NAME)
    # "$ACME: Acme Global reports": the name may follow its code.
    opens = first and bool(before) and before[-1].strip() in (COMPANY, "$" + COMPANY, f"({COMPANY})")
    return _is_plain(piece, LONGEST_NAME if opens else 0)


def _is_plain(words: str, unknown: int) -> bool:
    """Whether ``words`` are those of reports, but for the first ones (``unknown`` at most), which belong to the
    name."""
    words = words.lstrip()
    if words.startswith(("'s ", "-")):
        unknown = 0
        words = words.removeprefix("'s ")
    named = True
    for word in _WORD.findall(words):
        if word in _PLAIN or _PERIOD.match(word):
            named = False
        elif not named or unknown == 0 or _RELATION.match(word):
            return False
        else:
            unknown -= 1
    return True


def _is_guide(lead: str, guiding: bool) -> bool | None:
    """Whether a figure behind ``lead`` is of a forecast; ``guiding`` is whether the figure before was. ``None`` if
    it is not sure."""
    sentence = _SENTENCE.split(lead)[-1]
    words = [*_OF_GUIDE.finditer(sentence)]
    report = [*_REPORT.finditer(sentence)]
    if not words:
        return guiding and not report
    if report and report[-1].start() > words[-1].start():
        return False
    piece = _CLAUSE.split(lead)[-1]
    return True if _OF_GUIDE.search(piece) or guiding else None


def _tell_guide(one: _Compared, before: str, lead: str, told: set[str], untold: set[str]) -> None:
    """Add what a forecast tells: above the estimates it counts as raised, below as cut, unless it says how it
    changes."""
    if _KEEPS.search(lead) and not _CHANGES.search(lead):
        verdict = 0
    elif one.was is not None:
        verdict = one.was
    elif _CHANGES.search(lead if _GUIDE.search(lead) else before):
        return  # whether it is raised or cut is said, and not by the estimate
    elif one.verdict is None:
        return
    else:
        verdict = one.verdict
    if verdict:
        told.add(RAISED if verdict > 0 else CUT)
    untold |= GUIDES


def _chinese(text: str, others: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Comparisons in Chinese, in the plainest form alone: verdict, start and end."""
    until = 0
    for match in _CHINESE.finditer(text) if "\u9884" in text else ():
        start = match.start("quantity")
        name = text.rfind(COMPANY, 0, start)
        lead = text[max(until, name + 1) : start]
        until = match.end()
        if name < 0 or any(name < other < start for other in others) or not _CHINESE_PLAIN.match(lead):
            continue
        a = float(match["a"]) * _SCALES.get(match["scale_a"] or "", 1.0)
        b = float(match["b"]) * _SCALES.get(match["scale_b"] or "", 1.0)
        if "\u4e8f\u635f" in match["quantity"]:
            a, b = -abs(a), -abs(b)
        yield (a > b) - (a < b), start, until
