"""Alert transitions, and who looks after an alert."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from clickhouse_driver import Client

from storage.rows import Row

ALERT_COLUMNS = (
    "id", "kind", "entity", "topic", "direction", "severity", "state", "fired_at", "at", "recorded_at", "before_mean",
    "after_mean", "before_documents", "after_documents", "began_at", "model_version", "evidence",
    "incident",
)  # fmt: skip


def write_alerts(client: Client, transitions: Sequence[Row]) -> None:
    """Append alert transitions: dictionaries with the columns of ``alerts``; ``evidence`` is any JSON value."""
    if transitions:
        rows = [[_value(row, name) for name in ALERT_COLUMNS] for row in transitions]
        client.execute(f"INSERT INTO alerts ({', '.join(ALERT_COLUMNS)}) VALUES", rows)


def _value(row: Row, name: str) -> Any:
    if name == "evidence":
        return json.dumps(row[name], default=str)
    if name == "incident":
        return row.get(name) or row["id"]
    return row.get(name, "")


def acknowledge(client: Client, ids: Sequence[str], by: str, note: str = "", undo: bool = False) -> None:
    """Record that ``by`` looks after the alerts ``ids``; with ``undo``, that nobody does any more."""
    action, now = "reopened" if undo else "acknowledged", datetime.now(UTC)
    client.execute(
        "INSERT INTO alert_actions (id, action, by, note, at) VALUES", [(one, action, by, note, now) for one in ids]
    )
