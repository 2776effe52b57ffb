"""How bad an event is, from its type, the figures in the text, its state and the company's role in it."""

from __future__ import annotations

import re
from typing import NamedTuple

from documents.events import EventRole, EventState, EventType
from model.events.known import has_no_word_for, headline_of, steps_less

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s?(?:%|percent\b|per cent\b|pct\b)")
_MONEY = re.compile(
    r"(?:[$\u20ac\u00a3\u00a5]|usd|eur|gbp|us\$|rs\.?)\s?(\d+(?:[.,]\d+)*)\s?(trillion|tn|billion|bln|bn|b|million|mln|mn|m|k)?\b"
    r"|(\d+(?:[.,]\d+)*)\s?(\u4e07\u4ebf|\u4ebf|\u4e07)(?:\u7f8e?\u5143|\u6b27\u5143|\u6e2f\u5143|\u4eba\u6c11\u5e01)"
)
_COUNT = re.compile(r"(\d+(?:,\d{3})+|\d+(?:\.\d+)?)\s?((?:million|billion|thousand|mln|k|m)\b|\u4ebf|\u4e07)?")
_UNIT = {
    "trillion": 1e12, "tn": 1e12, "billion": 1e9, "bln": 1e9, "bn": 1e9, "b": 1e9, "million": 1e6, "mln": 1e6,
    "mn": 1e6, "m": 1e6, "k": 1e3, "thousand": 1e3, "\u4e07\u4ebf": 1e12, "\u4ebf": 1e8, "\u4e07": 1e4,
}  # fmt: skip


class _Steps(NamedTuple):
    """A figure of at least ``more`` raises the severity by one step, of at least ``much_more`` by two; a figure below
    ``less`` lowers it by one."""

    less: float
    more: float
    much_more: float


_BY_PERCENT = {
    "price_plunge": _Steps(5, 10, 40),
    "price_surge": _Steps(3, 6, 20),
    "results_miss": _Steps(5, 40, 100),
    "results_beat": _Steps(5, 40, 200),
    "layoffs": _Steps(0, 10, 30),
    "dividend_cut": _Steps(0, 50, 101),
}
_BY_MONEY = {
    "fine": _Steps(1e8, 1e9, 5e9),
    "settlement": _Steps(1e7, 1e9, 5e9),
    "lawsuit": _Steps(0, 1e9, 1e11),
    "impairment": _Steps(1e7, 5e9, 1e12),
    "hack": _Steps(1e5, 1e8, 1e12),
    "embezzlement": _Steps(0, 1e9, 1e12),
    "acquisition": _Steps(0, 3e9, 5e10),
    "contract_won": _Steps(0, 1e9, 2e10),
    "buyback": _Steps(0, 1e10, 1e12),
}
_BY_COUNT = {
    "layoffs": _Steps(50, 5_000, 20_000),
    "data_breach": _Steps(0, 1e7, 1e12),
    "recall": _Steps(50_000, 1e6, 1e12),
    "abuse": _Steps(0, 1e3, 1e9),
}
_BY_WORDING = {
    # Many people against the company, and not one.
    "lawsuit": re.compile(
        r"class.action|mass (?:law)?suit|thousands|investors? sue|shareholders? sue|attorneys? general"
        "|\u96c6\u4f53\u8bc9\u8bbc|\u7ef4\u6743"
    ),
    # Somebody died.
    "abuse": re.compile(
        r"\bdie[ds]?\b|\bdeaths?\b|suicide|\bkilled\b"
        "|\u731d\u6b7b|\u8eab\u4ea1|\u53bb\u4e16|\u79bb\u4e16|\u81ea\u6740|\u5760\u697c|\u8fc7\u52b3\u6b7b"
    ),
    # Far more than on an ordinary day.
    "price_surge": re.compile(
        r"\b(?:shares?|stock)\b.{0,30}(?:\bsoar|rocket|\bleap|\brecord\b)|\b(?:soar|leap)s? on\b"
        r"|\bhits? (?:an? )?(?:record|all-time) high|\btrillion\b"
        "|\u6da8\u505c|\u66b4\u6da8|\u98d9|\u65b0\u9ad8|\u7834\u4e07\u4ebf"
    ),
    # Not a few.
    "layoffs": re.compile(
        r"\bmass\b|\bthousands\b|\b(?:half|third|quarter|fifth|tenth) of\b|all (?:staff|employees)"
        "|\u5927\u88c1|\u5927\u89c4\u6a21|\u5168\u5458|\u8fc7\u534a"
    ),
    # One of the great indices.
    "index_change": re.compile(
        r"s&p 500|nasdaq.100|\bdow\b|ftse 100|hang seng index|\bdax\b|euro stoxx 50|nikkei 225"
        "|\u6807\u666e500|\u7eb3\u65af\u8fbe\u514b100|\u6caa\u6df1300|\u6052\u751f\u6307\u6570"
    ),
    # A medicine, or the right to go on.
    "regulatory_approval": re.compile(
        r"(?s)^(?!.*(?:antitrust|to buy|\bdeals?\b))"
        r".*\b(?:drugs?|medicines?|vaccines?|therap(?:y|ies)|treatments?|fda|licen[cs]es?)\b"
        "|\u836f|\u75ab\u82d7|\u724c\u7167"
    ),
    # A crime, and not a quarrel about money.
    "cleared": re.compile(r"\b(?:criminal|charges|fraud|prosecutors?)\b|\bbillion\b|\u5211|\u6b3a\u8bc8"),
    # Nobody expected it.
    "chief_arrives": re.compile(
        r"\breturn|\bback (?:as|at|to|in)\b|surprise|shock|stun|unexpected"
        "|\u56de\u5f52|\u91cd\u638c|\u610f\u5916|\u7a81\u7136"
    ),
}
"""Types that are worse, or more of a surprise, by one step with these words."""

