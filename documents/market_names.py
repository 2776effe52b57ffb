"""Whether the name of a currency, a commodity, an index, a country, a central bank or a person means it.

Most of these names are ordinary words, too: what stands beside them tells "gold prices" from a gold medal, "the pound
falls" from a pound of butter, and Turkey from a turkey.
"""

from __future__ import annotations

import re

from documents.name_context import ends_a_name, has_capitals, word_after, word_before
from documents.watchlist import Entity

_MOVES = (
    r"falls?|fell|falling|rises?|rose|rising|gains?|gained|gaining|slips?|slipped|slides?|slid|drops?|dropped|jumps?"
    r"|jumped|surges?|surged|climbs?|climbed|strengthens?|strengthened|weakens?|weakened|firms?|firmed|steadies|steady"
    r"|steadied|edges?|edged|eases?|eased|hits?|hovers?|tumbles?|tumbled|plunges?|plunged|plummets?|soars?|soared"
    r"|rallies|rallied|rally|rebounds?|rebounded|recovers?|retreats?|dips?|dipped|sinks?|sank|crash(?:es)?|slumps?"
    r"|slumped|swings?|settles?|settled|ends|closes?|closed|opens|opened|trades?|traded|trading|flat|higher|lower|up"
    r"|down|extends?|pares?|bounces?|wobbles?|inches|ticks?|creeps?|nears?|tops|jittery|under pressure|volatility"
    r"|outlook|bulls?|bears?|sell-?off|loses?|lost|losing|adds|off|heads|heading|poised|posts|set for|on track"
    r"|dives?|dived|takes|crushed|hammered|shrugs|levels?|suffers?|suffered|sheds?|shed|snaps|reaches|continues"
    r"|stages|movers?"
    r"|jitters"
)
_PRICED = (
    r"prices?|pricing|futures|contracts?|market|markets|supply|supplies|demand|output|production|producers?|exports?"
    r"|exporters?|imports?|importers?|traders?|inventories|stocks|stockpiles?|reserves|glut|shortage|surplus|deficit"
    r"|harvest|crop|crops|cuts|shipments?|tariffs?|benchmark|barrels?|ounces?|miners?|mining|mines?|smelters?|refiners?"
    r"|etfs?|bullion|hoard|supplier|sales|products?|bottlenecks?|boom|fears|row|fray|attacks?|war|shock|spike"
    r"|rout|collapse|slide|revenues?"
)
_AFTER = {
    "currency": re.compile(
        rf"^,?\s(?:(?:is|was|has|will|could|may|to|at|hit|near|on)\s)?(?:{_MOVES}|against|versus|vs\.?|index|exchange"
        r"|rate|zone|strength|weakness|liquidity|funding|peg|devaluation|crisis|bloc|at|on|as|stays?|holds?|stands?"
        r"|buyers|sellers|exposure|reserves|traders?|pairs?|dips|headwinds?|hedging|gets|finds|under|little|gets?"
        r"|is|was)\b",
        re.IGNORECASE,
    ),
    "commodity": re.compile(
        rf"^(?:['\u2019]s)?,?\s(?:(?:is|was|has|will|could|may|to|at|hit|near)\s)?(?:{_MOVES}|{_PRICED})\b",
        re.IGNORECASE,
    ),
    "index": re.compile(
        rf"^(?:['\u2019]s)?,?\s(?:(?:is|was|has|will|could|may|to|at|near|set)\s)?(?:{_MOVES}|futures|index|composite"
        r"|industrials?|average|points?|record|gains|losses|stocks|components?|joins?|adds|and|at|on|for|as|in|turns?"
        r"|tech|100|dow|s&p|nasdaq|\d[\d,.]*%?)\b",
        re.IGNORECASE,
    ),
}
"""What stands behind such a name where it means the currency, the commodity or the index."""

_BEFORE = {
    "currency": re.compile(
        r"(?:\b(?:stronger|weaker|strong|weak|rising|falling|sliding|surging|soft|softer|firm|firmer|against|versus"
        r"|vs\.?|in|sell|buy|boosts?|lifts?|weakens?|hits?|hurts?|sends?|pushes|supports?|knocks?|keeps?|says?"
        r"|and|hedge)"
        r"\s(?:the\s)?|\bthe\s(?:\w+\s)?)$",
        re.IGNORECASE,
    ),
    "commodity": re.compile(
        r"\b(?:spot|crude|benchmark|(?:prices?|futures|ounces?|barrels?|bushels?|tonnes?|tons|demand|imports?|exports?"
        r"|output|supply|supplies|production|shipments?|appetite) (?:of|for|in)|short|long|bullish on|bearish on"
        r"|cheap|costly|safe-haven|physical)\s$",
        re.IGNORECASE,
    ),
    "index": re.compile(
        r"\b(?:the|blue-chip|tech-heavy|benchmark|on|lifts?|pushes|sends|drags?|and|of|to|into|joins?|for|new"
        r"|(?:Dow|S&P|S&P 500|Nasdaq),)\s$",
        re.IGNORECASE,
    ),
    "person": re.compile(
        r"(?:['\u2019]s|\b(?:CEO|Chair(?:man|woman)?|Governor|Gov\.?|boss|[Cc]hief|executive|founder|President)),?\s$"
    ),
}
"""What stands in front of it there. Of a person's surname it is what they lead, or their office: "BlackRock's Fink"."""

