"""What desks hold: the table ``position_log``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from clickhouse_driver import Client

HoldingRow = tuple[str, str, float, str, float | None, datetime]
"""Desk, ticker, exposure, currency, quantity, and as of when. An exposure of 0 ends a position."""


def write_holdings(client: Client, rows: Sequence[HoldingRow]) -> None:
    """Append positions. Of two for one desk, company and moment, the later one holds."""
    now = datetime.now(UTC)
    if rows:
        client.execute(
            "INSERT INTO position_log (desk, ticker, exposure, currency, quantity, at, recorded_at) VALUES",
            [(*row, now) for row in rows],
        )
