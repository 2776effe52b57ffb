"""Companies that a text names and nobody asked about: what happened to one of them is not an event of the other.

A name is a word with a capital letter that the reader has never learnt, as those of companies outside the watch list
are, or in Chinese a few characters that end as companies' names do. Whose event it is, the reader itself decides: it
reads the text again as one about the other name.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from documents import naming
from model.events.features import found_in

LONGEST_CHINESE = 80
"""Longer Chinese texts are mostly lists of companies, where all that is told is told of each."""

MOST_NAMES = 4
"""So many other names of a text are tried."""

STAND_IN, CHINESE_STAND_IN = "zqx", "\u67d0\u67d0"
"""Stands for the company that was asked about while another one is; the reader knows neither."""

_PEOPLES = re.compile(r"(?:ish|ese|[aei]an|akh|ench|utch|reek|wiss|thai|iraqi|israeli)$")
"""Endings of the names of peoples and languages, which often stand beside what they do."""

# A form of company or a trade: with it behind, a name is surely that of a company.
_KIND = re.compile(
    r"\s(?:Corp|Inc|Ltd|Plc|PLC|LLC|AG|SE|NV|SA|Co|Bank|Group|Holdings?|Airlines?|Airways|Motors?|Energy|Capital"
    r"|Pharma(?:ceuticals)?|Technologies|Systems|Industries|Foods|Media|Insurance|Oil|Steel|Mining|Financial|Partners"
    r"|Labs?|Software|Therapeutics|Retail|Stores|Telecom|Chemicals?|Logistics|Shipping)\b"
)
_LEADER = re.compile(r"(?:['\u2019]s)?\s(?:ceo|cfo|chief|chair(?:man|woman)?|boss|founder|executives?)\b", re.I)
_WORD = re.compile(r"(?<![\w$@#'\u2019./-])[A-Z][A-Za-z0-9&]*(?:-[A-Z][A-Za-z0-9]*)*")
_CHINESE = re.compile(
    "(?<![\u4e00-\u9fff])[\u4e00-\u9fff]{2,6}?(?:\u516c\u53f8|\u96c6\u56e2|\u94f6\u884c|\u80a1\u4efd|\u79d1\u6280|\u6c7d\u8f66"
    "|\u836f\u4e1a|\u8bc1\u5238|\u5730\u4ea7|\u63a7\u80a1|\u91cd\u5de5|\u98df\u54c1|\u7269\u6d41|\u57fa\u91d1|\u7535\u5b50|\u80fd\u6e90"
    "|\u822a\u7a7a|\u533b\u836f|\u4fdd\u9669|\u751f\u7269|\u4f20\u5a92|\u6750\u6599|\u7535\u5668|\u94a2\u94c1|\u5149\u7535|\u77f3\u5316)"
)
_NO_NAME = re.compile(
    "^(?:\u636e|\u6b63\u89c4|\u4e0a\u8bc1|\u4e2d\u56fd\u8bc1\u5238|\u8be5|\u672c|\u5b50|\u6bcd|\u4e0a\u5e02|\u65d7\u4e0b|\u591a\u5bb6|\u5404|\u5176|\u56fd\u6709|\u592e\u884c|\u56fd\u5bb6|\u4eba\u6c11|\u65b0\u80fd|\u4ed6|\u6211)"
)

# fmt: off
_OF_SEVERAL = frozenset([
    "acquisition", "takeover_target", "stake", "divestment", "deal_off", "contract_won", "contract_lost", "settlement",
    "regulatory_approval", "regulatory_rejection", "antitrust", "analyst_upgrade", "analyst_downgrade",
])
"""Events with two companies in them: another name is no sign that the event is not this company's."""

_OF_PERSONS = frozenset([
    "product_launch", "expansion", "arrest", "charge", "embezzlement", "insider_dealing", "chief_leaves",
    "chief_ousted", "chief_dies", "chief_arrives", "short_seller_report", "boycott", "abuse", "lawsuit",
    "investigation", "cleared",
])
"""Persons and authorities do these things, too, so a bare name says little about whose event it is."""
# fmt: on


def other_names(text: str, surface: str, known: Callable[[str], object]) -> list[tuple[str, bool]]:
    """The names in ``text`` besides ``surface`` that nobody asked about, and whether each is surely a company's.
    ``known`` tells whether the reader has learnt a word."""
    own = [match.span() for match in naming(surface).finditer(text)] if surface else []
    found: dict[str, bool] = {}
    for match in _CHINESE.finditer(text):
        if not _NO_NAME.match(match.group()) and not _within(match.span(), own):
            found[match.group()] = True
    for match in _WORD.finditer(text):
        word = match.group().lower()
        if len(word) < 3 or _PEOPLES.search(word) or known(word) or known(word + "'s") or _within(match.span(), own):
            continue
        kind = _KIND.match(text, match.end())
        end = kind.end() if kind else match.end()
        found[text[match.start() : end]] = bool(kind or _LEADER.match(text, end))
    return list(found.items())[:MOST_NAMES]


def asked_about(text: str, surface: str, other: str) -> str:
    """``text`` as ``found_in`` returns it for ``other``, with a stand-in for ``surface``."""
    stand_in = STAND_IN if surface.isascii() else CHINESE_STAND_IN
    return found_in(naming(surface).sub(stand_in, text) if surface else text, other)


def counts_for(kind: str, sure: bool) -> bool:
    """Whether a name that is ``sure`` to be a company's, or may be a person's, can take an event of type ``kind``."""
    return kind not in _OF_SEVERAL and (sure or kind not in _OF_PERSONS)


def _within(span: tuple[int, int], own: list[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in own)