_LESS_BY_WORDING = {
    # A small move, where no figure says that it is none.
    "price_plunge": re.compile(
        r"^(?!.*\d\s?(?:%|p)).*(?:\b(?:slip|slid|slide|dip|ease|edge|drift|inch)(?:s|es|ed|ped|pped|ping)?\b|slightly"
        "|\u5c0f\u5e45|\u5fae\u8dcc)"
    ),
    # A part of the company is sold, and not the company.
    "takeover_target": re.compile(
        r"\b(?:assets?|units?|stakes?|business|division|plants?|stores?|brands?|fields?|headquarters|arm)\b"
        "|\u8d44\u4ea7|\u4e1a\u52a1|\u5b50\u516c\u53f8"
    ),
    # A step of a matter that is known, or somebody asks for it: nobody opens, charges, fines or forbids.
    "antitrust": re.compile(
        r"(?s)^(?!.*\b(?:opens?|launch\w*|orders?|to (?:probe|investigate)|investigates|probes|fine[sd]?|charge[sd]?"
        r"|sue[sd]?|block\w*|objections?|breach\w*|infring\w*|raids?|cartel|owes?)\b).*[a-z]"
        r"|\b(?:seeks?|asks?|complain\w*|reassess\w*|resumes?|likely|denies|denied)\b"
    ),
    # Work goes on, may stop, or stops for days; or some shops of many are closed.
    "production_halt": re.compile(
        r"(?s)^(?!.*(?:halt|suspend|shut|clos|stop)).*\b(?:resum|restart|reopen)|\b(?:extend\w*|sells?|buyer)\b"
        r"|\b(?:if|could|days?|cheaper)\b"
        r"|^(?!.*(?:\ball\b|\bhalf\b|\d{3})).*\b(?:stores?|shops?|branch(?:es)?|restaurants?|sites?)\b"
    ),
    # The head of a part, and not of the company; or somebody only speaks of it.
    "chief_leaves": re.compile(
        r"\b(?:u\.s\.|us|uk|china|india|asia|europe\w*|german\w*|mexico|global|regional|trucks?|bank|parks?|product|people"
        r"|marketing|strategy|technology|sales|design|refining|policy|legal|dealmaking|communications|security|diversity)"
        r" (?:[\w'-]+ ){0,2}(?:ceo|cfo|chief|chairman|chair|head|boss|president|officer)\b"
        r"|@ *'s (?!new|next|former|outgoing|long-time|chief|finance|top|co-)[\w-]+"
        r" (?:ceo|cfo|chief|chair(?:man)?|head|boss)\b"
        r"|\b(?:counsel|unit|division|venture|subsidiary|no rush|resists|candidates?)\b|\bboss of\b|\bnon-executive"
        r"|\b(?:leaves|quits|exits?|resigns from|from|off) (?:[\w'-]+ )?board\b"
    ),
    # Nobody says how much, or it is not certain.
    "fine": re.compile(r"(?s)^(?!.*(?:\d|record|largest|huge|billion)).*[a-z]|\b(?:should|if|calls? for|discuss\w*)\b"),
    # Some of a product, and nobody was hurt.
    "recall": re.compile(r"(?s)^(?!.*(?:\d|\ball\b|\bdeaths?\b|\bfires?\b|\border)).*[a-z]"),
}
"""Types that are less, by one step, with these words in the headline."""


