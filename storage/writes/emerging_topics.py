"""Emerging topics."""

from __future__ import annotations

from collections.abc import Sequence

from clickhouse_driver import Client

from storage.rows import Row

_COLUMNS = (
    "id", "at", "name", "terms", "lang", "first_at", "last_at", "documents", "recent", "usual", "burst", "entities",
    "members.topic", "members.topic_id", "members.partition", "members.offset",
)  # fmt: skip


def write_emerging_topics(client: Client, topics: Sequence[Row]) -> None:
    """Store emerging topics; ``members`` are the positions of their documents. Two workers may store the same one."""
    rows = [
        [*(topic[name] for name in _COLUMNS[:12]), *([list(c) for c in zip(*topic["members"], strict=True)])]
        for topic in topics
    ]
    if rows:
        names = ", ".join(f"`{name}`" for name in _COLUMNS)
        client.execute(f"INSERT INTO emerging_topics ({names}) VALUES", rows)
