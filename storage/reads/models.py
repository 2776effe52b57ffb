"""What became of the model's versions, and which one each worker scores with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from clickhouse_driver import Client

from storage.reads.queries import Row, select

HEARTBEAT_S = 5.0
LIVE_S = 4 * HEARTBEAT_S
"""A worker that has not told its version for so long is not counted any more."""

GATE = ("rule", "champion", "challenger", "difference", "low", "high", "p_value", "passed")
RUN = ("id", "started_at", "cause", "state", "champion", "challenger", "labels", "labels_until", "detail")


def tell_version(client: Client, worker: str, version: str, stopped: bool = False) -> None:
    """Note that ``worker`` scores with ``version`` now, or that it has stopped."""
    client.execute(
        "INSERT INTO worker_status (worker, at, version, stopped) VALUES",
        [(worker, datetime.now(UTC), version, stopped)],
    )


def live_workers(client: Client, since: datetime | None = None) -> dict[str, str]:
    """Worker -> version of those heard of within ``LIVE_S`` and not stopped; with ``since``, the version is '' of those
    that have not told anything since then."""
    rows = client.execute(
        """
        SELECT worker, argMax(version, at), max(at) AS last, argMax(stopped, at) AS gone
        FROM worker_status
        GROUP BY worker
        HAVING NOT gone AND last > now64(3) - toIntervalMillisecond(%(live)s)
        ORDER BY worker
        """,
        {"live": int(LIVE_S * 1000)},
    )
    return {worker: version if since is None or last >= since else "" for worker, version, last, _ in rows}


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
    """Note how ``version`` was judged; ``gate`` has one mapping a rule, with the keys ``GATE``."""
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


def write_run(client: Client, run: Mapping[str, Any]) -> None:
    """Note the state of a training run: a mapping with the keys ``RUN``; the latest row of an ``id`` counts."""
    client.execute(
        f"INSERT INTO retrain_runs (at, {', '.join(RUN)}) VALUES",
        [(datetime.now(UTC), *(run[name] for name in RUN))],
    )


def runs(client: Client, limit: int = 20) -> list[Row]:
    """The latest training runs, newest first."""
    return select(
        client,
        "SELECT * FROM retrain_runs FINAL ORDER BY started_at DESC LIMIT %(limit)s",
        {"limit": limit},
    )
