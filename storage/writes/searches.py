"""The searches that people saved: the table ``saved_searches``."""

from __future__ import annotations

from datetime import UTC, datetime

from clickhouse_driver import Client

from documents import Search

INSERT = "INSERT INTO saved_searches (user, name, words, entity, desk, topic, tone, entity_type, deleted, at) VALUES"


def save_search(client: Client, user: str, name: str, search: Search) -> None:
    """Save a search of ``user``, in place of their one of that name."""
    client.execute(INSERT, [(user, name, *search, False, datetime.now(UTC))])


def delete_search(client: Client, user: str, name: str) -> None:
    """Delete the search of ``user`` with that name. What it looked for is gone from the table after the next merge."""
    client.execute(INSERT, [(user, name, *Search(), True, datetime.now(UTC))])
