"""What the wording alone decides: whose an analyst's verdict is, what in it is no other event, and what only asks."""

from __future__ import annotations

import re

from documents.events import EventRole

VERDICTS = frozenset({"analyst_upgrade", "analyst_downgrade"})

_QUESTION = re.compile(
    r"(?:is|are|will|can|could|should|would|does|do|did|has|was|might|what if) [^.!?;]*@[^.!?;]*\?"
    "|[^\u3002\uff01\uff1f?!;]*@[^\u3002\uff01\uff1f?!;]*(?:\u5417|\u4f1a\u4e0d\u4f1a[^\u3002\uff01;]*)[?\uff1f]"
)
_PADDING = re.compile(r"@\s+")
_RATING = (
    r"(?:buy|hold|sell|neutral|overweight|underweight|equal[- ]weight|outperform|underperform|(?:market|sector) perform"
    r"|in-?line|accumulate|reduce|conviction[- ]buy(?: list)?|strong[- ]buy|rating|coverage)"
)
_TARGET = r"(?:price[- ]targets?|targets?|pt)"
_BROKER = re.compile(
    r"@ (?:(?:securities|research|capital|markets|analysts?|company|co\.?) ){0,2}"
    r"(?:(?:up|down)grades|initiates|maintains|reiterates|reaffirms|resumes|assumes|reinstates|starts|keeps"
    rf"|(?:raises|boosts|hikes|lifts|lowers|trims|slashes|cuts|adjusts|ups|sets)\b[^.;]*?\b{_TARGET}\b)\s"
    rf"|@ {_TARGET} on\b|(?:up|down)graded (?:at|by) @"
    r"|@(?:\u4e0a\u8c03|\u4e0b\u8c03|\u7ef4\u6301|\u7ed9\u4e88)[^,;\u3002\uff0c]*(?:\u8bc4\u7ea7|\u76ee\u6807\u4ef7)"
)
_JUDGED = re.compile(
    rf"(?:up|down)grad(?:es?|ing) @|\b{_RATING} (?:rating )?(?:on|of) @|\b{_TARGET} (?:on|for|of) @"
    r"|\b(?:initiates|maintains|reiterates|reinstates|resumes) (?:coverage (?:on|of) )?@"
    r"|@ (?:stock |shares )?(?:is |was |gets |cut |raised )?(?:up|down)graded (?!at @|by @)"
)
_OF_TARGET = re.compile(rf"\b{_TARGET}\b|\u76ee\u6807\u4ef7")
_OUTLOOK = re.compile(r"guid|outlook|forecast|\bsees\b|\bfy ?\d|\bexpects\b|\u6307\u5f15|\u9884\u671f|\u9884\u8ba1")
_BIDDER = re.compile(
    r"\b(?:acquired|bought|purchased|taken over) by @|\bsold to @"
    r"|@(?:'s)? (?:(?!reject|get|receiv|accept|rebuff|spurn|approv)[\w&'.-]+ ){0,4}?"
    r"(?:to (?:buy|acquire|take over)|buys|acquires|(?:bid|offer|takeover|purchase|buyout"
    r"|acquisition) (?:of|for)) (?!@|usd|gbp|eur)[a-z]"
    r"|@ ?'s (?:[\w.-]+ ){0,4}?(?:bid|offer|takeover|buyout|proposal)\b"
    r"|@ (?:clinches|seals|goes hostile|launches|extends|abandons|ends|drops|hikes|raises|confirms|secures|scraps)\b"
    r"[^;:,]*\b(?:bid|offer|takeover|deal|buyout)\b"
    r"|@(?:\u62df|\u5c06|\u5ba3\u5e03|\u5b8c\u6210|\u51fa\u8d44)?\u6536\u8d2d(?!\u8981\u7ea6)"
)
_DEAL = re.compile(
    r"acqui|merg|take-?over|\btake over\b|\bbids?\b|\bdeal\b|stake|purchase|buys\b|buyout|\u6536\u8d2d|\u5e76\u8d2d"
)


