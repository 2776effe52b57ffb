"""The searches that people saved: the table ``saved_searches``."""

from __future__ import annotations

from datetime import UTC, datetime

from clickhouse_driver import Client

from documents import Search
from storage.erasure import AT_ONCE, SAVED

INSERT = "INSERT INTO saved_searches (user, name, words, entity, desk, topic, tone, entity_type, at) VALUES"


def save_search(client: Client, user: str, name: str, search: Search) -> None:
    """Save a search of ``user``, in place of their one of that name."""
    client.execute(INSERT, [(user, name, *search, datetime.now(UTC))])


def delete_search(client: Client, user: str, name: str) -> None:
    """Delete the search of ``user`` with that name, at once and for good. The server keeps the text of a change, so it
    names the row by its hash."""
    where = "user = %(user)s AND name = %(name)s"
    found = client.execute(f"SELECT {SAVED} FROM saved_searches WHERE {where}", {"user": user, "name": name})
    if found:
        rows = {"rows": tuple(number for (number,) in found)}
        client.execute(f"ALTER TABLE saved_searches DELETE WHERE {SAVED} IN %(rows)s", rows, settings=AT_ONCE)
