"""How much a document is about a company: by where it is named, how often beside others, and its role in the event."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from documents.events import EventRole
from model.events.features import COMPANY

FIRST_LINE = 160
"""A name within so many characters, or in the first line, counts as one in the title."""

_BY_ROLE = {EventRole.SUBJECT: 1.0, EventRole.COUNTERPARTY: 0.6, EventRole.MENTIONED: 0.35}


def about(texts: Sequence[str], marked: Sequence[str]) -> list[float]:
    """For each pair, 0 to 1: a half for being named in the title, earlier counting more, and a half for its share of
    all the mentions of companies in the same text."""
    mentions: dict[str, int] = defaultdict(int)
    counts = [max(1, one.count(COMPANY)) for one in marked]
    for text, count in zip(texts, counts, strict=True):
        mentions[text] += count
    found = []
    for text, one, count in zip(texts, marked, counts, strict=True):
        place = one.find(COMPANY)
        title = min(FIRST_LINE, text.find("\n") if "\n" in text else FIRST_LINE)
        first = 0.6 if place < 0 else max(0.6, 1 - place / FIRST_LINE * 0.5) if place < title else 0.2
        found.append(0.5 * first + 0.5 * count / mentions[text])
    return found


def relevance(share: float, role: EventRole) -> int:
    """0 to 100."""
    return round(100 * share * _BY_ROLE[role])
