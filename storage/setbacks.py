"""Rows that ClickHouse had acknowledged and does not have any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from clickhouse_driver import Client

from storage.connection import UNAVAILABLE, StorageUnavailable
from storage.ledger import last_stored

LedgerPartition = tuple[str, str, int]
"""Topic, topic id and number."""


class Setback(NamedTuple):
    """The offsets ``first <= offset < end`` of one partition were stored, and are gone from the end of its ledger."""

    topic: str
    topic_id: str
    partition: int
    first: int
    end: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}: offsets {self.first} to {self.end - 1}"


class DatedSetback(NamedTuple):
    """A setback, who noticed it, and when."""

    setback: Setback
    worker: str
    at: datetime

    def __str__(self) -> str:
        return f"{self.setback} had been stored and were gone when a worker connected again; it went back to read them"


def setbacks(client: Client, acknowledged: Mapping[LedgerPartition, int]) -> list[Setback]:
    """Where the ledger ends before ``acknowledged``, the last offset of each partition whose insert has succeeded.
    Raises ``StorageUnavailable``."""
    stored = last_stored(client, {key[:2] for key in acknowledged}) if acknowledged else {}
    return [
        Setback(*key, stored.get(key, -1) + 1, last + 1)
        for key, last in sorted(acknowledged.items())
        if stored.get(key, -1) < last
    ]


def write_setbacks(client: Client, worker: str, found: Sequence[Setback]) -> None:
    """Store them. Raises ``StorageUnavailable``."""
    now = datetime.now(UTC)
    try:
        columns = ", ".join((*Setback._fields, "worker", "at"))
        client.execute(f"INSERT INTO ledger_setbacks ({columns}) VALUES", [(*one, worker, now) for one in found])
    except UNAVAILABLE as error:
        raise StorageUnavailable(f"setbacks of the ledger cannot be stored: {error}") from error


def setbacks_lately(client: Client, moment: datetime | None = None) -> list[DatedSetback]:
    """Those of the last 24 hours, or of those before ``moment``, the latest one last. Raises ``StorageUnavailable``."""
    now = "toDateTime64(%(moment)s, 0, 'UTC')" if moment else "now64(3)"
    try:
        rows = client.execute(
            f"""
            SELECT topic, topic_id, partition, first, end, worker, at FROM ledger_setbacks
            WHERE at > {now} - INTERVAL 1 DAY
            ORDER BY at
            """,
            {"moment": moment},
        )
    except UNAVAILABLE as error:
        raise StorageUnavailable(f"setbacks of the ledger cannot be read: {error}") from error
    return [DatedSetback(Setback(*row[:5]), *row[5:]) for row in rows if moment is None or row[6] <= moment]
