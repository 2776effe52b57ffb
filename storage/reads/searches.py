"""The searches that a person saved."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from clickhouse_driver import Client

from documents import Search


class SavedSearch(NamedTuple):
    """A search under the name that its owner gave it."""

    name: str
    search: Search
    saved_at: datetime


def saved_searches(client: Client, user: str) -> list[SavedSearch]:
    """Those of ``user``, by name."""
    rows = client.execute(
        f"SELECT name, at, {', '.join(Search._fields)} FROM saved_searches FINAL WHERE user = %(user)s ORDER BY name",
        {"user": user},
    )
    return [SavedSearch(name, Search(*search), at) for name, at, *search in rows]
