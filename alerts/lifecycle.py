"""The life of alerts: pending, firing, escalated, resolved. Pure: it knows no database.

The worker and the backtest run this same code. The same series give the same transitions with the same ids.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from alerts.detection import Shift, entity_and_topic, severity_of
from alerts.rules import Rules, Setting
from alerts.sources import Candidate, Source
from alerts.suppression import KnownAlerts, is_suppressed
from alerts.transition import NEW_TOPIC, Alert, Transition, event_time, identity, transition_of
from documents import AlertKind, AlertState, Direction

TICKS_AT_ONCE = 500
"""How many ticks are searched at once for the end of an alert."""

Step = tuple[Transition, Shift | None]
"""A transition, and the shift that made it, if one did."""


class Priority(IntEnum):
    """The order of entries that are due at the same tick."""

    RESOLVE = 0
    """Before new shifts, which are compared with what is still firing."""
    CONFIRM = 1
    """A pending alert fires, or becomes inactive."""
    MARKET_SHIFT = 2
    """Before the shifts of companies, which it may explain."""
    SHIFT = 3
    BUZZ = 4
    """After the shifts: a buzz about a company whose tone has shifted makes no alert."""


class _Due(NamedTuple):
    """One entry of the agenda. They are ordered by their fields; ``name`` is unique at one time and priority."""

    at: int
    """Unix seconds."""
    priority: Priority
    clearness: float
    """A sort key: the smaller it is, the clearer is the shift. The clearest is handled first."""
    name: str
    what: Alert | Candidate


@dataclass
class _Agenda:
    """What is still to be handled up to the tick ``until``, in order."""

    until: int
    stale: bool
    """A feed is silent, so a lack of documents does not end an alert."""
    due: list[_Due] = field(default_factory=list)

    def push(self, due: _Due) -> None:
        heapq.heappush(self.due, due)

    def __iter__(self) -> Iterator[_Due]:
        while self.due:
            yield heapq.heappop(self.due)


class Lifecycle:
    """What becomes of shifts over time. ``known`` are the alerts so far; they are updated."""

    def __init__(self, watched: Sequence[Source], rules: Rules, tick_s: int, known: Iterable[Alert] = ()) -> None:
        self._sources = {source.kind: source for source in watched}
        self._rules, self._tick = rules, tick_s
        self._known = KnownAlerts(alert for alert in known if not alert.opened.topic.startswith(NEW_TOPIC))
        # By entity, the last tick at which its tone had turned in a way that makes no alert by its rule. A surge of
        # documents at that tick makes no buzz alert either: a buzz is a surge without a change of tone.
        self._turned: dict[str, int] = {}

    def run(self, after: int, until: int, stale: bool = False, late: Collection[str] = ()) -> Iterator[Step]:
        """The transitions of the ticks in ``(after, until]`` (Unix seconds), in order.

        While a feed is ``stale``, no alert is resolved because it has no documents. The entities ``late`` have new
        documents of ticks that are over; they are tested at ``until``.
        """
        agenda = _Agenda(until, stale)
        for source in self._sources.values():
            for candidate in source.candidates(self._rules, after, until, self._tick, late):
                name = f"{source.kind}{candidate.k}"
                agenda.push(_Due(candidate.at, _priority(candidate), -abs(candidate.statistic), name, candidate))
        for alert in self._known:
            self._expect(agenda, alert, after)
        for at, priority, _, _, what in agenda:
            if isinstance(what, Candidate):
                yield from self._open(agenda, what)
            elif priority is Priority.CONFIRM:
                yield from self._confirm(agenda, what, at)
            elif what.fires:
                yield what.become(AlertState.RESOLVED, event_time(at)), None

    def _expect(self, agenda: _Agenda, alert: Alert, after: int) -> None:
        """Put the next tick after ``after`` on the agenda at which a pending alert is confirmed, or a firing one is
        over."""
        source = self._sources.get(alert.opened.kind)
        if source is None:
            return
        fired = int(alert.opened.fired_at.timestamp())
        if alert.state is AlertState.PENDING:
            setting = self._rules.of(alert.opened.entity)
            due = max(after + self._tick, fired + (setting.for_s if setting else 0))
            due = -(-due // self._tick) * self._tick
            if due <= agenda.until:
                agenda.push(_Due(due, Priority.CONFIRM, 0.0, alert.opened.id, alert))
        elif alert.fires:
            first = max(after, fired) // self._tick * self._tick + self._tick
            for begin in range(first, agenda.until + 1, TICKS_AT_ONCE * self._tick):
                end = min(begin + TICKS_AT_ONCE * self._tick, agenda.until + 1)
                ticks = np.arange(begin, end, self._tick)
                over = source.is_over(alert.opened, ticks)
                if agenda.stale:
                    over &= source.has_documents(alert.opened, ticks)
                if over.any():
                    agenda.push(_Due(int(ticks[over.argmax()]), Priority.RESOLVE, 0.0, alert.opened.id, alert))
                    break

    def _confirm(self, agenda: _Agenda, alert: Alert, at: int) -> Iterator[Step]:
        """Fire a pending alert whose shift has lasted; else make it inactive."""
        source, setting = self._sources[alert.opened.kind], self._rules.of(alert.opened.entity)
        if setting is None:  # no rule is about it any more
            return
        candidate = source.test_again(alert.opened, at, setting)
        if (
            candidate is not None
            and setting.wants_shift(candidate.kind, candidate.direction, alert.opened.topic)
            and abs(candidate.statistic) >= source.threshold(setting)
            and candidate.direction == alert.opened.direction
        ):
            shift = candidate.describe()
            fired = _transition(shift, alert.opened.id, AlertState.FIRING, setting)
            alert.opened, alert.state, alert.severity = fired, fired.state, fired.severity
            yield replace(fired), shift
            self._expect(agenda, alert, at)
        else:
            yield alert.become(AlertState.INACTIVE, event_time(at)), None

    def _open(self, agenda: _Agenda, candidate: Candidate) -> Iterator[Step]:
        """Begin the alert of a candidate, or escalate the one that is firing."""
        kind, direction = candidate.kind, candidate.direction
        entity, topic = entity_and_topic(candidate.name)
        setting = self._rules.of(entity)
        assert setting is not None
        if kind is AlertKind.TOPIC_SHIFT and direction is Direction.DOWN:
            return  # because other topics rose, or because this one is over
        if not setting.wants_shift(kind, direction, topic):
            if kind is AlertKind.SENTIMENT_SHIFT:
                self._turned[entity] = candidate.at
            return
        if kind is AlertKind.BUZZ and self._turned.get(entity) == candidate.at:
            return
        for alert in self._known.about(kind, entity, topic):
            if alert.fires and alert.opened.direction == direction:
                yield from self._escalate(alert, candidate, setting)
                return
        if is_suppressed(candidate, self._known, setting):
            return
        shift = candidate.describe()
        if kind is not AlertKind.BUZZ and candidate.is_over_already(shift):
            return
        state = AlertState.PENDING if setting.for_s and kind is not AlertKind.BUZZ else AlertState.FIRING
        id_ = identity(kind, entity, topic, direction, candidate.at)
        alert = Alert.of(_transition(shift, id_, state, setting))
        self._known.add(alert)
        yield replace(alert.opened), shift
        self._expect(agenda, alert, candidate.at)

    def _escalate(self, alert: Alert, candidate: Candidate, setting: Setting) -> Iterator[Step]:
        """Raise the severity of a firing alert whose shift is worse by now. Its end is still judged by what it was
        when it fired."""
        if candidate.kind is AlertKind.BUZZ:
            return
        source = candidate.source
        if severity_of(source.series, candidate.results, candidate.k, source.parameters).rank <= alert.severity.rank:
            return
        shift = candidate.describe()
        if candidate.is_over_already(shift):
            return
        raised = _transition(shift, alert.opened.id, AlertState.escalated_to(shift.severity), setting)
        raised.evidence["escalated_from"] = alert.severity
        raised.fired_at = alert.opened.fired_at
        alert.severity = shift.severity
        yield raised, shift


def _priority(candidate: Candidate) -> Priority:
    if candidate.is_market_shift:
        return Priority.MARKET_SHIFT
    return Priority.BUZZ if candidate.kind is AlertKind.BUZZ else Priority.SHIFT


def _transition(shift: Shift, id_: str, state: AlertState, setting: Setting) -> Transition:
    return transition_of(shift, id_, state, setting.name, setting.threshold)
