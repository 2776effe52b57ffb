"""The daily digest: one message with a day's alerts that a receiver was not sent singly, and what else happened.

Which digest is due, and what is in it, follows from the rules, the clock and the tables. So a worker that starts again,
or another one, makes the same digest, with the same id.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from clickhouse_driver import Client

from alerts.receivers.contract import Digest, Receiver
from alerts.receivers.routing import Key, is_silenced
from alerts.receivers.transports import TRANSPORTS
from alerts.rules import Rules
from documents import AlertKind, Severity
from storage.reads import alerts_recorded, events_told, holdings_by_company, silences_at

MOST_ALERTS, MOST_EVENTS = 20, 10
SURE = 0.9
"""An event that raised no alert is told if one report is as probable."""

STATE = "digest"
"""Stands for a state of an alert in the table of deliveries."""


@dataclass(frozen=True)
class DigestMessage:
    """The digest of one receiver, to be sent at ``digest.until``."""

    receiver: Receiver
    name: str
    digest: Digest

    @property
    def id(self) -> str:
        """The same for the same receiver and day, whichever worker sends it."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.name} {self.receiver.name}"))

    @property
    def content(self) -> Digest:
        """What is sent."""
        return self.digest

    @property
    def keys(self) -> list[Key]:
        """The delivery that it makes."""
        return [(self.name, STATE, self.receiver.name)]


def turn(clock: str, now: datetime) -> tuple[datetime, datetime]:
    """When a digest (``07:00 Europe/Zurich``) was last due before ``now``, and when it was due the day before."""
    at, _, zone = clock.partition(" ")
    local = now.astimezone(ZoneInfo(zone or "UTC"))
    day = datetime.combine(local.date(), time.fromisoformat(at), local.tzinfo)
    if day > local:
        day -= timedelta(days=1)
    return day, day - timedelta(days=1)


def due_digests(client: Client, rules: Rules, now: datetime, done: Collection[Key]) -> Iterator[DigestMessage]:
    """The digests that are due. ``done`` are the digests that have an outcome, and all deliveries under way."""
    for clock, name in _wanted(rules):
        until, since = turn(clock, now)
        receiver = rules.receivers[name]
        called = f"digest {until:%Y-%m-%d} {clock}"
        if (called, STATE, name) not in done:
            recorded = alerts_recorded(client, since.astimezone(UTC), until.astimezone(UTC))
            busy = {id_ for id_, _, other in done if other == name}  # being sent singly at the moment
            silences = silences_at(client, now)
            rows = [
                row
                for row in recorded
                if row["id"] not in busy
                and _is_for(row["entity"], rules, clock, name)
                and name not in row["sent_to"]
                and not is_silenced(row, silences)
            ]
            held = holdings_by_company(client)
            for row in rows:
                row["exposure"] = held.get(row["entity"], [])
            told = worst_first(rows)
            alerted = {(row["entity"], row["topic"]) for row in recorded if row["kind"] == AlertKind.EVENT}
            events = [
                event
                for event in events_told(client, since.astimezone(UTC), until.astimezone(UTC), SURE)
                if (event["entity"], event["type"]) not in alerted
                and _is_for(event["entity"], rules, clock, name)
                and not is_silenced({**event, "kind": AlertKind.EVENT}, silences)
            ]
            yield DigestMessage(
                receiver,
                called,
                Digest(since, until, told[:MOST_ALERTS], len(told[MOST_ALERTS:]), events[:MOST_EVENTS]),
            )


def any_digest(rules: Rules) -> bool:
    """Whether the rules want a digest."""
    return bool(_wanted(rules))


def _wanted(rules: Rules) -> list[tuple[str, str]]:
    """The clocks of the digests, each with a receiver."""
    found = []
    for rule in rules.file.rules:
        setting = rules.setting(rule)
        found += [
            (setting.digest, name)
            for name in setting.receivers
            if setting.digest and name in rules.receivers and TRANSPORTS[rules.receivers[name].type].takes_digests
        ]
    return list(dict.fromkeys(found))


def _is_for(entity: str, rules: Rules, clock: str, name: str) -> bool:
    setting = rules.of(entity)
    return setting is not None and setting.digest == clock and name in setting.receivers


def worst_first(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The parts of an incident together; incidents by their worst part, then by what the desks hold, then by time."""

    def weight(row: Mapping[str, Any]) -> tuple[int, float, datetime]:
        return Severity(row["severity"]).rank, sum(abs(one["exposure"]) for one in row["exposure"]), row["fired_at"]

    worst: dict[str, tuple[int, float, datetime]] = {}
    for row in rows:
        worst[row["incident"]] = max(worst.get(row["incident"], weight(row)), weight(row))
    return sorted(rows, key=lambda row: (worst[row["incident"]], row["incident"], weight(row)), reverse=True)
