"""What became of each alert at each receiver."""

from __future__ import annotations

from datetime import datetime

from clickhouse_driver import Client

from storage.rows import Row, select


def deliveries(client: Client, since: datetime, outcome: str = "", limit: int = 1000) -> list[Row]:
    """What became of each transition at each receiver, newest first.

    ``outcome`` is sent, dead (given up), held (silenced or not wanted), again (to be tried once more), or '' for any.
    """
    return select(
        client,
        """
        SELECT at, receiver, id, state, outcome, attempts, error FROM alert_deliveries FINAL
        WHERE at >= %(since)s AND (%(outcome)s = '' OR outcome = %(outcome)s)
        ORDER BY at DESC, receiver, id LIMIT %(limit)s
        """,
        {"since": since, "outcome": outcome, "limit": limit},
    )
