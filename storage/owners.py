"""How often workers have died with a partition at the same place: the journal by which a deadly record is suspected.

The journal is a table, and not a file, because a partition may move to another machine. It has one row for a partition
when a worker takes it over, and one when the worker gives it back. It needs none for each batch: the ledger says where
every owner stopped. One that did not give its partition back died with the records behind that place under way. A kill
loses nothing of the journal, as an owner that dies has nothing to write.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from clickhouse_driver import Client

from storage.connection import UNAVAILABLE, StorageUnavailable

Partition = tuple[str, str, int]
"""Topic, topic id and number."""

INSERT = "INSERT INTO partition_owners (topic, topic_id, partition, at, worker, next_offset, given_back) VALUES"
LATEST = """
SELECT topic, topic_id, partition, worker, next_offset, given_back
FROM partition_owners
WHERE (topic, topic_id) IN %(topics)s
ORDER BY at DESC
LIMIT 50 BY topic, topic_id, partition
"""


def write_owner(client: Client, worker: str, positions: Mapping[Partition, int], given_back: bool = False) -> None:
    """Note that ``worker`` has taken over the partitions, whose next offsets are ``positions``, or has given them back
    with nothing under way. Raises ``StorageUnavailable``."""
    now = datetime.now(UTC)
    rows = [(*partition, now, worker, offset, given_back) for partition, offset in positions.items()]
    try:
        client.execute(INSERT, rows)
    except UNAVAILABLE as error:
        raise StorageUnavailable(f"the owners of partitions cannot be written: {error}") from error


def deaths(client: Client, worker: str, positions: Mapping[Partition, int]) -> dict[Partition, int]:
    """How many of the latest owners of each partition died in a row without storing anything of it, where the next
    offsets are ``positions`` now. ``worker`` asks, so it lives. Raises ``StorageUnavailable``.
    """
    try:
        rows = client.execute(LATEST, {"topics": sorted({partition[:2] for partition in positions})})
    except UNAVAILABLE as error:
        raise StorageUnavailable(f"the owners of partitions cannot be read: {error}") from error
    history: dict[Partition, list[tuple[str, int, bool]]] = {}
    for *partition, owner, offset, given_back in rows:
        history.setdefault((partition[0], partition[1], partition[2]), []).append((owner, offset, given_back))
    return {partition: _deaths(history.get(partition, []), worker, offset) for partition, offset in positions.items()}


def _deaths(history: list[tuple[str, int, bool]], worker: str, now: int) -> int:
    """``history`` is (owner, next offset, whether it gave the partition back), the latest first."""
    found, stopped_at, lived = 0, now, {worker}
    for owner, offset, given_back in history:
        if not given_back:
            if stopped_at != now:
                break
            found += owner not in lived
            stopped_at = offset
        lived.add(owner)
    return found
