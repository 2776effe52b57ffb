"""Training runs."""

from __future__ import annotations

from clickhouse_driver import Client

from storage.rows import Row, select


def training_runs(client: Client, limit: int = 20) -> list[Row]:
    """The latest training runs in their latest state, newest first."""
    return select(
        client,
        "SELECT * FROM retrain_runs FINAL ORDER BY started_at DESC LIMIT %(limit)s",
        {"limit": limit},
    )
