"""A personal order of documents, in which every rank says why.

The score of a document is a sum of points, halved with every ``HALF_LIFE_H`` of its age:

    score = 2 ** (-age / HALF_LIFE_H) * (1 + watch list + position + severity + novelty + interest)

What a person wants is estimated as Liu, Dolan and Pedersen do ("Personalized News Recommendation Based on Click
Behavior", IUI 2010): the interest in a category c is the share of c among what the person opened, over its share among
all that was on offer, drawn to 1 by G virtual clicks:

    interest(c) = (N * p(c | opened) / p(c) + G) / (N + G)

Categories are companies and topics. There are many more companies than the paper has categories, so p(c) is taken as
``LEAST_SHARE`` at least: one click does not say everything. An action counts half after ``FADES_IN_DAYS``. Somebody who
has done nothing yet gets the order of the first four parts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

HALF_LIFE_H = 12.0
FADES_IN_DAYS = 14.0
VIRTUAL_CLICKS = 10.0
"""Liu's G, as in the paper."""
LEAST_SHARE = 1 / 20

WATCH, POSITION, SEVERITY, NOVELTY, INTEREST = 1.0, 1.5, 2.0, 0.75, 2.0
"""The most points of each part. They are set by hand; ``benchmarks.personal_feed`` says what they are worth."""

MOST_BITS = 3.0
"""An interest of eight times the usual, or more, gets all points."""

OF_ONE_COMPANY = 3
"""So many documents of a company stand in the list at most: one crisis does not push out everything else."""


class Candidate(NamedTuple):
    """A document about a company. ``sentiment`` is -1 to 1, ``novelty`` 0 to 100, ``severity`` that of ``event``, 1 to
    5, or 0 without an event."""

    document_id: str
    entity: str
    published_at: datetime
    sentiment: float
    novelty: float
    topics: Sequence[str]
    event: str = ""
    severity: int = 0
    source: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others: two sources may give the same id."""
        return self.source, self.document_id


class Act(NamedTuple):
    """What a person did with a document or an alert: the companies and topics that it was about. ``weight`` is 1 for
    one that was opened or labelled."""

    at: datetime
    entities: Sequence[str]
    topics: Sequence[str] = ()
    weight: float = 1.0


class Reason(NamedTuple):
    """A part of a score, in words."""

    text: str
    points: float


class Ranked(NamedTuple):
    """A document with its score: the sum of the points of ``reasons``, times ``freshness``."""

    candidate: Candidate
    score: float
    freshness: float
    reasons: list[Reason]


@dataclass(frozen=True)
class Interests:
    """How much more of a category a person opens than there is on offer, as powers of 2 (0 is as usual), and how often
    they did."""

    bits: Mapping[str, float] = field(default_factory=dict)
    times: Mapping[str, int] = field(default_factory=dict)
    unseen: float = 0.0
    """Of categories that the person never opened."""


def interests(acts: Iterable[Act], offered: Mapping[str, int], moment: datetime, topics: bool = False) -> Interests:
    """The interests in companies, or in ``topics``; ``offered`` is how many documents of each there were."""
    opened: dict[str, float] = {}
    times: Counter[str] = Counter()
    for act in acts:
        names = act.topics if topics else act.entities
        faded = act.weight * 2 ** (-max(0.0, (moment - act.at) / timedelta(days=1)) / FADES_IN_DAYS)
        for name in names:
            opened[name] = opened.get(name, 0.0) + faded / len(names)
            times[name] += 1
    total, documents = sum(opened.values()), max(sum(offered.values()), 1)
    bits = {
        name: math.log2(
            (clicks / max(offered.get(name, 0) / documents, LEAST_SHARE) + VIRTUAL_CLICKS) / (total + VIRTUAL_CLICKS)
        )
        for name, clicks in opened.items()
    }
    return Interests(bits, times, math.log2(VIRTUAL_CLICKS / (total + VIRTUAL_CLICKS)))


@dataclass(frozen=True)
class Person:
    """For whom the documents are ranked: the companies of their desk, what it holds of each (any currency, without
    sign), and their interests."""

    desk: Set[str] = frozenset()
    exposure: Mapping[str, float] = field(default_factory=dict)
    companies: Interests = field(default_factory=Interests)
    topics: Interests = field(default_factory=Interests)


def rank(candidates: Iterable[Candidate], person: Person, moment: datetime) -> list[Ranked]:
    """The documents, the best first: each once, and ``OF_ONE_COMPANY`` of a company."""
    largest = max(person.exposure.values(), default=0.0)
    scored = sorted(
        (_scored(one, person, largest, moment) for one in candidates),
        key=lambda one: (-one.score, *one.candidate.key, one.candidate.entity),
    )
    found: list[Ranked] = []
    seen: set[tuple[str, str]] = set()
    of_company: Counter[str] = Counter()
    for one in scored:
        candidate = one.candidate
        if candidate.key not in seen and of_company[candidate.entity] < OF_ONE_COMPANY:
            seen.add(candidate.key)
            of_company[candidate.entity] += 1
            found.append(one)
    return found


def _scored(one: Candidate, person: Person, largest: float, moment: datetime) -> Ranked:
    reasons = [Reason("about a company", 1.0)]
    if one.entity in person.desk:
        reasons.append(Reason("on the desk's watch list", WATCH))
    if held := person.exposure.get(one.entity, 0.0):
        # The largest position has all points, one of a thousandth of it a tenth.
        share = max(0.1, 1 + math.log10(held / largest) / 3)
        size = "the largest position" if held == largest else f"a position, {100 * held / largest:.2g} % of the largest"
        reasons.append(Reason(size, POSITION * share))
    if one.severity:
        reasons.append(Reason(f"{one.event.replace('_', ' ')}, severity {one.severity}", SEVERITY * one.severity / 5))
    elif abs(one.sentiment) >= 0.2:
        tone = "negative" if one.sentiment < 0 else "positive"
        reasons.append(Reason(f"{tone}, {one.sentiment:+.2f}", SEVERITY * abs(one.sentiment) / 5))
    if one.novelty > 0:
        reasons.append(Reason("first report" if one.novelty >= 100 else "news in it", NOVELTY * one.novelty / 100))
    bits = _of(person.companies, [one.entity]) + _of(person.topics, one.topics) / 2
    interest = INTEREST * min(1.0, max(-0.25, bits / MOST_BITS))
    if abs(interest) >= 0.01:
        reasons.append(Reason(_interest_in_words(one, person), interest))
    freshness = 2 ** (-max(0.0, (moment - one.published_at) / timedelta(hours=1)) / HALF_LIFE_H)
    return Ranked(one, freshness * sum(reason.points for reason in reasons), freshness, reasons)


def _of(known: Interests, names: Sequence[str]) -> float:
    return sum(known.bits.get(name, known.unseen) for name in names) / max(len(names), 1)


def _interest_in_words(one: Candidate, person: Person) -> str:
    known = [(one.entity, person.companies.times.get(one.entity, 0))]
    known += [(name, person.topics.times.get(name, 0)) for name in one.topics]
    told = [f"{name} {'once' if count == 1 else f'{count} times'}" for name, count in known if count]
    return f"you looked at {', '.join(told)}" if told else "you looked at others"
