"""How often each topic of the taxonomy occurs."""

from __future__ import annotations

from datetime import datetime

from clickhouse_driver import Client

from storage.rows import Row, select


def topic_counts(client: Client, since: datetime | None = None, entity: str = "") -> list[Row]:
    """For each topic of the taxonomy ('' for none): how many stories have it, their share of all stories, their mean
    sentiment, and when the latest was published. Of documents about ``entity``, or of all ('')."""
    return select(
        client,
        """
        SELECT arrayJoin(if(empty(names), [''], names)) AS topic, count() AS documents,
               count() / any(everything) AS share, avg(tone) AS sentiment, max(published_at) AS latest_at
        FROM
        (
            SELECT names, tone, published_at, count() OVER () AS everything
            FROM
            (
                SELECT `topics.name` AS names, published_at, story_id,
                       indexOf(`mentions.entity`, %(entity)s) AS place,
                       if(place = 0, sentiment, `mentions.sentiment`[place]) AS tone
                FROM documents
                WHERE unscored = '' AND (isNull(%(since)s) OR published_at >= %(since)s)
                    AND (%(entity)s = '' OR has(`mentions.entity`, %(entity)s))
                ORDER BY published_at, topic, topic_id, partition, offset
                LIMIT 1 BY story_id
            )
        )
        GROUP BY topic
        ORDER BY documents DESC, topic
        """,
        {"since": since, "entity": entity},
    )
