"""Stored documents: the latest ones, and those beyond given Kafka offsets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from clickhouse_driver import Client

from documents.record import Record
from storage.connection import UNAVAILABLE, StorageUnavailable
from storage.record import column_of
from storage.rows import Row, select

LAST = "SELECT topic, topic_id, partition, max(offset) FROM record_log GROUP BY topic, topic_id, partition"

_FIELDS = (
    "topic", "topic_id", "partition", "offset", "kind", "document_id", "source", "title", "text", "lang",
    "published_at", "scored_at", "sentiment", "story_id", "novelty", "mention_entity", "mention_surface", "error_kind",
)  # fmt: skip


def latest_offsets(client: Client) -> dict[tuple[str, str, int], int]:
    """The last stored offset of each (topic, topic id, partition)."""
    return {(topic, topic_id, partition): last for topic, topic_id, partition, last in client.execute(LAST)}


def entities_stored(client: Client, after: Mapping[tuple[str, str, int], int], until: datetime) -> list[str]:
    """The companies in the documents beyond the offsets ``after``; '' if one of them names no company.

    Only documents published in the week before ``until`` count.
    """
    ranges, parameters = _beyond(client, after, 2**62)
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


def _beyond(client: Client, after: Mapping[tuple[str, str, int], int], most: int) -> tuple[str, dict[str, object]]:
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


def recent_documents(client: Client, after: Mapping[tuple[str, str, int], int], limit: int) -> list[Record]:
    """The latest ``limit`` records, by the time of scoring, beyond the offsets ``after``.

    ``after`` is by (topic, topic id, partition); of a partition that it does not contain, only the last ``limit``
    offsets are read. Only ``_FIELDS`` and the embedding are filled: what stories are recognised by. The ends of the
    partitions come from the ledger's projection and the rows from ranges of the primary key, so the cost does not grow
    with the history. Raises ``StorageUnavailable``.
    """
    try:
        ranges, parameters = _beyond(client, after, limit)
        if not ranges:
            return []
        columns = ", ".join(f"`{column_of(name)}`" for name in _FIELDS)
        # As text: the driver would take an embedding whose bytes happen to be UTF-8 for a string.
        rows = client.execute(
            f"SELECT {columns}, hex(embedding) FROM record_log WHERE {ranges} "
            "ORDER BY scored_at DESC, topic, partition, offset LIMIT %(limit)s",
            {**parameters, "limit": limit},
        )
    except UNAVAILABLE as error:
        raise StorageUnavailable(f"the latest documents cannot be read: {error}") from error
    return [Record(**dict(zip(_FIELDS, row[:-1], strict=True)), embedding=bytes.fromhex(row[-1])) for row in rows]


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
