"""The labels that people gave, with the documents that they judge."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from clickhouse_driver import Client

from storage.rows import Row, select


def latest_labels(client: Client, until: datetime | None = None) -> list[Row]:
    """Each annotator's latest judgement of each item, oldest first, of the labels stored by ``until``.

    ``title``, ``body`` and ``surface`` are of the labelled document; they are '' where it is not stored (yet), or where
    a text was labelled instead. ``surface`` is how the document writes the label's entity. For a label without an
    entity it is the document's company, if there is exactly one.
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


def count_labels(client: Client, since: datetime | None = None, annotators: Sequence[str] = ()) -> int:
    """How many items have a label stored after ``since``, without those whose document is not stored (yet). If
    ``annotators`` are named, only their labels count."""
    return int(
        client.execute(
            """
            WITH new AS
            (
                SELECT document_id, text, entity FROM label_log
                WHERE error_kind = '' AND (isNull(%(since)s) OR ingested_at > %(since)s)
                    AND (%(all)s OR has(%(annotators)s, annotator))
            )
            SELECT uniqExact(document_id, text, entity) FROM new
            WHERE text != '' OR document_id IN
            (
                SELECT document_id FROM documents
                WHERE document_id IN (SELECT document_id FROM new WHERE document_id != '')
            )
            """,
            {"since": since, "all": int(not annotators), "annotators": list(annotators)},
        )[0][0]
    )


def first_label_at(client: Client) -> datetime | None:
    """When the first label was stored; None if there is none."""
    found = client.execute("SELECT count(), min(ingested_at) FROM label_log WHERE error_kind = ''")[0]
    return found[1] if found[0] else None
