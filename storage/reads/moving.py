"""Why an index moved: the documents and the topics behind a shift."""

from __future__ import annotations

from datetime import datetime

from clickhouse_driver import Client

from storage.reads.counting import COUNTED, counted_parameters
from storage.rows import Row, select


def _told_of(entity: str | None) -> str:
    """``COUNTED`` up to and with ``until``; for None, of the documents that name no company."""
    counted = COUNTED.replace("published_at < ", "published_at <= ", 1)
    if entity is None:
        counted = counted.replace("FROM mentions", "FROM documents").replace("PARTITION BY entity, ", "PARTITION BY ")
        counted = counted.replace(
            "AND (%(entity)s = '' OR entity = %(entity)s)", "AND empty(mentions.entity) AND unscored = ''"
        )
    return counted


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
    """The documents in ``since < published_at <= until`` that moved an index the most: about ``entity`` ('' for any,
    None for those that name none), on ``topic`` ('' for any); farthest from the ``baseline`` sentiment in the direction
    ``sign`` (-1, 1), or for 0 the newest stories."""
    surface = "'' AS surface" if entity is None else "surface"
    return select(
        client,
        f"""
        SELECT document_id, source, kind, published_at, title, text, url, {surface}, label, sentiment, model_version,
               topic, partition, offset, novelty
        FROM ({_told_of(entity)})
        WHERE published_at > %(since)s AND (%(about)s = '' OR has(`topics.name`, %(about)s))
        ORDER BY if(%(sign)s = 0, novelty, (sentiment - %(baseline)s) * %(sign)s) DESC, published_at, document_id
        LIMIT 1 BY document_id
        LIMIT %(limit)s
        """,
        {
            **counted_parameters(since, until, entity or "", None),
            "baseline": baseline,
            "limit": limit,
            "about": topic,
            "sign": sign,
        },
    )


def rising_topics(
    client: Client, entity: str | None, before: datetime, since: datetime, until: datetime, limit: int = 3
) -> list[Row]:
    """The topics whose share of the documents about ``entity`` ('' for any, None for those that name none) rose the
    most, from ``before < published_at <= since`` to ``since < published_at <= until``: ``topic``, both shares and the
    later documents. Of two later documents at least, and by a tenth of all."""
    return select(
        client,
        f"""
        SELECT name AS topic, round(countIf(NOT late) / greatest(any(all_before), 1), 4) AS before,
               round(countIf(late) / any(all_after), 4) AS after, countIf(late) AS documents
        FROM
        (
            SELECT `topics.name` AS names, published_at > %(since)s AS late,
                   countIf(NOT late) OVER () AS all_before, countIf(late) OVER () AS all_after
            FROM ({_told_of(entity)})
            WHERE published_at > %(before)s
        )
        ARRAY JOIN names AS name
        GROUP BY name
        HAVING documents >= 2 AND after >= before + 0.1
        ORDER BY after - before DESC, name
        LIMIT %(limit)s
        """,
        {**counted_parameters(before, until, entity or "", None), "since": since, "before": before, "limit": limit},
    )
