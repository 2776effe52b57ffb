"""The life of alerts about events: firing, escalated, resolved. Pure: it knows no database.

The worker and the backtest run this same code. Reports are processed one by one, in the order of publication, and after
each one the belief is computed anew. So the same reports give the same alerts with the same ids, whoever evaluates them
and when. A late report is put in its place, and the reports after it are processed again. What it changes is dated at
the time of the evaluation, not in the past.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.events.belief import ENOUGH, STRENGTH, YEAR, Belief, believed, span_of
from alerts.events.source_record import SourceRecord
from alerts.events.source_weights import SourceWeights
from alerts.rules import Rules, Setting
from alerts.suppression import KnownAlerts
from alerts.transition import Alert, Transition, identity, sql_string
from documents import EPOCH, AlertKind, AlertState, Direction, Severity
from documents.events import EventState, EventType, EventTypes
from storage.reads import EventReport

Key = tuple[str, str]
"""Company and type of event."""

LASTS = 2
"""An alert ends after this many half-lives of its type even if reports go on: they are then about its consequences. It
ends earlier if there is no report for one half-life."""

MOST_DOCUMENTS = 5
SECOND = timedelta(seconds=1)
LEAST_DENIAL = 0.5
"""The least weight of the source of a denial that ends an alert."""


class EventLifecycle:
    """What becomes of reports over time. ``known`` are the alerts so far; they are updated."""

    def __init__(self, types: EventTypes, weights: SourceWeights, rules: Rules, known: Iterable[Alert] = ()) -> None:
        self._types, self._weights, self._rules = types, weights, rules
        self._known = KnownAlerts(alert for alert in known if alert.opened.kind is AlertKind.EVENT)

    def learn(self, record: SourceRecord) -> None:
        """Judge sources by what is known of them."""
        self._weights.learn(record)

    @property
    def firing(self) -> list[Alert]:
        """The alerts that are firing."""
        return [alert for alert in self._known if alert.fires]

    def run(
        self,
        reports: Iterable[EventReport],
        after: datetime,
        until: datetime,
        late: Mapping[Key, datetime] = {},
    ) -> list[Transition]:
        """The transitions of ``(after, until]`` in the order of time.

        ``reports`` are sorted by time. For each company and type with a new report or a firing alert, they reach back
        as far as ``believed`` looks. ``late`` names the companies and types with late reports, and the time from which
        these begin.
        """
        groups: dict[Key, list[EventReport]] = {
            (alert.opened.entity, alert.opened.topic): [] for alert in self._known if alert.fires
        }
        for report in reports:
            if report.published_at <= until:
                groups.setdefault((report.entity, report.type), []).append(report)
        made: list[Transition] = []
        for key, told in groups.items():
            if kind := self._types.by_name.get(key[1]):
                one = _Group(self, key, kind, told)
                made += one.run(after, until, late.get(key))
        return sorted(made, key=lambda row: (row.at, row.fired_at, row.entity, row.topic))

    def alerts(self, key: Key) -> list[Alert]:
        """The alerts about a company and type, the oldest first."""
        return self._known.about(AlertKind.EVENT, *key)

    def add(self, alert: Alert) -> None:
        """Remember one more."""
        self._known.add(alert)

    def setting(self, entity: str, kind: EventType) -> Setting | None:
        """The rule for events of this type at a company, None where none wants them."""
        setting = self._rules.of(entity)
        return setting if setting and setting.wants(kind.name, kind.group, kind.polarity) else None

    def believed(self, reports: Sequence[EventReport], kind: EventType, setting: Setting) -> Belief | None:
        """See ``alerts.events.belief``."""
        return believed(reports, kind, setting, self._weights)

    def weight(self, report: EventReport) -> float:
        """How much a report counts as a witness."""
        return self._weights.of(report.source, report.kind, report.published_at)


class _Group:
    """The reports of one type about one company."""

    def __init__(self, life: EventLifecycle, key: Key, kind: EventType, reports: Sequence[EventReport]) -> None:
        self._life, self._key, self._kind, self._reports = life, key, kind, reports
        self._half_life = timedelta(hours=kind.half_life_h)

    def run(self, after: datetime, until: datetime, late: datetime | None) -> Iterator[Transition]:
        """The transitions that the reports after ``after``, or from ``late`` on, make. None is before ``after``."""

        def told_at(moment: datetime) -> datetime:
            return moment if moment > after else until

        for i, report in enumerate(self._reports):
            if report.published_at <= after and (late is None or report.published_at < late):
                continue
            yield from self._end(i, report.published_at, told_at)
            if report.state in STRENGTH:
                yield from self._tell(i, told_at(report.published_at))
            else:
                yield from self._deny(i, told_at(report.published_at))
        yield from self._end(len(self._reports), until, told_at)

    def _firing(self) -> Alert | None:
        return next((alert for alert in self._life.alerts(self._key) if alert.fires), None)

    def _end(self, i: int, moment: datetime, told_at: Any) -> Iterator[Transition]:
        """End the alert if it is over at ``moment``, before which there are ``i`` reports."""
        if (alert := self._firing()) is None:
            return
        fired = alert.opened.fired_at
        latest = max(fired, self._latest(i))
        due = min(latest + self._half_life, fired + LASTS * self._half_life)
        if due <= moment:
            yield alert.become(AlertState.RESOLVED, told_at(due))

    def _latest(self, i: int) -> datetime:
        """When the last of the first ``i`` reports was published that tells of the event and does not deny it."""
        place = self._place_of_latest(i)
        return EPOCH if place is None else self._reports[place].published_at

    def _place_of_latest(self, i: int) -> int | None:
        return next((place for place in range(i - 1, -1, -1) if self._reports[place].state in STRENGTH), None)

    def _deny(self, i: int, at: datetime) -> Iterator[Transition]:
        """End the alert if the ``i``-th report says that it was averted, or denies what had not happened yet."""
        alert, report = self._firing(), self._reports[i]
        if alert is None or self._life.weight(report) < LEAST_DENIAL:
            return
        event = alert.opened.evidence["event"]
        if report.published_at <= datetime.fromisoformat(event["latest_report_at"]):
            return
        if report.state is EventState.DENIED and self._state_at(i, event) is EventState.HAPPENED:
            return
        ended = alert.become(AlertState.RESOLVED, at)
        ended.evidence = {**ended.evidence, "event": {**event, "state": report.state, "ended_by": report.source}}
        yield ended

    def _state_at(self, i: int, event: Mapping[str, Any]) -> EventState:
        """What is believed before the ``i``-th report, or else what was believed when the alert fired."""
        setting, place = self._life.setting(self._key[0], self._kind), self._place_of_latest(i)
        if setting is None or place is None:
            return EventState(event["state"])
        belief = self._life.believed(self._reports[: place + 1], self._kind, setting)
        return belief.state if belief else EventState(event["state"])

    def _tell(self, i: int, at: datetime) -> Iterator[Transition]:
        """Fire an alert, or escalate the firing one, if the ``i``-th report and those before it are enough for that."""
        report, setting = self._reports[i], self._life.setting(self._key[0], self._kind)
        if setting is None or report.severity < setting.least_event(self._kind.polarity) - 1:
            return
        alert = self._firing()
        if alert is not None and alert.severity is Severity.CRITICAL:
            return
        belief = self._life.believed(self._reports[: i + 1], self._kind, setting)
        if belief is None:
            return
        if alert is None:
            if not self._is_covered(belief, report, at, setting) and not self._is_known(belief, at):
                where = report.topic, report.topic_id, report.partition, report.offset
                id_ = identity(AlertKind.EVENT, *self._key, *where)
                fired = self._transition(belief, i, id_, AlertState.FIRING, at, setting)
                self._life.add(Alert.of(fired))
                yield replace(fired)
        elif belief.severity.rank > alert.severity.rank:
            state = AlertState.escalated_to(belief.severity)
            raised = self._transition(belief, i, alert.opened.id, state, at, setting)
            raised.evidence["escalated_from"] = alert.severity
            raised.fired_at = alert.opened.fired_at
            alert.severity = belief.severity
            yield raised

    def _is_covered(self, belief: Belief, report: EventReport, at: datetime, setting: Setting) -> bool:
        """Whether an alert that is over spoke of the same, shortly before or after. What is worse by now is not the
        same."""
        pause = timedelta(seconds=setting.cooldown_s)
        for alert in self._life.alerts(self._key):
            ended = alert.resolved_at or alert.opened.fired_at
            if alert.opened.fired_at - pause < at < ended + pause:
                worse = belief.severity.rank > alert.severity.rank
                if report.published_at <= ended or not worse:
                    return True
        return False

    def _is_known(self, belief: Belief, at: datetime) -> bool:
        """Whether an alert of the last year told of such an event at the company, no less bad, and too few stories tell
        of it now: they are about what has become of it."""
        return len(belief.witnesses) < self._kind.again and any(
            at - YEAR < alert.opened.fired_at < at and alert.severity.rank >= belief.severity.rank
            for alert in self._life.alerts(self._key)
        )

    def _transition(
        self, belief: Belief, i: int, id_: str, state: AlertState, at: datetime, setting: Setting
    ) -> Transition:
        first, kind, report = belief.witnesses[0], self._kind, self._reports[i]
        since_first = sum(one.published_at >= first.published_at for one in self._reports[: i + 1])
        polarity = sum(witness.polarity for witness in belief.witnesses) or kind.polarity
        return Transition(
            id=id_,
            kind=AlertKind.EVENT,
            entity=self._key[0],
            topic=kind.name,
            direction=Direction.of_polarity(polarity),
            severity=belief.severity,
            state=state,
            fired_at=at,
            at=at,
            recorded_at=datetime.now(UTC),
            before_mean=belief.usual,
            after_mean=belief.weight,
            before_documents=belief.earlier,
            after_documents=len(belief.witnesses),
            began_at=first.published_at,
            model_version=report.model_version,
            evidence={
                "statistic": round(belief.weight, 2),
                "threshold": ENOUGH,
                "span_s": int(span_of(kind).total_seconds()),
                "price_of_waiting": {
                    "documents": since_first,
                    "hours": round((at - first.published_at).total_seconds() / 3600, 2),
                },
                "rule": setting.name,
                "event": self._event(belief, report),
                "documents": [_document(witness) for witness in belief.witnesses[:MOST_DOCUMENTS]],
                "query": self._query(first.published_at, at),
            },
        )

    def _event(self, belief: Belief, report: EventReport) -> dict[str, Any]:
        """What the alert says of the event: what, in which state, how bad, since when and from whom."""
        return {
            "type": self._kind.name,
            "group": self._kind.group,
            "role": "subject",
            "state": belief.state,
            "severity": belief.level,
            "pages": self._kind.pages,
            "since": belief.witnesses[0].published_at.isoformat(),
            "latest_report_at": report.published_at.isoformat(),
            "stories": len(belief.witnesses),
            "sources": list(dict.fromkeys(witness.source for witness in belief.witnesses)),
            "weight": round(belief.weight, 2),
        }

    def _query(self, since: datetime, at: datetime) -> str:
        entity, type_ = map(sql_string, self._key)
        first, until = (f"'{moment:%Y-%m-%d %H:%M:%S}'" for moment in (since - SECOND, at + SECOND))
        return (
            "SELECT published_at, source, state, severity, novelty, title, text FROM "
            f"events_between(first = {first}, until = {until}, known = now64(3)) "
            f"WHERE entity = {entity} AND type = {type_} ORDER BY published_at"
        )


def _document(report: EventReport) -> dict[str, Any]:
    """A report as the evidence of an alert shows documents."""
    shown = (
        "document_id", "source", "kind", "published_at", "title", "text", "url", "label", "sentiment", "model_version",
        "topic", "partition", "offset", "novelty", "state", "severity", "probability", "surface",
    )  # fmt: skip
    return {**{name: getattr(report, name) for name in shown}, "words": []}
