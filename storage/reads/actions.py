"""The log of people's actions: who acknowledged, silenced, labelled, promoted or signed in."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from clickhouse_driver import Client

from storage.rows import Row, select


class SignInAttempt(NamedTuple):
    """An attempt to sign in at a console with a password; ``detail`` tells a browser where that person had signed in
    before."""

    at: datetime
    address: str
    detail: str


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


def sign_in_attempts(client: Client, name: str, since: datetime) -> list[SignInAttempt]:
    """The attempts to sign in as ``name`` at any console after ``since``, the oldest first, 10,000 at most."""
    rows = client.execute(
        "SELECT at, address, detail FROM audit_log WHERE action IN ('signed in', 'sign-in refused') "
        "AND via = 'console' AND user = %(name)s AND at > %(since)s ORDER BY at LIMIT 10000",
        {"name": name, "since": since},
    )
    return [SignInAttempt(*row) for row in rows]
