"""How fresh the stored documents are: by topic, and in event time."""

from __future__ import annotations

from datetime import datetime

from clickhouse_driver import Client


def active_feeds(client: Client, since: datetime) -> list[tuple[str, datetime, int]]:
    """(topic, when its latest document was stored, documents) of the topics with documents stored after ``since``."""
    return client.execute(  # type: ignore[no-any-return]
        """
        SELECT topic, max(ingested_at), toUInt64(count()) FROM record_log
        WHERE ingested_at >= %(since)s AND error_kind = ''
        GROUP BY topic ORDER BY topic
        """,
        {"since": since},
    )


def event_time_watermark(client: Client, since: datetime) -> datetime | None:
    """How far the documents' own time has come: the least over the partitions of their latest ``published_at``, of
    partitions with rows stored after ``since``. None where there are none."""
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
