"""How fresh the stored documents are: by topic, and in event time."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from clickhouse_driver import Client


class Feed(NamedTuple):
    """A Kafka topic of documents."""

    topic: str
    stored_at: datetime
    """When its latest document was stored."""

    documents: int
    """How many were stored in the span that was asked about."""


def active_feeds(client: Client, since: datetime) -> list[Feed]:
    """The feeds with documents stored since ``since``."""
    rows = client.execute(
        """
        SELECT topic, max(ingested_at), toUInt64(count()) FROM record_log
        WHERE ingested_at >= %(since)s AND error_kind = ''
        GROUP BY topic ORDER BY topic
        """,
        {"since": since},
    )
    return [Feed(*row) for row in rows]


def newest_document(client: Client) -> datetime | None:
    """When the newest document was published; None if nothing is stored. Dates in the far future are mistakes."""
    rows = client.execute(
        """
        SELECT max(published_at), count() FROM record_log
        WHERE error_kind = '' AND published_at < now64(3) + INTERVAL 1 DAY
        """
    )
    return rows[0][0] if rows[0][1] else None


def event_time_watermark(client: Client, since: datetime) -> datetime | None:
    """Until when documents have been published that are stored: the watermark of event time.

    It is the earliest, over the partitions, of their latest ``published_at``. Only partitions with rows stored since
    ``since`` count; None where there are none.
    """
    rows = client.execute(
        """
        SELECT min(latest), count() FROM
        (
            SELECT max(published_at) AS latest FROM record_log
            WHERE ingested_at >= %(since)s AND error_kind = ''
            GROUP BY topic, topic_id, partition
        )
        """,
        {"since": since},
    )
    return rows[0][0] if rows[0][1] else None