_COUNT_BEFORE = re.compile(r"(?:\d|[\u5343\u4e07\u842c\u4ebf\u5104\u5146\u767e\u5341\u591a])\W?$")
_SCALES = frozenset(
    [
        "million", "millions", "billion", "billions", "trillion", "mln", "bln", "bn", "mn", "m", "trn", "crore", "lakh",
        "hundred", "thousand", "thousands", "per",
    ]
)  # fmt: skip
"""As in "500 million euros": that is an amount, and nothing about the currency."""

_PART_OF_A_NAME = re.compile(
    r"^\s(?:Airlines?|Airways|Telecom|Telecommunications|Mobile|Unicom|Steel|Bank\b(?!\sof)|Banking|Life|Re\b|Post\b"
    r"|Tobacco|Foods|Electric (?:Power|Co)|Petroleum|Railways?|Securities|Merchants|Resources|Holdings?|Group|Inc"
    r"|Corp|Ltd"
    r"|plc|PLC|Fund\b|ETF|Vanke|Evergrande|Shenhua|Southern|Eastern|Construction|Minsheng|CITIC|Everbright"
    r"|Molybdenum|Hongqiao"
    r"|Huarong|Literature|Biologic|Energy|Aluminum|Oil\b|Coal|Cements|Hotels|Display|Exchange|Open\b|Cup\b|Women|Today"
    r"|Daily|Times|Guardian|Tower|Eagle|Water|Axle|Outdoor|Equity|Campus|National|Homes|International|Apparel|Idol"
    r"|Football|Grand Prix|Army|Navy|Air Force|Airlines)"
)
"""What stands behind a country's name where it begins the name of something else, such as a company."""

_INSTITUTION = re.compile(
    r"\b(?:Bank|Banks|University|College|Museum|Church|Air|Miss|Team|Voice|Brands|Foods|Universal|Captain|Bankers"
    r"|Merrill Lynch|Wal-?Mart|Toyota|Uber|Google|Lidl|Aldi|Tata Steel|Prime Minister) (?:of )?$"
)
"""What stands in front of it there."""

_HAN_COMPANY = re.compile(
    "^(?:\u94f6\u884c|\u5e73\u5b89|\u79fb\u52a8|\u8054\u901a|\u7535\u4fe1|\u77f3\u6cb9|\u77f3\u5316|\u4eba\u5bff"
    "|\u5efa\u7b51|\u4e2d|\u592a\u4fdd|\u592a\u5e73|\u56fd\u65c5|\u56fd\u822a|\u795e\u534e|\u94dd\u4e1a|\u94c1\u5efa"
    "|\u91cd\u5de5|\u8239\u8236|\u6838\u7535|\u5354\u4f1a|\u8bc1\u5238\u62a5|\u57fa\u91d1\u62a5|\u6052\u5927)"
)
"""The same behind the Chinese name of China: banks, insurers, newspapers."""


def fits_market(entity: Entity, name: str, text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]``, which is a name of ``entity`` letter by letter, means it."""
    surface = text[start:end]
    if len(name) < 4 and name.isupper():
        # A short abbreviation ("EUR", "US") is one only in capitals.
        if surface != name:
            return False
    elif name in entity.capitalised and not has_capitals(surface):
        return False
    kind = entity.entity_type
    if kind == "currency" and _is_amount(text, start, end):
        return False
    if kind == "country" and _is_part_of_a_name(text, start, end):
        return False
    if kind == "person" and " " not in name and ends_a_name(text[max(0, start - 20) : start]):
        return False
    if name in entity.ordinary and not _is_beside_a_market_word(kind, text, start, end):
        return False
    return not (
        (entity.not_before and word_after(text, end) in map(str.lower, entity.not_before))
        or (entity.not_after and word_before(text, start) in map(str.lower, entity.not_after))
    )


def _is_beside_a_market_word(kind: str, text: str, start: int, end: int) -> bool:
    after, before = _AFTER.get(kind), _BEFORE.get(kind)
    return bool(
        (after and after.match(text[end : end + 40])) or (before and before.search(text[max(0, start - 30) : start]))
    )


def _is_amount(text: str, start: int, end: int) -> bool:
    if _COUNT_BEFORE.search(text[max(0, start - 3) : start]) or word_before(text, start) in _SCALES:
        return True
    return bool(re.match(r"\s?[\d$]", text[end : end + 2]))


def _is_part_of_a_name(text: str, start: int, end: int) -> bool:
    if text[end : end + 1] == "$":
        return True
    if "\u4e00" <= text[end - 1] <= "\u9fff":
        return bool(_HAN_COMPANY.match(text[end : end + 3]))
    return bool(_PART_OF_A_NAME.match(text[end : end + 20]) or _INSTITUTION.search(text[max(0, start - 20) : start]))
