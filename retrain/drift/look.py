"""Looks for drift: the latest documents of each kind and each source are compared with those before them.

A look reads everything from ClickHouse and keeps its state in the table ``drift``. So any process may look, and a look
at a past moment finds what it would have found then.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from clickhouse_driver import Client

from retrain.drift.change import change
from retrain.drift.measures import KNOWN, MEASURES, MEASURES_OF_A_KIND, cut, joined, measures
from retrain.events import Announce
from settings import RetrainSettings
from storage.reads import ArrivedDocuments, arrived_documents, counts_by_source, drift_now, scoring_version
from storage.writes import DriftRow, write_drift, write_model_event

REFERENCES = 8
"""The reference is at most this many times as long as the current window."""

FEWEST_REFERENCES = 2
"""The reference is at least this many times as long as the current window."""

STILL = 0.5
"""An alarm lasts until the effect is below this share of the effect that raises one."""

SETTLED_S = 5
"""A moment is looked at this many seconds later, when what arrived by then is stored."""

Row = dict[str, Any]


class Group(NamedTuple):
    """Documents that are looked at together: of a kind, and of one source or ('') of all; one in ``every`` of them."""

    kind: str
    source: str
    every: int


class Transition(NamedTuple):
    """An alarm begins (``event`` is 'drift') or ends ('drift_ended'); ``alarm`` is its id."""

    event: str
    alarm: str
    row: DriftRow


def look(client: Client, settings: RetrainSettings, at: datetime) -> Iterator[Transition]:
    """Look at what had arrived by ``at``, store the result, and yield the alarms that begin or end.

    Another process that looks at the same moment finds and stores the same. Nothing is done if a look at this moment,
    or at a later one, is stored already.
    """
    version = scoring_version(client, at)
    before = {(row["kind"], row["source"], row["measure"]): row for row in drift_now(client)}
    if any(row["at"] >= at for row in before.values()):
        return
    looking = _Look(client, settings, version, at - timedelta(days=settings.drift_days), at, before)
    rows: list[DriftRow] = []
    for group in looking.groups():
        rows += looking.at_group(group)
    seen = {(row.kind, row.source, row.measure) for row in rows}
    for key, old in before.items():
        # When another version scores, the alarm ends: that version was judged on later documents, and it is compared
        # with documents that it scored itself.
        if old["alarm"] and key not in seen and old["model_version"] != version:
            ended = {name: old[name] for name in DriftRow._fields}
            rows.append(DriftRow(**ended)._replace(at=at, model_version=version, alarm=""))
    write_drift(client, rows)
    for row in rows:
        last = before.get((row.kind, row.source, row.measure), {"alarm": ""})["alarm"]
        if row.alarm and row.alarm != last:
            yield Transition("drift", row.alarm, row)
        elif last and not row.alarm:
            yield Transition("drift_ended", last, row)


@dataclass(frozen=True, slots=True)
class _Compared:
    """The measured ``values`` of the documents ``shown``: the reference, then the current window. The reference has
    ``count`` documents; those that are only known (see ``KNOWN``) are not shown."""

    shown: ArrivedDocuments
    count: int
    values: Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at ``at``, over documents that ``version`` scored since ``since``. ``before`` are the latest rows of
    earlier looks by kind, source and measure."""

    client: Client
    settings: RetrainSettings
    version: str
    since: datetime
    at: datetime
    before: Mapping[tuple[str, str, str], Row]

    def groups(self) -> Iterator[Group]:
        """The groups with enough documents: those of all sources of a kind first, then the largest.

        With much traffic only a sample of a group is looked at, so that the current window still spans
        ``drift_hours``.
        """
        settings = self.settings
        wanted = (1 + FEWEST_REFERENCES) * settings.drift_documents
        latest = self.at - timedelta(hours=settings.drift_hours)
        counts = Counter(counts_by_source(self.client, self.version, self.since, self.at))
        recent = Counter(counts_by_source(self.client, self.version, latest, self.at))
        for counted in (counts, recent):
            for (kind, _), count in list(counted.items()):
                counted[kind, ""] += count
        largest = sorted(counts, key=lambda group: (bool(group[1]), -counts[group], group))
        for kind, source in largest[: settings.drift_groups]:
            every = max(1, recent[kind, source] // settings.drift_documents)
            if counts[kind, source] // every >= wanted:
                yield Group(kind, source, every)

    def _arrived(self, group: Group, since: datetime, until: datetime, most: int) -> ArrivedDocuments:
        return arrived_documents(self.client, self.version, group.kind, group.source, since, until, most, group.every)

    def at_group(self, group: Group) -> Iterator[DriftRow]:
        """A row for each measure of a group; none if too few documents arrived."""
        size = self.settings.drift_documents
        documents = self._arrived(group, self.since, self.at, (1 + REFERENCES) * size)
        if len(documents.text) < (1 + FEWEST_REFERENCES) * size:
            return
        reference, current = cut(documents, 0, -size), cut(documents, -size, None)
        usual = (_time(reference.at[0]) - timedelta(milliseconds=1), _time(reference.at[-1]))
        compared: dict[tuple[datetime, datetime], _Compared] = {}
        for measure in (*MEASURES, *(() if group.source else MEASURES_OF_A_KIND)):
            old = self.before.get((group.kind, group.source, measure))
            lasting = old if old and old["alarm"] and old["model_version"] == self.version else None
            # As long as an alarm lasts, the reference stays the one that it began with. Otherwise the documents since
            # the change would become the reference, and the alarm would end by itself.
            span = (lasting["reference_since"], lasting["reference_until"]) if lasting else usual
            if span not in compared:
                held = self._arrived(group, span[0], span[1], REFERENCES * size) if lasting else reference
                if len(held.text) < size:
                    continue
                known = int(len(held.text) * KNOWN)
                shown = joined(cut(held, known, None), current)
                compared[span] = _Compared(shown, len(held.text), measures(cut(held, 0, known), shown))
            yield self._row(group, measure, span, compared[span], lasting)

    def _row(
        self,
        group: Group,
        measure: str,
        span: tuple[datetime, datetime],
        compared: _Compared,
        lasting: Row | None,
    ) -> DriftRow:
        """What is stored of one measure: its change, and the alarm that it raises or keeps up."""
        settings, version, at = self.settings, self.version, self.at
        kind, source, size = group.kind, group.source, settings.drift_documents
        changed = change(compared.values[measure], size, settings.drift_delta)
        row = DriftRow(
            at, kind, source, measure, version, span[0], span[1], compared.count, size, changed.reference_mean,
            changed.current_mean, changed.effect, "", at,
        )  # fmt: skip
        if lasting and abs(changed.effect) >= STILL * settings.drift_effect:
            return row._replace(alarm=lasting["alarm"], began_at=lasting["began_at"])
        if not lasting and changed.began is not None and abs(changed.effect) >= settings.drift_effect:
            began = _time(compared.shown.at[changed.began])
            return row._replace(
                alarm=alarm_id(kind, source, measure, version, at),
                began_at=began,
                reference_until=min(span[1], began - timedelta(milliseconds=1)),
            )
        return row


def alarm_id(kind: str, source: str, measure: str, version: str, at: datetime) -> str:
    """An alarm's id; every process that looks at this moment gives it the same."""
    return hashlib.blake2b(f"{kind}|{source}|{measure}|{version}|{at.isoformat()}".encode(), digest_size=6).hexdigest()


def sentence(alarm: str, row: DriftRow) -> str:
    """The text of the event when ``alarm`` begins or ends."""
    where = f"{row.kind}, source {row.source}" if row.source else f"{row.kind}, all sources"
    if not row.alarm:
        return f"{alarm}: ended: {row.measure} of {where}"
    return (
        f"{alarm}: {row.measure} of {where}: mean {row.reference_mean:.3f} -> {row.current_mean:.3f} "
        f"({row.effect:+.2f} standard deviations) over {row.current_documents} documents since "
        f"{row.began_at:%Y-%m-%d %H:%M}; labels of them are wanted ('finsent label queue')"
    )


def last_moment(now: datetime, settings: RetrainSettings) -> datetime:
    """The latest moment to look at. All processes look at the same moments, every ``drift_s`` seconds."""
    every = int(settings.drift_s)
    return datetime.fromtimestamp((int(now.timestamp()) - SETTLED_S) // every * every, UTC)


def _time(at: np.datetime64) -> datetime:
    return datetime.fromtimestamp(int(at.astype("int64")) / 1000, UTC)


def announce_alarms(client: Client, settings: RetrainSettings, at: datetime, announce: Announce) -> list[str]:
    """``look``, write an event for each alarm that begins or ends, and ``announce`` it; the texts of the events."""
    texts = []
    for event, alarm, row in look(client, settings, at):
        texts.append(sentence(alarm, row))
        write_model_event(client, event, row.model_version, detail=texts[-1])
        announce(event, row.model_version, "", texts[-1])
    return texts


def lasting_alarms(client: Client) -> list[Row]:
    """The latest row of each measure with an alarm that lasts, the largest effect first."""
    return [row for row in drift_now(client) if row["alarm"]]
