"""Events in the life of model versions, and how each was judged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from clickhouse_driver import Client

GATE = ("rule", "champion", "challenger", "difference", "low", "high", "p_value", "passed")


def write_model_event(
    client: Client,
    event: str,
    version: str,
    previous: str = "",
    worker: str = "",
    pause_s: float = 0.0,
    detail: str = "",
) -> None:
    """Append to ``model_events``: ``published, shadowed, rejected, promoted, rolled_back, adopted, refused, drift`` or
    ``drift_ended``."""
    client.execute(
        "INSERT INTO model_events (at, event, version, previous, worker, pause_s, detail) VALUES",
        [(datetime.now(UTC), event, version, previous, worker, pause_s, detail)],
    )


def write_model(
    client: Client,
    version: str,
    parent: str,
    passed: bool,
    reason: str,
    labels: int,
    gate: Sequence[Mapping[str, Any]],
    facts: Mapping[str, Any],
) -> None:
    """Record how ``version`` was judged. ``gate`` has one mapping for each rule, with the keys ``GATE``."""
    names = [
        "version",
        "parent",
        "judged_at",
        "passed",
        "reason",
        "labels",
        *(f"gate.{name}" for name in GATE),
        "facts",
    ]
    row = [version, parent, datetime.now(UTC), passed, reason, labels]
    columns = [[rule[name] for rule in gate] for name in GATE]
    client.execute(
        f"INSERT INTO models ({', '.join(f'`{name}`' for name in names)}) VALUES",
        [(*row, *columns, json.dumps(facts, default=str))],
    )