_NO_CRISIS = 3
"""What a crisis without a word for it counts as."""

_JOINS = re.compile(r"\bjoin|\badd(?:ed|s)?\b|\binclu|\benter|\u7eb3\u5165|\u5165\u9009|\u8c03\u5165")
_LEAVES = re.compile(r"\bdropp?e?d?\b|\bremov|\bdelet|\bleav|\bout of\b|\bexclu|\u5254\u9664|\u8c03\u51fa")
"""An index that takes a company in, or no longer has it: good or bad news of one type."""

_FIRST_DAY = re.compile(
    r"\bdebuts?\b|\bipos?\b|initial public offering|first (?:day|trade)|direct listing"
    "|\u9996\u65e5|\u6302\u724c|\u65b0\u80a1"
)
"""A jump of the shares on their first day is part of the listing, and no surprise."""

_OF_PRICE = frozenset({"price_plunge", "price_surge"})
_SHARES = re.compile(
    r"\bshares?\b|\bstocks?\b|\badrs?\b|market (?:value|cap)"
    "|\u80a1|\u5e02\u503c|\u8dcc\u8d85|\u6da8\u8d85|\u5927\u8dcc|\u5927\u6da8"
)
_BUSINESS = re.compile(
    r"\b(?:profits?|sales|earnings|revenues?|income|deliveries|registrations|shipments|orders|output|bookings)\b"
    "|\u51c0\u5229|\u8425\u6536|\u9500\u91cf|\u5229\u6da6"
)

_BY_STATE = {
    EventState.HAPPENED: 0,
    EventState.THREATENED: -1,
    EventState.RUMOURED: -1,
    EventState.DENIED: -2,
    EventState.AVERTED: -3,
    EventState.HISTORIC: -3,
    EventState.HYPOTHETICAL: -3,
}
_BY_ROLE = {EventRole.SUBJECT: 0, EventRole.COUNTERPARTY: -1, EventRole.MENTIONED: -2}


def severity(kind: EventType, text: str, role: EventRole, state: EventState) -> int:
    """1 (routine) to 5: the type's own severity, changed by the figures and some words in ``text`` (in lower case), by
    the state and by the role."""
    change = _figures(kind.name, text) + _BY_STATE[state] + _BY_ROLE[role]
    if (wording := _BY_WORDING.get(kind.name)) and wording.search(text):
        change += 1
    headline = headline_of(text)
    if (wording := _LESS_BY_WORDING.get(kind.name)) and wording.search(headline):
        change -= 1
    change -= steps_less(kind.name, headline)
    if has_no_word_for(kind.name, text):
        change -= max(0, kind.severity - _NO_CRISIS)
    if kind.name == "price_surge" and _FIRST_DAY.search(text):
        change = min(change, 2 - kind.severity)
    return min(5, max(1, kind.severity + change))


def polarity(kind: EventType, text: str, role: EventRole, state: EventState) -> int:
    """The polarity of the type for the company that it happened to, reversed if it was averted or denied; 0 in other
    roles. Joining an index is good, and leaving it is bad."""
    if role is not EventRole.SUBJECT:
        return 0
    own: int = kind.polarity
    if kind.name == "index_change":
        own = bool(_JOINS.search(text)) - bool(_LEAVES.search(text))
    return -own if state in (EventState.AVERTED, EventState.DENIED) else own


def _figures(name: str, text: str) -> int:
    if not any(map(str.isdigit, text)):
        return 0
    if name in _OF_PRICE and _BUSINESS.search(text) and not _SHARES.search(text):
        return 0  # the figure is of the business, not of the shares
    found = []
    if steps := _BY_PERCENT.get(name):
        found += [(float(match.group(1)), steps) for match in _PERCENT.finditer(text)]
    if steps := _BY_MONEY.get(name):
        found += [(_amount(m.group(1) or m.group(3), m.group(2) or m.group(4)), steps) for m in _MONEY.finditer(text)]
    if steps := _BY_COUNT.get(name):
        counts = [
            _amount(match.group(1), match.group(2))
            for match in _COUNT.finditer(_PERCENT.sub(" ", _MONEY.sub(" ", text)))
        ]
        found += [(count, steps) for count in counts if not 1900 <= count <= 2100]
    if not found:
        return 0
    return max(2 if x >= s.much_more else 1 if x >= s.more else -1 if x < s.less else 0 for x, s in found)


def _amount(number: str, unit: str | None) -> float:
    try:
        return float(number.replace(",", "")) * _UNIT.get(unit or "", 1.0)
    except ValueError:
        return 0.0
