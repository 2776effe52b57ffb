"""Heartbeats: which model version a worker scores with."""

from __future__ import annotations

from datetime import UTC, datetime

from clickhouse_driver import Client


def write_heartbeat(client: Client, worker: str, version: str, stopped: bool = False) -> None:
    """Record that ``worker`` scores with ``version`` now, or that it has stopped."""
    client.execute(
        "INSERT INTO worker_status (worker, at, version, stopped) VALUES",
        [(worker, datetime.now(UTC), version, stopped)],
    )
