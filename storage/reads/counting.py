"""Which mentions count. Without this, a story that ten outlets carry would weigh ten times in every index.

A story counts once a day for each entity, and so does a document that its producer sends again. The view
``counted_mentions`` applies the same rule.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from storage.rows import Row

SAME_STORY = timedelta(days=1)
"""A story that comes again within this time does not count a second time."""


def previous_time(*keys: str) -> str:
    """SQL: ``published_at`` of the row before this one that has the same ``keys``; 1900 where there is none."""
    return (
        f"lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (PARTITION BY {', '.join(keys)} "
        "ORDER BY published_at, ingested_at, topic, partition, offset "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    )


def previous_times(*keys: str) -> str:
    """SQL: the columns that ``FIRST`` needs, for rows that are counted apart for each value of ``keys``."""
    return f"""{previous_time(*keys, "story_id")} AS story_before,
               {previous_time(*keys, "source", "document_id")} AS document_before"""


FIRST = "story_before < published_at - INTERVAL 1 DAY AND document_before < published_at - INTERVAL 1 DAY"
"""SQL: neither the story nor the document came in the day before.

Which rows these are does not depend on the span that is read, as long as it begins ``SAME_STORY`` earlier.
"""


def counted(named: bool = True, with_end: bool = False) -> str:
    """SQL: the rows of the view ``mentions`` that count, with the parameters of ``counted_parameters``.

    If not ``named``, the rows of ``documents`` that name no company. ``with_end`` includes documents of exactly
    ``until``.
    """
    others = "(SELECT groupArray(ticker) FROM entities FINAL WHERE entity_type != 'company')"
    unnamed = f"hasAll({others}, mentions.entity) AND unscored = ''"
    which = "(%(entity)s = '' OR entity = %(entity)s)" if named else unnamed
    return f"""
    SELECT * EXCEPT (story_before, document_before)
    FROM
    (
        SELECT *, {previous_times("entity") if named else previous_times()}
        FROM {"mentions" if named else "documents"}
        WHERE published_at >= %(lookback)s AND published_at {"<=" if with_end else "<"} %(until)s
            AND {which}
            AND (isNull(%(as_of)s) OR ingested_at <= %(as_of)s)
    )
    WHERE {FIRST}
"""


def counted_parameters(since: datetime, until: datetime, entity: str, as_of: datetime | None) -> Row:
    """The parameters of ``counted``: an ``entity`` of '' is any; ``as_of`` is when rows had to be stored, or None."""
    return {"lookback": since - SAME_STORY, "since": since, "until": until, "entity": entity, "as_of": as_of}
