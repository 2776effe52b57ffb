"""Closes of shares: the table ``price_log``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from clickhouse_driver import Client


def write_prices(client: Client, rows: Sequence[tuple[str, date, float]]) -> None:
    """Append closes (ticker, day, close). Of two for one ticker and day, the later one holds."""
    now = datetime.now(UTC)
    if rows:
        client.execute("INSERT INTO price_log (ticker, date, close, recorded_at) VALUES", [(*row, now) for row in rows])
