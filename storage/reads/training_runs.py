"""Training runs."""

from __future__ import annotations

from datetime import datetime

from clickhouse_driver import Client

from storage.reads.drift import moment as written
from storage.rows import Row, select

AT_ITS_START = {"state": "started", "challenger": "", "labels": 0, "detail": ""}


def training_runs(client: Client, limit: int = 20, moment: datetime | None = None) -> list[Row]:
    """The latest training runs in their latest state, newest first. With ``moment``, as they were then: only the latest
    state is kept, so that a run which ended later is told as it was at its start."""
    until = "WHERE started_at <= toDateTime64(%(moment)s, 3, 'UTC')" if moment else ""
    found = select(
        client,
        f"SELECT * FROM retrain_runs FINAL {until} ORDER BY started_at DESC LIMIT %(limit)s",
        {"limit": limit, "moment": written(moment) if moment else ""},
    )
    return [run | AT_ITS_START if moment and run["at"] > moment else run for run in found]
