"""What became of each alert at each receiver."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from clickhouse_driver import Client


def write_deliveries(client: Client, rows: Sequence[tuple[str, str, str, str, int, str]]) -> None:
    """Append outcomes of deliveries: (id, state, receiver, sent|dead|held|again, attempts, error)."""
    now = datetime.now(UTC)
    if rows:
        client.execute(
            "INSERT INTO alert_deliveries (id, state, receiver, outcome, attempts, error, at) VALUES",
            [(*row, now) for row in rows],
        )
