"""What an alert is based on: the documents that moved the mean the most, the words that decided their scores, and the
topics that rose with it. Read from the storage when an alert fires or is escalated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from clickhouse_driver import Client

from alerts.detection import MARKET, NO_COMPANY, Shift
from alerts.transition import Transition, recent_since
from documents import AlertKind, Direction, whole_text
from storage.reads import moving_documents, rising_topics

Explain = Callable[[str, str | None], Sequence[tuple[str, float]]]
"""Takes a text and the company that it is about, and returns words with their weights in the score, of which the
negative ones made it more negative."""

ExplainEvent = Callable[[str, str, str], Sequence[tuple[str, int, int, float]]]
"""Takes a text, the words in it that name the company, and a type of event. Returns pieces of the text, which may
overlap, with their beginning, their end and their weight in the probability of such an event."""

PUNCTUATION = ".,;:!?()[]\"'\u2018\u2019\u201c\u201d\u2013\u2014-"
"""Removed from both ends of deciding words."""

LEAST_WEIGHT = 0.2
"""A word is named if it has at least this share of the weight of the heaviest word."""

_WITHIN_A_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9]")
_LAST_WORD = re.compile(r"[A-Za-z0-9]+$")

MOST_WORDS = 5
LONGEST_TEXT = 2000


def add_evidence(
    client: Client, transition: Transition, shift: Shift, baseline_s: int, explain: Explain | None, console_url: str
) -> None:
    """Complete the evidence of a transition that ``shift`` made, and set its ``model_version``: that of the document
    that moved the mean the most."""
    since = recent_since(shift)
    documents = _moving(client, transition, since, transition.at)
    for document in documents:
        text = whole_text(document["title"], document["text"])[:LONGEST_TEXT]
        document["words"] = deciding_words(explain, text, document["surface"], shift.direction)
    transition.model_version = documents[0]["model_version"] if documents else ""
    add_link(transition, console_url)
    transition.evidence["documents"] = documents
    baseline = since - timedelta(seconds=baseline_s)
    entity, _ = _asked_for(shift.entity, shift.topic)
    transition.evidence["topics"] = rising_topics(client, entity, baseline, since, transition.at)


def add_event_words(transition: Transition, explain: ExplainEvent | None) -> None:
    """Add to each report the words by which its event was recognised."""
    if explain is None or transition.kind is not AlertKind.EVENT:
        return
    for report in transition.evidence["documents"]:
        text = whole_text(report["title"], report["text"])
        report["words"] = deciding_pieces(text, explain(text, report["surface"], transition.topic))


def add_link(transition: Transition, console_url: str) -> None:
    """Add the alert's page in the console, if there is a console."""
    if console_url:
        transition.evidence["link"] = f"{console_url.rstrip('/')}/alerts/{transition.id}"


def moving_documents_of(client: Client, fired: Transition, since: datetime) -> list[dict[str, Any]]:
    """The documents from ``since`` until the alert fired that moved its mean the most."""
    return _moving(client, fired, since, fired.fired_at)


def _moving(client: Client, transition: Transition, since: datetime, until: datetime) -> list[dict[str, Any]]:
    entity, topic = _asked_for(transition.entity, transition.topic)
    sign = transition.direction.sign
    return moving_documents(client, entity, since, until, transition.before_mean, topic, sign)


def _asked_for(entity: str, topic: str) -> tuple[str | None, str]:
    """Entity and topic as ``storage.reads.moving_documents`` takes them: '' is the market, None news of no company."""
    if entity == MARKET:
        return (None, "") if topic == NO_COMPANY else ("", topic)
    return entity, topic


def deciding_words(explain: Explain | None, text: str, entity: str, direction: Direction) -> list[str]:
    """The words that decided a document's score the most in ``direction``, without punctuation around them. Empty
    without an ``explain``, or where the direction is not a sentiment's."""
    sign = direction.sign
    if explain is None or sign == 0:
        return []
    words = sorted(explain(text, entity), key=lambda word: -sign * word[1])[:MOST_WORDS]
    named = [word for word, weight in words if sign * weight > LEAST_WEIGHT * sign * words[0][1] > 0]
    return [word.strip(PUNCTUATION) or word for word in named]


def deciding_pieces(text: str, pieces: Sequence[tuple[str, int, int, float]]) -> list[str]:
    """The pieces of a text that spoke most for an event, the strongest first. Of pieces that overlap, the strongest.

    A piece that ends within a word, as one that ends with the company's name may, is named without that word.
    """
    chosen: list[tuple[int, int, str]] = []
    heaviest = max((weight for *_, weight in pieces), default=0.0)
    for _, start, end, weight in sorted(pieces, key=lambda piece: -piece[3]):
        if weight <= LEAST_WEIGHT * heaviest or len(chosen) == MOST_WORDS:
            break
        shown = text[start:end] if _WITHIN_A_WORD.match(text, end - 1) is None else _LAST_WORD.sub("", text[start:end])
        named = shown.strip().strip(PUNCTUATION) or shown.strip()
        if named and not any(start < other_end and other_start < end for other_start, other_end, _ in chosen):
            chosen.append((start, end, named))
    return list(dict.fromkeys(named for *_, named in chosen))
