"""The log of people's actions. Rows are only ever added to it."""

from __future__ import annotations

from datetime import UTC, datetime

from clickhouse_driver import Client


def record_action(
    client: Client, user: str, action: str, subject: str = "", detail: str = "", via: str = "", address: str = ""
) -> None:
    """Append what ``user`` did.

    ``action`` is a word such as acknowledged, ``subject`` the id of the alert, silence, document or version, ``via``
    is console or command line, and ``address`` is where the request came from.
    """
    client.execute(
        "INSERT INTO audit_log (at, user, action, subject, detail, via, address) VALUES",
        [(datetime.now(UTC), user, action, subject, detail, via, address)],
    )
