"""The audit log: who acknowledged, silenced, labelled, promoted, or signed in. It is only ever added to."""

from __future__ import annotations

from datetime import UTC, datetime

from clickhouse_driver import Client

from storage.reads.queries import Row, select


def note_action(
    client: Client, user: str, action: str, subject: str = "", detail: str = "", via: str = "", address: str = ""
) -> None:
    """Append what ``user`` did: ``action`` is a word such as acknowledged, ``subject`` the id of what it was done to,
    ``via`` console or command line, ``address`` where from."""
    client.execute(
        "INSERT INTO audit_log (at, user, action, subject, detail, via, address) VALUES",
        [(datetime.now(UTC), user, action, subject, detail, via, address)],
    )


def actions(client: Client, since: datetime | None = None, user: str = "", limit: int = 200) -> list[Row]:
    """The audit log, newest first."""
    return select(
        client,
        """
        SELECT * FROM audit_log
        WHERE (isNull(%(since)s) OR at >= %(since)s) AND (%(user)s = '' OR user = %(user)s)
        ORDER BY at DESC LIMIT %(limit)s
        """,
        {"since": since, "user": user, "limit": limit},
    )
