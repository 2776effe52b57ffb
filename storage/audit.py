"""Proves that every Kafka record is stored once: by sums over the whole ledger, and by offsets where sums are wrong.

The sums are, for every partition, the first and the last offset, the count, and a checksum. They come from the
projection ``ledger``, so they cost the same on 100 million rows. If there are n rows between ``first`` and
``first + n - 1``, and the checksum is that of exactly these offsets, each of them is there once. The count alone would
not see a gap and a repeat together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import numpy as np
from clickhouse_driver import Client

SUMS = """
SELECT topic, topic_id, partition, min(offset), max(offset), count(), countIf(error_kind != ''), sum(intHash64(offset))
FROM {table}
{where}
GROUP BY topic, topic_id, partition
ORDER BY topic, topic_id, partition
"""

BEFORE = """
SELECT topic, topic_id, partition, countIf(ingested_at < %(since)s) AS earlier, maxIf(offset, ingested_at < %(since)s)
FROM {table}
GROUP BY topic, topic_id, partition
HAVING count() > earlier
ORDER BY topic, topic_id, partition
"""

TOMBSTONES = "SELECT uniqExact(offset) FROM {table} WHERE {here} AND error_kind = 'tombstone'"
"""Records without a value. To the sums they are bad records; one column of the table tells them apart."""

BUCKET = 65_536
HERE = "topic = %(topic)s AND topic_id = %(topic_id)s AND partition = %(partition)s AND offset BETWEEN %(a)s AND %(b)s"

# Where positions are stored, and the (offset, is_bad) of those that people can read, and of tombstones.
TABLES = {
    "record_log": f"""
        SELECT offset, 0 AS is_bad FROM documents WHERE {HERE}
        UNION ALL
        SELECT offset, 1 FROM dead_letters WHERE {HERE}
        UNION ALL
        SELECT DISTINCT offset, 1 FROM record_log WHERE {HERE} AND error_kind = 'tombstone'
    """,
    "label_log": f"SELECT offset, error_kind != '' AS is_bad FROM label_log FINAL WHERE {HERE}",
}

Range = tuple[int, int]
"""First and last offset."""


class Sums(NamedTuple):
    """What the ledger has of one partition. The audit begins at ``first``, whether there is a row or not."""

    table: str
    topic: str
    topic_id: str
    partition: int
    first: int
    last: int
    rows: int
    bad: int
    checksum: int
    begins: bool = True
    """Whether nothing of the partition is stored before ``first``."""


@dataclass
class Audited:
    """The result for one partition. ``missing`` offsets are in no view that people read, ``doubled`` ones are there
    more than once. ``repeats`` counts further rows of a position, which the views leave out and merges remove."""

    topic: str
    topic_id: str
    partition: int
    first: int
    last: int
    stored: int
    dead_lettered: int
    tombstones: int = 0
    repeats: int = 0
    missing: list[Range] = field(default_factory=list)
    doubled: list[Range] = field(default_factory=list)
    begins: bool = True


def sums(client: Client, since: datetime | None = None) -> list[Sums]:
    """The sums of every partition of every topic; with ``since``, from the first offset that was stored since then.

    Without ``since`` this reads a few rows a part; with it, two columns of the table.
    """
    if since is None:
        return [Sums(table, *row) for table in TABLES for row in client.execute(SUMS.format(table=table, where=""))]
    found = []
    for table in TABLES:
        for topic, topic_id, partition, earlier, before in client.execute(BEFORE.format(table=table), {"since": since}):
            first = before + 1 if earlier else 0
            here = {"topic": topic, "topic_id": topic_id, "partition": partition, "a": first, "b": 2**63 - 1}
            for row in client.execute(SUMS.format(table=table, where=f"WHERE {HERE}"), here):
                held = Sums(table, *row)
                found.append(held._replace(first=first, begins=False) if earlier else held)
    return found


def audited(client: Client, since: datetime | None = None) -> list[Audited]:
    """The result for every partition; see ``sums`` for ``since``."""
    made = []
    for held in sums(client, since):
        account = _account(client, held)
        if held.bad:
            here = {"topic": held.topic, "topic_id": held.topic_id, "partition": held.partition, "a": held.first}
            query = TOMBSTONES.format(table=held.table, here=HERE)
            account.tombstones = client.execute(query, {**here, "b": held.last})[0][0]
            account.dead_lettered -= account.tombstones
        made.append(account)
    return made


def audit_plan(client: Client) -> str:
    """How ClickHouse reads the sums of a full audit."""
    return "\n".join(line for (line,) in client.execute("EXPLAIN " + SUMS.format(table="record_log", where="")))


def _account(client: Client, held: Sums) -> Audited:
    made = Audited(*held[1:6], stored=held.rows - held.bad, dead_lettered=held.bad, begins=held.begins)
    size = held.last - held.first + 1
    if held.rows == size and held.checksum == _checksum(client, held.first, size):
        return made
    missing: list[int] = []
    doubled: list[int] = []
    for a, b in _suspects(client, held):
        here = {"topic": held.topic, "topic_id": held.topic_id, "partition": held.partition, "a": a, "b": b}
        rows, bad = client.execute(f"SELECT count(), countIf(error_kind != '') FROM {held.table} WHERE {HERE}", here)[0]
        shown = client.execute(
            f"SELECT offset, count(), sum(is_bad) FROM ({TABLES[held.table]}) GROUP BY offset",
            here,
            columnar=True,
        ) or [[], [], []]
        offsets, counts = np.array(shown[0], np.int64), np.array(shown[1], np.int64)
        missing.extend(np.setdiff1d(np.arange(a, b + 1), offsets).tolist())
        doubled.extend(offsets[counts > 1].tolist())
        shown_bad = int(sum(shown[2]))
        made.repeats += rows - len(offsets)
        # Of a repeated position one row counts.
        made.stored += len(offsets) - shown_bad - (rows - bad)
        made.dead_lettered += shown_bad - bad
    made.missing, made.doubled = ranges(missing), ranges(doubled)
    return made


def _checksum(client: Client, first: int, size: int) -> int:
    query = "SELECT sum(intHash64(number)) FROM numbers(toUInt64(%(first)s), toUInt64(%(size)s))"
    return int(client.execute(query, {"first": first, "size": size})[0][0])


def _suspects(client: Client, held: Sums) -> Iterator[Range]:
    """The ranges of ``BUCKET`` offsets in which an offset is missing or repeated."""
    here = {**held._asdict(), "a": held.first, "b": held.last, "size": held.last - held.first + 1, "bucket": BUCKET}
    found = client.execute(
        f"""
        SELECT bucket FROM
        (
            SELECT intDiv(number, %(bucket)s) AS bucket, toInt64(count()) AS n,
                   toInt64(sum(intHash64(number))) AS checksum
            FROM numbers(toUInt64(%(a)s), toUInt64(%(size)s)) GROUP BY bucket
            UNION ALL
            SELECT intDiv(toUInt64(offset), %(bucket)s), -toInt64(count()), -toInt64(sum(intHash64(offset)))
            FROM {held.table} WHERE {HERE} GROUP BY 1
        )
        GROUP BY bucket
        HAVING sum(n) != 0 OR sum(checksum) != 0
        ORDER BY bucket
        """,
        here,
    )
    for (bucket,) in found:
        yield max(bucket * BUCKET, held.first), min((bucket + 1) * BUCKET - 1, held.last)


def outside(found: Iterable[Range], known: Iterable[Range]) -> list[Range]:
    """The parts of the ranges ``found`` that are in none of ``known``."""
    rest = list(found)
    for first, last in known:
        parts = [part for a, b in rest for part in ((a, min(b, first - 1)), (max(a, last + 1), b))]
        rest = sorted({(a, b) for a, b in parts if a <= b})
    return rest


def ranges(offsets: Iterable[int]) -> list[Range]:
    """Ascending offsets as ranges: 3, 4, 5, 9 -> (3, 5), (9, 9)."""
    found: list[Range] = []
    for offset in sorted(offsets):
        if found and offset == found[-1][1] + 1:
            found[-1] = (found[-1][0], offset)
        else:
            found.append((offset, offset))
    return found
