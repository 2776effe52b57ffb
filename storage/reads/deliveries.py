"""What became of each alert at each receiver."""

from __future__ import annotations

from collections.abc import Sequence
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


def has_outcome(client: Client, keys: Sequence[tuple[str, str, str]]) -> bool:
    """Whether one of the deliveries (id, state, receiver) has an outcome, and is not to be tried again."""
    rows = client.execute(
        "SELECT count() FROM alert_deliveries FINAL WHERE (id, state, toString(receiver)) IN %(keys)s "
        "AND outcome != 'again'",
        {"keys": [*keys, ("", "", "")]},
    )
    return bool(rows[0][0])


def digests_done(client: Client, since: datetime) -> set[tuple[str, str, str]]:
    """The keys of the digests that have an outcome since then: (name, ``digest``, receiver)."""
    rows = client.execute(
        "SELECT id, toString(state), toString(receiver) FROM alert_deliveries FINAL "
        "WHERE state = 'digest' AND at >= %(since)s AND outcome != 'again'",
        {"since": since},
    )
    return set(rows)
