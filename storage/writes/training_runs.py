"""The states of training runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from clickhouse_driver import Client

RUN_COLUMNS = ("id", "started_at", "cause", "state", "champion", "challenger", "labels", "labels_until", "detail")


def write_training_run(client: Client, run: Mapping[str, Any]) -> None:
    """Record the state of a training run, with the keys ``RUN_COLUMNS``. The latest row of an ``id`` counts."""
    client.execute(
        f"INSERT INTO retrain_runs (at, {', '.join(RUN_COLUMNS)}) VALUES",
        [(datetime.now(UTC), *(run[name] for name in RUN_COLUMNS))],
    )
