"""English texts of a span: in them, companies that are on no list are looked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from clickhouse_driver import Client


def english_stories(
    client: Client, since: datetime, until: datetime, most: int = 1_000_000, characters: int = 200_000
) -> Iterator[tuple[str, str, int, str]]:
    """(title, the first ``characters`` of the text, story, source) of English documents in ``since < published_at <=
    until``, each story once a source: the newest ``most``."""
    rows: Iterator[tuple[str, str, int, str]] = client.execute_iter(
        """
        SELECT title, substringUTF8(text, 1, %(characters)s), story_id, source FROM documents
        WHERE published_at > toDateTime64(%(since)s, 3, 'UTC') AND published_at <= toDateTime64(%(until)s, 3, 'UTC')
            AND lang = 'en'
        ORDER BY published_at DESC, document_id
        LIMIT 1 BY story_id, source
        LIMIT %(most)s
        """,
        {
            "since": f"{since.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            "until": f"{until.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            "most": most,
            "characters": characters,
        },
    )
    return rows
