"""Which mentions count. Without this, a story that ten outlets carry would weigh ten times in every index.

A story counts once a day for each entity, and so does a document that its producer sends again. The view
``counted_mentions`` applies the same rule.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from storage.rows import Row

SAME_STORY = timedelta(days=1)
"""A story that comes again within this does not count a second time."""


def previous_time(*keys: str) -> str:
    """SQL: when a row with the same ``keys`` came before this one (1900 where none did)."""
    return (
        f"lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (PARTITION BY {', '.join(keys)} "
        "ORDER BY published_at, ingested_at, topic, partition, offset "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    )


COPIES = f"""{previous_time("entity", "story_id")} AS story_before,
               {previous_time("entity", "source", "document_id")} AS document_before"""

NO_COPY = "story_before < published_at - INTERVAL 1 DAY AND document_before < published_at - INTERVAL 1 DAY"
"""A story counts once an entity and day, and so does a document that its producer sends again. What counts does not
depend on how much is read, if that begins ``SAME_STORY`` earlier: the view ``counted_mentions`` says the same."""

COUNTED = f"""
    SELECT * EXCEPT (story_before, document_before)
    FROM
    (
        SELECT *, {COPIES}
        FROM mentions
        WHERE published_at >= %(lookback)s AND published_at < %(until)s
            AND (%(entity)s = '' OR entity = %(entity)s)
            AND (isNull(%(as_of)s) OR ingested_at <= %(as_of)s)
    )
    WHERE {NO_COPY}
"""


def counted_parameters(since: datetime, until: datetime, entity: str, as_of: datetime | None) -> Row:
    return {"lookback": since - SAME_STORY, "since": since, "until": until, "entity": entity, "as_of": as_of}
