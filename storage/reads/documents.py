"""Stored documents: the latest ones, and those beyond given Kafka offsets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from clickhouse_driver import Client

from documents import BadRecord, Document, EntityType, Mention, Position, Tombstone
from storage.connection import UNAVAILABLE, StorageUnavailable
from storage.reads.entities import other_types
from storage.rows import Row, select

LAST = "SELECT topic, topic_id, partition, max(offset) FROM record_log GROUP BY topic, topic_id, partition"


def latest_offsets(client: Client) -> dict[tuple[str, str, int], int]:
    """The last stored offset of each (topic, topic id, partition)."""
    return {(topic, topic_id, partition): last for topic, topic_id, partition, last in client.execute(LAST)}


def entities_stored(client: Client, after: Mapping[tuple[str, str, int], int], until: datetime) -> list[str]:
    """The companies in the documents beyond the offsets ``after``; '' if one of them names no company.

    Only documents published in the week before ``until`` count.
    """
    ranges, parameters = beyond(client, after, 2**62)
    if not ranges:
        return []
    rows = client.execute(
        f"""
        SELECT DISTINCT arrayJoin(if(empty(mentions.entity), [''], arrayMap(e -> toString(e), mentions.entity)))
        FROM record_log
        WHERE ({ranges}) AND error_kind = '' AND unscored = ''
            AND published_at <= %(until)s AND published_at > %(until)s - INTERVAL 7 DAY
        """,
        {**parameters, "until": until},
    )
    return sorted(row[0] for row in rows)


def beyond(client: Client, after: Mapping[tuple[str, str, int], int], most: int) -> tuple[str, dict[str, object]]:
    """SQL and its parameters: the rows beyond the offsets ``after``, but only the last ``most`` offsets of a partition.

    The SQL is '' if there are no such rows.
    """
    ranges: list[str] = []
    parameters: dict[str, object] = {}
    for n, (key, last) in enumerate(latest_offsets(client).items()):
        first = max(after.get(key, -1), last - most)
        if last > first:
            ranges.append(
                f"(topic = %(topic{n})s AND topic_id = %(id{n})s AND partition = %(partition{n})s "
                f"AND offset > %(first{n})s)"
            )
            names = (f"topic{n}", f"id{n}", f"partition{n}", f"first{n}")
            parameters |= dict(zip(names, (*key, first), strict=True))
    return " OR ".join(ranges), parameters


def recent_documents(
    client: Client, after: Mapping[tuple[str, str, int], int], limit: int
) -> list[Document | BadRecord | Tombstone]:
    """The latest ``limit`` records, by the time of scoring, beyond the offsets ``after``.

    ``after`` is by (topic, topic id, partition); of a partition that it does not contain, only the last ``limit``
    offsets are read. Only the fields by which stories are recognised are filled in. The ends of the
    partitions come from the ledger's projection and the rows from ranges of the primary key, so the cost does not grow
    with the history. Raises ``StorageUnavailable``.
    """
    try:
        ranges, parameters = beyond(client, after, limit)
        if not ranges:
            return []
        # The embedding as text: the driver would take one whose bytes happen to be UTF-8 for a string.
        rows = client.execute(
            "SELECT topic, topic_id, partition, offset, kind, document_id, source, title, text, lang, published_at, "
            "scored_at, sentiment, story_id, novelty, mentions.entity, mentions.surface, error_kind, hex(embedding) "
            f"FROM record_log WHERE {ranges} "
            "ORDER BY scored_at DESC, topic, partition, offset LIMIT %(limit)s",
            {**parameters, "limit": limit},
        )
        types = other_types(client)
    except UNAVAILABLE as error:
        raise StorageUnavailable(f"the latest documents cannot be read: {error}") from error
    return [_document(types, *row) for row in rows]


def _document(
    types: Mapping[str, EntityType],
    topic: str, topic_id: str, partition: int, offset: int, kind: Any, document_id: str, source: str, title: str,
    text: str, lang: str, published_at: datetime, scored_at: datetime, sentiment: float, story_id: int, novelty: float,
    entities: list[str], surfaces: list[str], error_kind: Any, embedding: str,
) -> Document | BadRecord | Tombstone:  # fmt: skip
    position = Position(topic, topic_id, partition, offset)
    if error_kind:
        return Tombstone(position) if error_kind == Tombstone.kind else BadRecord(position, error_kind)
    return Document(
        position, kind, document_id, source, title, text, lang=lang, published_at=published_at, scored_at=scored_at,
        sentiment=sentiment, story_id=story_id, novelty=novelty, embedding=bytes.fromhex(embedding),
        mentions=[
            Mention(entity, surface, "name", entity_type=types.get(entity, "company"))
            for entity, surface in zip(entities, surfaces, strict=True)
        ],
    )  # fmt: skip


def latest_texts(client: Client, limit: int = 2000) -> list[Row]:
    """The latest scored documents, each story once, for comparing two versions on them."""
    return select(
        client,
        """
        SELECT document_id, kind, source, lang, title, text, published_at, mentions.surface AS surfaces
        FROM documents
        WHERE unscored = ''
        ORDER BY ingested_at DESC, topic, partition, offset DESC
        LIMIT 1 BY story_id
        LIMIT %(limit)s
        """,
        {"limit": limit},
    )
