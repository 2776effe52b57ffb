"""Reads what is new of events since the last turn, and runs their lifecycle over it.

A turn is cheap when nothing is new: then it only asks for the ends of the partitions. So it may run every few seconds,
and an alert about an event does not wait for the next tick of the shifts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta

from clickhouse_driver import Client

from alerts.events.belief import BASELINE, YEAR
from alerts.events.lifecycle import EventLifecycle, Key
from alerts.events.source_record import SETTLED, SPAN, SourceRecord
from alerts.events.source_weights import SourceWeights
from alerts.rules import Rules
from alerts.transition import Alert, Transition
from documents import AlertKind
from documents.events import EventTypes
from storage.reads import alerts_now, event_reports, events_stored, latest_offsets, source_days

REACH = BASELINE + timedelta(days=1)
"""Reports are read from this long before the first new one."""

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=2)
"""No document is dated further in the future."""

LATE = timedelta(days=7)
"""New reports are published at most so long before a turn."""

Span = tuple[datetime, datetime]
"""When the first and the last of some reports were published."""


class EventWatch:
    """Use it from one thread. At least every ``tick_s`` seconds it checks whether alerts are over."""

    def __init__(self, types: EventTypes, weights: SourceWeights, tick_s: int) -> None:
        self._types, self._weights, self._tick = types, weights, timedelta(seconds=tick_s)
        self._seen: Mapping[tuple[str, str, int], int] = {}
        self._until: datetime | None = None
        self._learnt: date | None = None
        self._waiting: dict[Key, Span] = {}
        """Reports that are dated later than the last turn."""

    def turn(
        self, client: Client, rules: Rules, first: datetime, until: datetime, memory: timedelta
    ) -> list[Transition]:
        """The transitions up to ``until``. The first turn begins after ``first``, and each later one where the one
        before it ended. Alerts that ended longer than ``memory`` ago are forgotten, except those of the last year about
        companies of which there is something new.

        Raises what the storage raises; the next turn then begins where this one did.
        """
        after = self._until or first
        if until <= after:
            return []
        # Read first, so that reports that come meanwhile are new to the next turn.
        seen = latest_offsets(client)
        new = self._new(client, seen, after)
        whole = self._until is None
        if not new and not whole and until - after < self._tick:
            self._seen = seen
            return []
        known = _known(client, after - memory)
        entities = None if whole else {entity for entity, _ in new} | {one.opened.entity for one in known if one.fires}
        late = {key: begin for key, (begin, _) in new.items() if begin <= until}
        earliest = min([after, *late.values()])
        since = max(EARLIEST, earliest - REACH)
        reports = event_reports(client, since, until + AHEAD, entities)
        self._learn(client, after, until)
        # Reports dated in the future wait until their time has come.
        waiting = {key: span for key, span in new.items() if span[1] > until}
        for report in reports if whole else ():
            if report.published_at > until:
                waiting.setdefault((report.entity, report.type), (report.published_at, report.published_at))
        of_year = {alert.opened.id: alert for alert in [*_known(client, earliest - YEAR, entities), *known]}
        made = EventLifecycle(self._types, self._weights, rules, of_year.values()).run(reports, after, until, late)
        self._seen, self._until, self._waiting = seen, until, waiting
        return made

    def _learn(self, client: Client, after: datetime, until: datetime) -> None:
        """Judge the sources anew, once a day: their record of a day that is over does not change."""
        if self._learnt != until.date():
            since = after - LATE - REACH - SPAN - SETTLED if after - EARLIEST > REACH + 2 * SPAN else EARLIEST
            self._weights.learn(SourceRecord(source_days(client, since, until)))
            self._learnt = until.date()

    def _new(self, client: Client, seen: Mapping[tuple[str, str, int], int], after: datetime) -> dict[Key, Span]:
        """What came since the last turn, and what was dated later than that."""
        if self._until is None:
            return {}
        new = events_stored(client, self._seen, after) if seen != self._seen else {}
        for key, (begin, end) in self._waiting.items():
            first, last = new.get(key, (begin, end))
            new[key] = min(begin, first), max(end, last)
        return new


def _known(client: Client, since: datetime, entities: Collection[str] | None = None) -> list[Alert]:
    """The alerts about events that were not over at ``since``, about ``entities`` or about all (None), oldest first."""
    begin = max(since, EARLIEST)
    rows = alerts_now(client, since=begin, limit=1_000_000, kind=AlertKind.EVENT, unfinished=True, entities=entities)
    return [Alert.stored(row) for row in reversed(rows)]
