"""The known events that a backtest is judged by: a JSON list of ``{name, ticker, date, kind}``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from errors import FinsentError


class Event(msgspec.Struct, frozen=True):
    """One known event. ``kind`` is negative, positive, mixed or volume_only; the ticker ``*`` is the market."""

    name: str
    ticker: str
    date: str
    kind: str

    @property
    def at(self) -> datetime:
        """The beginning of the date, UTC, or the moment where ``date`` has a time."""
        moment = datetime.fromisoformat(self.date)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class BadEvents(FinsentError, ValueError):
    """The file of events cannot be used; the text says why."""


def load_events(path: Path) -> list[Event]:
    """The events of a JSON file. Raises ``BadEvents``."""
    try:
        events = msgspec.json.decode(path.read_bytes(), type=list[Event])
        for event in events:
            _ = event.at
    except (OSError, ValueError) as error:
        raise BadEvents(f"{path}: {error}") from error
    return events
