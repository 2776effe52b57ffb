"""The log of people's actions: who acknowledged, silenced, labelled, promoted or signed in."""

from __future__ import annotations

from datetime import datetime

from clickhouse_driver import Client

from storage.rows import Row, select


def actions(client: Client, since: datetime | None = None, user: str = "", limit: int = 200) -> list[Row]:
    """The log of people's actions, newest first; ``user`` is '' for everybody."""
    return select(
        client,
        """
        SELECT * FROM audit_log
        WHERE (isNull(%(since)s) OR at >= %(since)s) AND (%(user)s = '' OR user = %(user)s)
        ORDER BY at DESC LIMIT %(limit)s
        """,
        {"since": since, "user": user, "limit": limit},
    )


def signed_out_since(client: Client, since: datetime) -> dict[str, datetime]:
    """When each person who signed out at the console after ``since`` last did so."""
    rows = client.execute(
        "SELECT user, max(at) FROM audit_log WHERE action = 'signed out' AND via = 'console' AND at > %(since)s "
        "GROUP BY user",
        {"since": since},
    )
    return dict(rows)
