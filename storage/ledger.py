"""What is stored of each Kafka partition: the proof of exactly once, and where a worker continues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from clickhouse_driver import Client

from storage.cluster import SEQUENTIAL
from storage.connection import UNAVAILABLE, StorageUnavailable
from storage.losses import Partition, lives
from storage.stored_ranges import dropped_ranges

LEDGER = """
SELECT topic, topic_id, partition, max(offset)
FROM record_log
WHERE (topic, topic_id) IN %(topics)s
GROUP BY topic, topic_id, partition
UNION ALL
SELECT topic, topic_id, partition, max(offset)
FROM label_log
WHERE (topic, topic_id) IN %(topics)s
GROUP BY topic, topic_id, partition
"""
"""A topic is in one of the two tables."""

FORMER_LEDGER = """
SELECT topic, topic_id, partition, max(offset)
FROM {table}
WHERE topic IN %(topics)s AND splitByChar('+', topic_id)[1] NOT IN %(ids)s
GROUP BY topic, topic_id, partition
"""
FORMER_LEDGER = " UNION ALL ".join(
    [FORMER_LEDGER.format(table=table) for table in ("record_log", "label_log")]
    + [FORMER_LEDGER.format(table="stored_ranges").replace("max(offset)", "max(last)")]
)


def last_stored(client: Client, topics: Iterable[tuple[str, str]]) -> dict[tuple[str, str, int], int]:
    """The last stored offset of each (topic, topic id, partition), for these topics and ids, also of those whose rows
    people have dropped since. Raises ``StorageUnavailable``."""
    wanted = list(topics)
    try:
        rows = client.execute(LEDGER, {"topics": wanted}, settings=SEQUENTIAL)
        found = {(topic, topic_id, partition): offset for topic, topic_id, partition, offset in rows}
        for dropped in dropped_ranges(client, wanted, beyond=found):
            found[dropped.of] = max(dropped.last, found.get(dropped.of, -1))
    except UNAVAILABLE as error:
        raise StorageUnavailable(f"the ledger cannot be read: {error}") from error
    return found


def positions(client: Client, topic_ids: Mapping[str, str]) -> dict[Partition, int]:
    """The last stored offset of each (topic, partition), for the topics with the identities ``topic_ids``.

    Of a partition whose log was cut off, that is the last one since then. Answered from the projection inside each
    part, so it costs the same on 100 million rows. Raises ``StorageUnavailable``.
    """
    cut = lives(client, topic_ids)
    wanted = [*topic_ids.items(), *((topic, life.topic_id) for (topic, _), life in cut.items())]
    found = {partition: life.first - 1 for partition, life in cut.items()}
    for (topic, topic_id, partition), offset in last_stored(client, wanted).items():
        life = cut.get((topic, partition))
        if topic_id == (life.topic_id if life else topic_ids[topic]):
            found[topic, partition] = offset
    return found


def former_positions(client: Client, topic_ids: Mapping[str, str]) -> dict[tuple[str, str, int], int]:
    """The last stored offset of each (topic, topic id, partition) of topics that had these names, and other identities.
    Raises ``StorageUnavailable``."""
    try:
        rows = client.execute(
            FORMER_LEDGER, {"topics": list(topic_ids), "ids": list(topic_ids.values())}, settings=SEQUENTIAL
        )
    except UNAVAILABLE as error:
        raise StorageUnavailable(f"the ledger cannot be read: {error}") from error
    found: dict[tuple[str, str, int], int] = {}
    for *where, offset in rows:
        partition = (where[0], where[1], where[2])
        found[partition] = max(offset, found.get(partition, -1))
    return found


class Account(NamedTuple):
    """What is stored of one partition. ``rows`` also counts repeats, ``bad`` counts the dead letters."""

    topic: str
    topic_id: str
    partition: int
    first: int
    last: int
    rows: int
    distinct: int
    bad: int


def accounts(client: Client, topic_ids: Mapping[str, str]) -> list[Account]:
    """The accounts of every partition of the topics, as the views show them: each position once."""
    rows = client.execute(
        """
        SELECT topic, topic_id, partition, min(offset), max(offset), count(), uniqExact(offset),
               countIf(error_kind NOT IN ('', 'tombstone'))
        FROM record_log FINAL
        WHERE (topic, topic_id) IN %(topics)s
        GROUP BY topic, topic_id, partition
        ORDER BY topic, partition
        """,
        {"topics": list(topic_ids.items())},
    )
    return [Account(*row) for row in rows]
