"""What is believed of an event at a moment: by how many independent stories, in which state, and how bad. Pure.

A story is a witness, however many sources carry it, with the weight of the best of them. An event is believed when the
weights of its witnesses come to ``ENOUGH``, there are as many of them as its type asks for, and it is ``LIKELY``, or
for most types ``SURE``, that at least one of them was read right: so one story that was read without doubt does as much
as two doubtful ones. A type that is reported of a company all the time needs more: several times its usual weight.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts import severity
from alerts.events.source_weights import SourceWeights
from alerts.rules import Setting
from documents import Severity
from documents.events import EventState, EventType
from storage.reads import EventReport

ENOUGH = 1.0
"""The least weight of all witnesses together: one story of a trusted source, or two of unknown ones."""

ENOUGH_IF_SURE = 0.5
"""The least weight of one story that alone makes a warning of a grave event that happened, if it is read surely
enough: a story of ordinary news, and no post."""

GRAVE = 4
"""An event of this level that happened needs as few witnesses as the weights allow, whatever its type asks for."""

LIKELY, SURE = 0.95, 0.97
"""The least probability that the stories of all witnesses are not all misread (they are read independently): for the
warning of a grave event that is sudden and may wake somebody, told by several, and for everything else."""

SUDDEN = 168
"""An event is sudden if half of its weight is gone after so many hours: it cannot wait for a second story."""

YEAR = timedelta(days=365)
"""For so long after an alert, ``EventType.again`` says how many stories make another one."""

SURGE = 4.0
"""The weight must be at least this many times the usual one."""

SPAN = timedelta(hours=72)
"""Witnesses of one event speak within this time, or within a half-life of its type where that is shorter."""

BASELINE = timedelta(days=30)
"""The usual weight comes from the reports of this long before a moment, except those in the span of the witnesses."""

STRENGTH = {EventState.RUMOURED: 1, EventState.THREATENED: 2, EventState.HAPPENED: 3}
"""How sure each state is that says that the event may come or has come. A report in one state also supports the less
sure ones."""

RUMOUR_WITNESSES = 2
"""A rumour is believed only if at least this many independent stories tell it."""

MANY, MANY_WEIGH, WORST_OF_MANY = 4, 2.0, 4
"""What so many independent stories tell, with at least this weight together, counts as one level worse than each says,
but at most as this one: sheer attention wakes nobody. Types that are neither good nor bad are not raised."""


@dataclass(frozen=True)
class Belief:
    """An event that is believed. ``level`` is its severity from 1 to 5, ``severity`` that of an alert about it."""

    state: EventState
    level: int
    severity: Severity
    weight: float
    usual: float
    """The weight of the witnesses in a span of the same length, over the time before."""
    earlier: int
    """How many stories told of such an event in that time."""
    witnesses: list[EventReport]
    """The first report of each story, in the order of time."""

    @property
    def strength(self) -> int:
        """How sure the state is: 1 for a rumour, 3 for what has happened."""
        return STRENGTH[self.state]


def span_of(kind: EventType) -> timedelta:
    """The time within which witnesses speak of one event of this type."""
    return min(SPAN, timedelta(hours=kind.half_life_h))


def believed(
    reports: Sequence[EventReport], kind: EventType, setting: Setting, weights: SourceWeights
) -> Belief | None:
    """The worst event that is believed at the time of the last report, or None. ``reports`` are about one company and
    type, oldest first."""
    at, span = reports[-1].published_at, span_of(kind)
    recent = [report for report in _since(reports, at - span) if report.state in setting.event_states & STRENGTH.keys()]
    if not recent:
        return None
    before = list(_between(reports, at - BASELINE, at - span))
    earlier = _told(before, weights)
    usual = sum(earlier.values()) * (span / (BASELINE - span))
    for state, level in _worst_first(kind, setting):
        bad = severity.of_event(level, kind.pages, state)
        surer = [r for r in recent if STRENGTH[r.state] >= STRENGTH[state]]
        chosen = [r for r in surer if r.severity >= level]
        if not _is_enough(chosen, kind, state, level, bad, weights):
            chosen = [r for r in surer if r.severity >= level - 1]
            if level > WORST_OF_MANY or not kind.polarity or not _is_told_by_many(chosen, weights):
                continue
        told = _told(chosen, weights)
        if sum(told.values()) >= SURGE * usual:
            first = {report.story_id: report for report in reversed(chosen)}
            witnesses = sorted(first.values(), key=lambda report: report.order)
            return Belief(state, level, bad, sum(told.values()), usual, len(earlier), witnesses)
    return None


def _worst_first(kind: EventType, setting: Setting) -> list[tuple[EventState, int]]:
    """The states and levels that a rule lets alert, the worst alert first, and of equal ones the surest."""
    pairs = [(state, level) for state in STRENGTH for level in range(setting.least_event(kind.polarity), 6)]
    return sorted(
        pairs, key=lambda one: (-severity.of_event(one[1], kind.pages, one[0]).rank, -STRENGTH[one[0]], -one[1])
    )


def _told(reports: Sequence[EventReport], weights: SourceWeights) -> dict[int, float]:
    """The weight of each story."""
    told: dict[int, float] = {}
    for report in reports:
        weight = weights.of(report.source, report.kind, report.published_at)
        told[report.story_id] = max(told.get(report.story_id, 0.0), weight)
    return told


def _probability(reports: Sequence[EventReport]) -> float:
    """The probability that at least one story was read right: of each, that of its best reading."""
    stories: dict[int, float] = {}
    for report in reports:
        stories[report.story_id] = max(stories.get(report.story_id, 0.0), report.probability)
    # Rounded, since the storage keeps probabilities in single precision.
    return round(1 - math.prod(1 - probability for probability in stories.values()), 4)


def _is_enough(
    reports: Sequence[EventReport],
    kind: EventType,
    state: EventState,
    level: int,
    bad: Severity,
    weights: SourceWeights,
) -> bool:
    """Whether ``reports`` are enough for an alert of the severity ``bad`` about an event of this state and level."""
    told, probability = _told(reports, weights), _probability(reports)
    weight = sum(told.values())
    if state is EventState.HAPPENED and level >= GRAVE:
        if bad is Severity.CRITICAL:
            return weight >= ENOUGH and probability >= SURE
        least = LIKELY if kind.pages and kind.half_life_h <= SUDDEN else SURE
        alone = any(
            round(report.probability, 4) >= SURE and told[report.story_id] >= ENOUGH_IF_SURE for report in reports
        )
        return alone or (weight >= ENOUGH and probability >= least)
    needed = max(kind.witnesses, RUMOUR_WITNESSES) if state is EventState.RUMOURED else kind.witnesses
    return len(told) >= needed and weight >= ENOUGH and probability >= SURE


def _is_told_by_many(reports: Sequence[EventReport], weights: SourceWeights) -> bool:
    told = _told(reports, weights)
    return len(told) >= MANY and sum(told.values()) >= MANY_WEIGH and _probability(reports) >= LIKELY


def _since(reports: Sequence[EventReport], since: datetime) -> list[EventReport]:
    found = []
    for report in reversed(reports):
        if report.published_at <= since:
            break
        found.append(report)
    return found[::-1]


def _between(reports: Sequence[EventReport], since: datetime, until: datetime) -> Iterator[EventReport]:
    for report in reversed(reports):
        if report.published_at <= since:
            break
        if report.published_at <= until:
            yield report
