"""Why an index moved: the documents and the topics behind a shift."""

from __future__ import annotations

from datetime import datetime

from clickhouse_driver import Client

from storage.reads.counting import counted, counted_parameters
from storage.rows import Row, select

POSITION = ("topic", "topic_id", "partition", "offset", "entity")
EXTRA = ("topic_id", "entity")
"""What of it is not in the answer."""

COUNTED = "counted_scores(first = %(before)s, until = %(until)s, known = '2200-01-01 00:00:00', weekly = 0)"
"""The mentions that ``counted`` gives, of which it has worked out those of past hours."""


def moving_documents(
    client: Client,
    entity: str | None,
    since: datetime,
    until: datetime,
    baseline: float,
    topic: str = "",
    sign: int = 0,
    limit: int = 5,
) -> list[Row]:
    """The ``limit`` documents in ``since < published_at <= until`` that moved an index the most.

    They are about ``entity`` ('' for any company, None for documents that name none) and on ``topic`` ('' for any).
    First come those farthest from the ``baseline`` sentiment in the direction ``sign`` (-1 or 1); with 0, those with
    the highest novelty.
    """
    named, values = entity is not None, counted_parameters(since, until, entity or "", None)
    surface, about = ("surface", "entity") if named else ("'' AS surface", "'' AS entity")
    # First which they are, by narrow columns: texts of all documents would be a thousand times as much.
    found = client.execute(
        f"""
        SELECT topic, topic_id, partition, offset, {"entity" if named else "''"}
        FROM ({counted(named, with_end=True)})
        WHERE published_at > %(since)s AND (%(about)s = '' OR has(`topics.name`, %(about)s))
        ORDER BY if(%(sign)s = 0, novelty, (sentiment - %(baseline)s) * %(sign)s) DESC, published_at, document_id
        LIMIT 1 BY document_id
        LIMIT %(limit)s
        """,
        {**values, "baseline": baseline, "limit": limit, "about": topic, "sign": sign},
    )
    if not found:
        return []
    rows = select(
        client,
        f"""
        SELECT document_id, source, kind, published_at, title, text, url, {surface}, label, sentiment, model_version,
               topic, partition, offset, novelty, topic_id, {about}
        FROM {"mentions" if named else "documents"}
        WHERE (topic, topic_id, partition, offset) IN %(positions)s
        """,
        {"positions": [row[:4] for row in found]},
    )
    known = {tuple(row.pop(name) if name in EXTRA else row[name] for name in POSITION): row for row in reversed(rows)}
    return [known[row] for row in found if row in known]


def rising_topics(
    client: Client, entity: str | None, before: datetime, since: datetime, until: datetime, limit: int = 3
) -> list[Row]:
    """The topics whose share rose the most from one span to the next.

    The spans are ``before < published_at <= since`` and ``since < published_at <= until``. Shares are of the documents
    about ``entity`` ('' for any company, None for documents that name none). A row has ``topic``, the shares ``before``
    and ``after``, and the number of later ``documents``. A topic needs at least two later documents, and a share that
    rose by at least 0.1.
    """
    named = entity is not None
    about = "AND entity != '' AND (%(entity)s = '' OR entity = %(entity)s)" if named else ""
    return select(
        client,
        f"""
        SELECT topic, round(earlier / greatest(all_earlier, 1), 4) AS before, round(later / all_later, 4) AS after,
               later AS documents
        FROM
        (
            SELECT name AS topic, earlier, later, sumIf(earlier, name = '') OVER () AS all_earlier,
                   sumIf(later, name = '') OVER () AS all_later
            FROM
            (
                SELECT arrayJoin(arrayConcat([''], names)) AS name, countIf(NOT late) AS earlier, countIf(late) AS later
                FROM
                (
                    SELECT arrayMap(n -> toString(n), `topics.name`) AS names, published_at > %(since)s AS late
                    FROM {COUNTED if named else f"({counted(False, with_end=True)})"}
                    WHERE published_at > %(before)s {about}
                )
                GROUP BY name
            )
        )
        WHERE topic != '' AND documents >= 2 AND after >= before + 0.1
        ORDER BY after - before DESC, topic
        LIMIT %(limit)s
        """,
        {**counted_parameters(before, until, entity or "", None), "since": since, "before": before, "limit": limit},
    )
