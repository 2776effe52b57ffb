"""What was stored last: how a worker learns which stories are being told, after a start and from the other workers."""

from __future__ import annotations

from collections.abc import Mapping

from clickhouse_driver import Client

from storage.record import Record, column_of
from storage.settings import UNAVAILABLE, StorageUnavailable

LAST = "SELECT topic, topic_id, partition, max(offset) FROM record_log GROUP BY topic, topic_id, partition"
_FIELDS = (
    "topic", "topic_id", "partition", "offset", "kind", "document_id", "source", "title", "text", "lang",
    "published_at", "scored_at", "sentiment", "story_id", "novelty", "mention_entity", "mention_surface", "error_kind",
)  # fmt: skip


def recent_documents(client: Client, after: Mapping[tuple[str, str, int], int], limit: int) -> list[Record]:
    """The latest ``limit`` records, by the time of scoring, beyond the offsets ``after`` of each (topic, topic id,
    partition); of a partition that ``after`` leaves out, from its last ``limit`` offsets.

    Only the fields that tell a story are filled (``_FIELDS`` and the embedding). The ends of the partitions come from
    the ledger's projection and the rows from ranges of the primary key, so the cost does not grow with the history.
    Raises ``StorageUnavailable``.
    """
    try:
        ranges: list[str] = []
        parameters: dict[str, object] = {"limit": limit}
        for n, (topic, topic_id, partition, last) in enumerate(client.execute(LAST)):
            first = max(after.get((topic, topic_id, partition), -1), last - limit)
            if last > first:
                ranges.append(
                    f"(topic = %(topic{n})s AND topic_id = %(id{n})s AND partition = %(partition{n})s "
                    f"AND offset > %(first{n})s)"
                )
                parameters |= {f"topic{n}": topic, f"id{n}": topic_id, f"partition{n}": partition, f"first{n}": first}
        if not ranges:
            return []
        columns = ", ".join(f"`{column_of(name)}`" for name in _FIELDS)
        # As text: the driver would take an embedding whose bytes happen to be UTF-8 for a string.
        rows = client.execute(
            f"SELECT {columns}, hex(embedding) FROM record_log WHERE {' OR '.join(ranges)} "
            "ORDER BY scored_at DESC, topic, partition, offset LIMIT %(limit)s",
            parameters,
        )
    except UNAVAILABLE as error:
        raise StorageUnavailable(f"the latest documents cannot be read: {error}") from error
    return [Record(**dict(zip(_FIELDS, row[:-1], strict=True)), embedding=bytes.fromhex(row[-1])) for row in rows]
