"""Records that could not be read, with their raw bytes."""

from __future__ import annotations

from datetime import datetime

from clickhouse_driver import Client

from storage.losses import Partition
from storage.rows import Row, select


def dead_letters(client: Client, since: datetime | None = None, limit: int = 100) -> list[Row]:
    """Bad records, newest first. ``action`` is what was done with one: replayed, dropped, or '' for nothing."""
    return select(
        client,
        """
        SELECT d.topic AS topic, d.topic_id AS topic_id, d.partition AS partition, d.offset AS offset,
               d.ingested_at AS ingested_at, d.error_kind AS error_kind, d.error_field AS error_field,
               d.error AS error, length(d.raw) AS bytes, if(toUnixTimestamp(a.at) = 0, '', toString(a.action)) AS action
        FROM dead_letters AS d
        LEFT JOIN (SELECT * FROM dead_letter_actions FINAL) AS a USING (topic, topic_id, partition, offset)
        WHERE isNull(%(since)s) OR d.ingested_at >= %(since)s
        ORDER BY ingested_at DESC, topic, partition, offset
        LIMIT %(limit)s
        """,
        {"since": since, "limit": limit},
    )


def dead_letters_at(client: Client, topic: str, partition: int, offset: int) -> list[Row]:
    """The bad records at a position, with ``raw`` as hexadecimal: one for each topic that has had this name."""
    return select(
        client,
        """
        SELECT topic, topic_id, partition, offset, ingested_at, error_kind, error_field, error, hex(raw) AS raw
        FROM dead_letters
        WHERE topic = %(topic)s AND partition = %(partition)s AND offset = %(offset)s
        ORDER BY ingested_at DESC
        """,
        {"topic": topic, "partition": partition, "offset": offset},
    )


def dead_letters_between(client: Client, topic_id: str, partition: Partition, first: int, last: int) -> list[int]:
    """The offsets of the bad records of a partition, from ``first`` to ``last``, of the topic with this identity."""
    rows = client.execute(
        """
        SELECT offset FROM dead_letters
        WHERE topic = %(topic)s AND splitByChar('+', topic_id)[1] = %(topic_id)s AND partition = %(partition)s
            AND offset BETWEEN %(first)s AND %(last)s
        """,
        {"topic": partition[0], "topic_id": topic_id, "partition": partition[1], "first": first, "last": last},
    )
    return [offset for (offset,) in rows]
