"""Why an index moved: the documents and the topics behind a shift."""

from __future__ import annotations

from datetime import datetime

from clickhouse_driver import Client

from storage.reads.counting import counted, counted_parameters
from storage.rows import Row, select


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
    surface = "'' AS surface" if entity is None else "surface"
    return select(
        client,
        f"""
        SELECT document_id, source, kind, published_at, title, text, url, {surface}, label, sentiment, model_version,
               topic, partition, offset, novelty
        FROM ({counted(entity is not None, with_end=True)})
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
    """The topics whose share rose the most from one span to the next.

    The spans are ``before < published_at <= since`` and ``since < published_at <= until``. Shares are of the documents
    about ``entity`` ('' for any company, None for documents that name none). A row has ``topic``, the shares ``before``
    and ``after``, and the number of later ``documents``. A topic needs at least two later documents, and a share that
    rose by at least 0.1.
    """
    return select(
        client,
        f"""
        SELECT name AS topic, round(countIf(NOT late) / greatest(any(all_before), 1), 4) AS before,
               round(countIf(late) / any(all_after), 4) AS after, countIf(late) AS documents
        FROM
        (
            SELECT `topics.name` AS names, published_at > %(since)s AS late,
                   countIf(NOT late) OVER () AS all_before, countIf(late) OVER () AS all_after
            FROM ({counted(entity is not None, with_end=True)})
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
