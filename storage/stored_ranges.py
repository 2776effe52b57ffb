"""What was stored in partitions of tables that people have dropped since, to keep disks small.

A partition of ``record_log`` holds the rows of a month. Its rows are the proof that they are stored, and nothing else
is: ``stored_ranges`` counts only for a month of which no row is there any more. So an entry that is ahead of the table
hides nothing (a power failure may take the last rows of one table and leave those of another): the month has other
rows, and their maximum counts. If an entry is some seconds behind, the records that it lacks are read and stored again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from clickhouse_driver import Client

from storage.cluster import SEQUENTIAL
from storage.connection import UNAVAILABLE, StorageUnavailable

LedgerPartition = tuple[str, str, int]
"""Topic, topic id and number."""

RANGES = """
SELECT topic, topic_id, partition, stored_in, table_partition, min(first), max(last)
FROM stored_ranges
{where}
GROUP BY topic, topic_id, partition, stored_in, table_partition
ORDER BY topic, topic_id, partition, min(first)
"""
HELD = """
SELECT topic, topic_id, partition FROM {table}
WHERE _partition_id = %(table_partition)s AND (topic, topic_id, partition) IN %(wanted)s
GROUP BY topic, topic_id, partition
"""


class StoredRange(NamedTuple):
    """The first and the last offset of a Kafka partition that were stored in one partition of a table."""

    topic: str
    topic_id: str
    partition: int
    stored_in: str
    table_partition: str
    first: int
    last: int

    @property
    def of(self) -> LedgerPartition:
        """The Kafka partition."""
        return self.topic, self.topic_id, self.partition


def table_partition(stored_in: str, ingested_at: datetime) -> str:
    """The id of the partition of the table ``stored_in`` that a row of that time is in."""
    return f"{ingested_at.astimezone(UTC):%Y%m}" if stored_in == "record_log" else "all"


def write_stored_ranges(client: Client, ranges: Sequence[StoredRange]) -> None:
    """Store them; they widen those that are known. Raises ``StorageUnavailable``."""
    now = datetime.now(UTC)
    try:
        columns = ", ".join((*StoredRange._fields, "at"))
        client.execute(f"INSERT INTO stored_ranges ({columns}) VALUES", [(*one, now) for one in ranges])
    except UNAVAILABLE as error:
        raise StorageUnavailable(f"the ranges of stored offsets cannot be written: {error}") from error


def dropped_ranges(
    client: Client, topics: Iterable[tuple[str, str]] | None = None, beyond: Mapping[LedgerPartition, int] | None = None
) -> list[StoredRange]:
    """The ranges of which no row is stored any more: people have dropped them.

    Of these ``topics`` (and ids) alone, if any are given; with ``beyond`` only those that end behind the offset there.
    Raises what the driver raises.
    """
    where = "" if topics is None else "WHERE (topic, topic_id) IN %(topics)s"
    # A replica that is behind could take a month for dropped, or not know that it is.
    rows = client.execute(RANGES.format(where=where), {"topics": list(topics or [])}, settings=SEQUENTIAL)
    known = [StoredRange(*row) for row in rows]
    if beyond is not None:
        known = [one for one in known if one.last > beyond.get(one.of, -1)]
    by_table: dict[tuple[str, str], list[StoredRange]] = {}
    for one in known:
        by_table.setdefault((one.stored_in, one.table_partition), []).append(one)
    held = {
        (*where_stored, *row)
        for where_stored, some in by_table.items()
        for row in client.execute(
            HELD.format(table=where_stored[0]),
            {"table_partition": where_stored[1], "wanted": [one.of for one in some]},
            settings=SEQUENTIAL,
        )
    }
    return [one for one in known if (one.stored_in, one.table_partition, *one.of) not in held]