_SHARES = re.compile(r"\bshares?\b|\bstocks?\b|\badrs?\b|market (?:value|cap)|\u80a1|\u5e02\u503c")
_FIGURES_MOVE = re.compile(
    r"\b(?:profits?|sales|earnings|revenues?|income|deliveries|registrations|shipments|orders|output|bookings)\s"
    r"(?:[a-z]+\s){0,2}?(?:plung|plummet|nosediv|slump|sink|sank|tumbl|fall|fell|drop|slid|div|dip|crash|soar|surg|jump"
    r"|leap|rise|rose|rocket)"
    r"|\b(?:drop|fall|slump|plunge|slide|dip|jump|surge|rise|leap) in (?:[a-z-]+\s){0,3}?"
    r"(?:profit|sales|earnings|revenue)"
)


_SUBORDINATE = re.compile(
    r"\s(?:after|over|amid|following|since|despite|because of|due to|in (?:the )?wake of|about|while|if|until|before"
    r"|from|to avoid|as(?! (?:@ *|its |new |an? )?(?:ceo|cfo|coo|chief|chair|head|president|boss|finance)\b))\s"
)


_NEXT_SENTENCE = re.compile(r"[.!?;]\s|\n")


def without_background(marked: str) -> str | None:
    """A text without what its first sentence gives as cause, background or condition ("after a crash", "as strike
    ends"). None if it gives none, or if the sentence says how the shares moved: why they did is the news."""
    end = sentence.start() if (sentence := _NEXT_SENTENCE.search(marked)) else len(marked)
    first = _SUBORDINATE.search(marked, 0, end)
    if first is None or _SHARES.search(marked, 0, first.start()):
        return None
    return marked[: first.start()] + marked[end:]


def is_of_figures(kind: str, marked: str) -> bool:
    """Whether ``kind`` is a move of the shares read out of one of profits or sales alone."""
    moves = kind in ("price_plunge", "price_surge")
    return moves and bool(_FIGURES_MOVE.search(marked)) and not _SHARES.search(marked)


def is_question(marked: str) -> bool:
    """Whether a text begins by asking about the company, as in "Will Acme miss estimates?": nothing is told of it."""
    return bool(_QUESTION.match(marked))


_GOVERNMENT = re.compile(r"\badministration\b")
_INSOLVENT = re.compile(
    r"\b(?:in|into|enters?|from|of) administration\b|administrator|bankrupt|insolven|chapter|liquidat|creditor|winding"
    "|collapse"
)


def is_of_government(kind: str, marked: str) -> bool:
    """Whether ``kind`` is a bankruptcy read out of a government's "administration", or out of its costs."""
    return kind == "bankruptcy" and bool(_GOVERNMENT.search(marked)) and not _INSOLVENT.search(marked)


def is_of_bidder(kind: str, marked: str) -> bool:
    """Whether ``kind`` is a takeover in which the company is the one that buys."""
    return kind == "takeover_target" and bool(_BIDDER.search(_PADDING.sub("@ ", marked)))


def verdict_role(marked: str) -> EventRole | None:
    """The company's role in an analyst's verdict, if the wording tells it."""
    text = _PADDING.sub("@ ", marked)
    if _BROKER.search(text):
        return EventRole.COUNTERPARTY
    return EventRole.SUBJECT if _JUDGED.search(text) else None


def is_only_verdict(kind: str, told: set[str], marked: str) -> bool:
    """Whether ``kind`` is read out of a verdict alone: a new price target is no guidance, and "to Buy" no purchase.
    ``told`` are all types that the text tells of the company."""
    if not told & VERDICTS:
        return False
    if kind in ("guidance_cut", "guidance_raised"):
        return bool(_OF_TARGET.search(marked)) and not _OUTLOOK.search(marked)
    return kind in ("acquisition", "takeover_target") and not _DEAL.search(marked)
