"""Documents without a label: candidates for people to label, and for self-training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from clickhouse_driver import Client

from storage.reads.drift import moment as written
from storage.rows import Row, select

PART = 5000
"""The positions of so many documents fit into a query, which may have 256 KiB."""


def unlabelled_documents(client: Client, limit: int = 5000, moment: datetime | None = None) -> list[Row]:
    """The scored documents that were stored last and that nobody has labelled, each story once. With ``moment``, those
    that were published last until then: when an old document was stored says nothing about its time.

    ``embedding`` is hexadecimal: int8 [384]. ``other_sentiment`` is by another version that scored the document too, in
    the shadow or in a rescoring, else None. ``drifting`` is whether there is a drift alarm for its source or kind.
    """
    published = "AND published_at <= toDateTime64(%(moment)s, 3, 'UTC')" if moment else ""
    latest = "published_at DESC" if moment else "ingested_at DESC, published_at DESC"
    # First which they are, by narrow columns of all documents, and then all that is to be known of these.
    found = client.execute(
        f"""
        SELECT topic, topic_id, partition, offset FROM documents
        WHERE unscored = '' AND document_id NOT IN (SELECT document_id FROM label_log WHERE error_kind = '') {published}
        ORDER BY {latest}, document_id
        LIMIT 1 BY story_id
        LIMIT %(limit)s
        """,
        {"limit": limit, "moment": written(moment) if moment else ""},
    )
    parts = (_known(client, found[at : at + PART], latest) for at in range(0, len(found), PART))
    return [row for part in parts for row in part]


def _known(client: Client, found: Sequence[tuple[Any, ...]], latest: str) -> list[Row]:
    """What is to be known of the documents at these positions, in the order ``latest``."""
    chosen = defaultdict(list)
    for *where, offset in found:
        chosen[tuple(where)].append(offset)
    return select(
        client,
        f"""
        WITH chosen AS
        (
            SELECT one.1 AS topic, one.2 AS topic_id, one.3 AS partition, arrayJoin(one.4) AS offset
            FROM (SELECT arrayJoin(%(chosen)s) AS one)
        ),
        alarms AS
        (
            SELECT kind, source FROM (SELECT * FROM drift ORDER BY at DESC LIMIT 1 BY kind, source, measure)
            WHERE alarm != ''
        ),
        others AS
        (
            SELECT topic, topic_id, partition, offset, argMax(sentiment, at) AS sentiment
            FROM
            (
                SELECT topic, topic_id, partition, offset, challenger_p[3] - challenger_p[1] AS sentiment, at
                FROM shadow_log FINAL
                WHERE (topic, topic_id, partition, offset) IN (SELECT * FROM chosen)
                UNION ALL
                SELECT topic, topic_id, partition, offset, sentiment, rescored_at AS at
                FROM rescored_log FINAL
                WHERE (topic, topic_id, partition, offset) IN (SELECT * FROM chosen)
            )
            GROUP BY topic, topic_id, partition, offset
        )
        SELECT document_id, source, kind, lang, title, text, published_at, label, l.sentiment AS sentiment,
               p_negative, p_neutral, p_positive, model_version,
               mentions.entity AS entities, mentions.surface AS surfaces, hex(embedding) AS embedding, story_id,
               if(o.topic = '', NULL, o.sentiment) AS other_sentiment,
               (l.kind, l.source) IN (SELECT kind, source FROM alarms) OR (l.kind, '') IN
                   (SELECT kind, source FROM alarms) AS drifting
        FROM (SELECT * FROM documents WHERE (topic, topic_id, partition, offset) IN (SELECT * FROM chosen)) AS l
        LEFT JOIN others AS o USING (topic, topic_id, partition, offset)
        ORDER BY {latest}, document_id
        """,
        {"chosen": [(*where, offsets) for where, offsets in chosen.items()]},
    )


def confident_documents(client: Client, version: str, language: str, surer_than: float, limit: int) -> list[Row]:
    """Unlabelled documents of which ``version`` is sure: the highest probability is above ``surer_than``.

    A third of ``limit`` is of each label, each story once, in the order of a hash.
    """
    return select(
        client,
        """
        SELECT title, text, toString(label) AS label, mentions.surface AS surfaces
        FROM
        (
            SELECT * FROM documents
            WHERE model_version = %(version)s AND lang = %(language)s AND unscored = ''
                AND greatest(p_negative, p_neutral, p_positive) > %(surer_than)s
                AND document_id NOT IN (SELECT document_id FROM label_log WHERE error_kind = '')
            ORDER BY cityHash64(document_id)
            LIMIT 1 BY story_id
        )
        ORDER BY cityHash64(document_id)
        LIMIT %(each)s BY label
        """,
        {"version": version, "language": language, "surer_than": surer_than, "each": -(-limit // 3)},
    )
