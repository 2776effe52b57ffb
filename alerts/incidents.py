"""One crisis is one incident: the alerts about one company that begin close in time share an incident's id. Pure.

An event, the shift of the tone that follows, the topics and the volume are its parts. Receivers get a new part, or an
escalation, as an update of the incident.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from alerts.detection import MARKET
from alerts.transition import Alert, Transition, identity
from documents import AlertKind, AlertState

CLOSE = timedelta(hours=48)
"""An alert joins an incident whose latest alert began within this time before it, or after it."""


class Incidents:
    """The incidents of the alerts so far. ``assign`` the transitions in the order in which they are made."""

    def __init__(self, known: Iterable[Alert] = ()) -> None:
        self._by_alert: dict[str, str] = {}
        self._by_company: dict[str, list[Transition]] = {}
        self._signs: dict[str, int] = {}
        """For each incident: -1 if it is bad news, 1 if it is good news."""
        for alert in sorted(known, key=lambda one: (one.opened.fired_at, one.opened.id)):
            self._remember(alert.opened)

    def assign(self, transitions: Iterable[Transition]) -> None:
        """Set the ``incident`` of each transition. Those that begin an alert may begin an incident with it."""
        for row in sorted(transitions, key=lambda one: one.at):
            if row.id in self._by_alert:
                row.incident = self._by_alert[row.id]
                continue
            row.incident = self._joined(row) or identity("incident", row.id)
            self._remember(row)

    def _remember(self, row: Transition) -> None:
        self._by_alert[row.id] = row.incident
        if _has_parts(row) and row.state is not AlertState.INACTIVE:
            self._by_company.setdefault(row.entity, []).append(row)
            self._signs[row.incident] = self._signs.get(row.incident) or row.direction.sign

    def _joined(self, row: Transition) -> str:
        """The incident of the company that the alert is a part of, or ''. The nearest in time; good and bad news are
        apart."""
        if not _has_parts(row):
            return ""
        close = [
            (abs(other.fired_at - row.fired_at), other.incident)
            for other in self._by_company.get(row.entity, ())
            if abs(other.fired_at - row.fired_at) <= CLOSE and self._signs[other.incident] * row.direction.sign >= 0
        ]
        return min(close)[1] if close else ""


def _has_parts(row: Transition) -> bool:
    """Whether an alert is about one company."""
    return row.entity != MARKET and row.kind is not AlertKind.FEED_STALE
