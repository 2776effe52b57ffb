"""Who is sent what, and what is held back: pure, over what is due."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alerts.receivers.contract import AlertRows, Receiver
from alerts.rules import Rules, Setting
from documents import AlertKind, AlertState, Severity

Row = Mapping[str, Any]
Key = tuple[str, str, str]
"""(id of the alert, state, receiver): one delivery."""

Delivery = tuple[str, str, str, str, int, str]
"""A key with its outcome, the number of attempts, and the error: a row of the table ``alert_deliveries``."""


CONSEQUENCES = frozenset({AlertKind.TOPIC_SHIFT, AlertKind.BUZZ})
"""Kinds that mostly follow from an incident. A receiver that knows the incident is sent them only if they are worse
than what it knows."""


@dataclass(frozen=True)
class Message:
    """What one receiver is sent at once: the parts of one incident."""

    receiver: Receiver
    alerts: tuple[Row, ...]

    @property
    def id(self) -> str:
        """The same for the same transitions, whichever worker sends them."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, " ".join(f"{row['id']}:{row['state']}" for row in self.alerts)))

    @property
    def content(self) -> AlertRows:
        """What is sent."""
        return self.alerts

    @property
    def keys(self) -> list[Key]:
        """The deliveries that it makes."""
        return [(row["id"], row["state"], self.receiver.name) for row in self.alerts]


@dataclass(frozen=True)
class Moment:
    """What decides, at one moment, whether alerts are sent."""

    now: datetime
    silences: Sequence[Row]
    """The silences that hold."""
    market_shifted: bool
    """Whether an alert about the whole market's sentiment is firing."""


def route(
    rows: Sequence[Row], rules: Rules, moment: Moment, under_way: Collection[Key]
) -> tuple[list[Message], list[Delivery]]:
    """The messages to send, and the deliveries that will never be made.

    ``rows`` are the transitions that ``storage.reads.transitions_to_send`` returns, the oldest first. What is neither
    sent nor held stays due: it waits for the end of a silence, or for the delivery of the alert's beginning.
    """
    held: list[Delivery] = []
    groups: dict[tuple[str, str], list[Row]] = {}
    begun: set[tuple[str, str]] = set()
    for row in rows:
        setting = rules.of(row["entity"])
        if setting is None:
            continue
        over = row["state"] == AlertState.RESOLVED
        for name in _receivers(row, setting):
            key = (row["id"], row["state"], name)
            if name not in rules.receivers or name in row["outcomes"] or key in under_way:
                continue
            never, later = _why_never(row, setting, name), _why_not_now(row, setting, moment)
            if never or (later and not over and row["ended"]):
                held.append((*key, "held", 0, never or later))
            elif later:
                continue
            elif not over:
                begun.add((row["id"], name))
                groups.setdefault((name, row["incident"]), []).append(row)
            elif row["began"].get(name) == "sent" or (row["id"], name) in begun:
                groups.setdefault((name, row["incident"]), []).append(row)
    return [_message(rules.receivers[name], about) for (name, _), about in groups.items()], held


def _receivers(row: Row, setting: Setting) -> list[str]:
    """The receivers of a transition by the rule that applies now. The end of an alert also goes to those who were told
    of the alert under another rule: the rules, or what the desks hold, may have changed since."""
    told = [name for name, outcome in row["began"].items() if outcome == "sent"]
    return list(dict.fromkeys([*setting.receivers, *(told if row["state"] == AlertState.RESOLVED else ())]))


def _message(receiver: Receiver, about: Sequence[Row]) -> Message:
    """The message. In each row, ``update`` says whether the receiver knows the incident already."""
    return Message(receiver, tuple({**row, "update": receiver.name in row["incident_told"]} for row in about))


def _why_never(row: Row, setting: Setting, name: str) -> str:
    """Why the receiver ``name`` will never be sent a transition, or ''."""
    over = row["state"] == AlertState.RESOLVED
    if over and row["began"].get(name) == "sent":
        return ""
    if Severity(row["severity"]).rank < setting.severity.rank:
        return f"below {setting.severity}"
    if not over and row["acknowledged"]:
        return f"acknowledged by {row['acknowledged']}"
    told = row["incident_told"].get(name)
    if told and row["kind"] in CONSEQUENCES and Severity(row["severity"]).rank <= Severity(told).rank:
        return f"part of the incident {row['incident']}, of which it was told"
    if over and row["began"].get(name) in ("held", "dead"):
        return f"of its beginning nobody was told ({row['began'][name]})"
    return ""


def _why_not_now(row: Row, setting: Setting, moment: Moment) -> str:
    """Why no receiver is sent a transition at this moment, or ''."""
    if silence := is_silenced(row, moment.silences):
        return f"silence {silence['silence_id']} by {silence['by']}"
    if moment.market_shifted and row["kind"] == AlertKind.BUZZ:
        return "the whole market has shifted"
    if setting.quiet_hours and setting.quiet_hours.cover(moment.now, Severity(row["severity"])):
        return f"quiet hours until {setting.quiet_hours.to}"
    return ""


def is_silenced(row: Row, silences: Sequence[Row]) -> Row | None:
    """The first of ``silences`` that covers an alert, or None."""
    return next(
        (one for one in silences if one["entity"] in ("", row["entity"]) and one["kind"] in ("", row["kind"])), None
    )
