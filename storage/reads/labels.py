"""People's labels: how they are stored, and the documents that they are of, or should be of next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from clickhouse_driver import Client

from documents.record import Record
from storage.reads.queries import Row, select

_COLUMNS = {
    "document_id": "document_id", "text": "text", "label": "label", "author": "annotator",
    "published_at": "labelled_at", "error_kind": "error_kind", "error_field": "error_field", "error": "error",
    "raw": "raw", "topic": "topic", "topic_id": "topic_id", "partition": "partition", "offset": "offset",
    "ingested_at": "ingested_at",
}  # fmt: skip
INSERT_LABELS = f"INSERT INTO label_log ({', '.join(_COLUMNS.values())}, entity) VALUES"


def label_columns(records: Sequence[Record]) -> list[list[Any]]:
    """The values of ``label_log``'s columns, in the order of ``INSERT_LABELS``."""
    entities = [record.mention_entity[0] if record.mention_entity else "" for record in records]
    return [[getattr(record, name) for record in records] for name in _COLUMNS] + [entities]


def labels(client: Client, until: datetime | None = None) -> list[Row]:
    """Every annotator's latest judgement of every item, of those stored by ``until``, oldest first.

    ``title, body, surface`` are of the labelled document, '' where it is not stored (yet) or the label is of a text;
    ``surface`` is the label's entity as the document writes it, or that of the document's only one.
    """
    return select(
        client,
        """
        SELECT l.document_id AS document_id, l.text AS text, l.entity AS entity, toString(l.label) AS label,
               l.annotator AS annotator, l.labelled_at AS labelled_at, l.ingested_at AS ingested_at,
               l.topic_id AS topic_id, l.partition AS partition, l.offset AS offset,
               d.title AS title, d.body AS body,
               multiIf(l.entity != '' AND has(d.entities, l.entity), d.surfaces[indexOf(d.entities, l.entity)],
                       l.entity != '', l.entity, length(d.surfaces) = 1, d.surfaces[1], '') AS surface
        FROM labels AS l
        LEFT JOIN
        (
            SELECT document_id, any(title) AS title, any(text) AS body, any(mentions.entity) AS entities,
                   any(mentions.surface) AS surfaces
            FROM documents
            WHERE document_id IN (SELECT document_id FROM label_log WHERE document_id != '')
            GROUP BY document_id
        ) AS d ON l.document_id = d.document_id
        WHERE isNull(%(until)s) OR l.ingested_at <= %(until)s
        ORDER BY l.ingested_at, l.topic_id, l.partition, l.offset
        """,
        {"until": until},
    )


def count_labels(client: Client, since: datetime | None = None) -> int:
    """Items with a label stored after ``since``; not those whose document is not stored (yet)."""
    return int(
        client.execute(
            """
            WITH new AS
            (
                SELECT document_id, text, entity FROM label_log
                WHERE error_kind = '' AND (isNull(%(since)s) OR ingested_at > %(since)s)
            )
            SELECT uniqExact(document_id, text, entity) FROM new
            WHERE text != '' OR document_id IN
            (
                SELECT document_id FROM documents
                WHERE document_id IN (SELECT document_id FROM new WHERE document_id != '')
            )
            """,
            {"since": since},
        )[0][0]
    )


def first_label(client: Client) -> datetime | None:
    """When the first label was stored."""
    found = client.execute("SELECT count(), min(ingested_at) FROM label_log WHERE error_kind = ''")[0]
    return found[1] if found[0] else None


def unlabelled(client: Client, limit: int = 5000) -> list[Row]:
    """The latest scored documents that nobody has labelled, a story once: with their probabilities, their entities,
    and the ``embedding`` (384 bytes, int8). ``other_sentiment`` is another version's, where one has scored the
    document, too (in the shadow or again), else None; ``drifting`` whether an alarm lasts on its source or kind."""
    return select(
        client,
        """
        WITH alarms AS
        (
            SELECT kind, source FROM (SELECT * FROM drift ORDER BY at DESC LIMIT 1 BY kind, source, measure)
            WHERE alarm != ''
        ),
        latest AS
        (
            SELECT topic, topic_id, partition, offset,
                   document_id, source, kind, lang, title, text, published_at, label, sentiment,
                   p_negative, p_neutral, p_positive, model_version,
                   mentions.entity AS entities, mentions.surface AS surfaces, hex(embedding) AS embedding, story_id,
                   ingested_at
            FROM documents
            WHERE unscored = '' AND document_id NOT IN (SELECT document_id FROM label_log WHERE error_kind = '')
            ORDER BY ingested_at DESC, published_at DESC, document_id
            LIMIT 1 BY story_id
            LIMIT %(limit)s
        ),
        others AS
        (
            SELECT topic, topic_id, partition, offset, argMax(sentiment, at) AS sentiment
            FROM
            (
                SELECT topic, topic_id, partition, offset, challenger_p[3] - challenger_p[1] AS sentiment, at
                FROM shadow_log FINAL
                WHERE (topic, topic_id, partition, offset) IN (SELECT topic, topic_id, partition, offset FROM latest)
                UNION ALL
                SELECT topic, topic_id, partition, offset, sentiment, rescored_at AS at
                FROM rescored_log FINAL
                WHERE (topic, topic_id, partition, offset) IN (SELECT topic, topic_id, partition, offset FROM latest)
            )
            GROUP BY topic, topic_id, partition, offset
        )
        SELECT l.* EXCEPT (topic, topic_id, partition, offset, ingested_at),
               if(o.topic = '', NULL, o.sentiment) AS other_sentiment,
               (l.kind, l.source) IN (SELECT kind, source FROM alarms) OR (l.kind, '') IN
                   (SELECT kind, source FROM alarms) AS drifting
        FROM latest AS l
        LEFT JOIN others AS o USING (topic, topic_id, partition, offset)
        ORDER BY l.ingested_at DESC, l.published_at DESC, l.document_id
        """,
        {"limit": limit},
    )


def confident(client: Client, version: str, language: str, surer_than: float, limit: int) -> list[Row]:
    """Stored documents that ``version`` is sure of and nobody has labelled, as many of each label, in an order that has
    nothing to do with them; a story once."""
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
