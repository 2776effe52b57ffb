"""What ClickHouse has told this worker to be stored. At every new connection it must still be there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from clickhouse_driver import Client

from documents import Row
from storage import (
    StorageUnavailable,
    StoredRange,
    setbacks,
    setbacks_lately,
    table_partition,
    write_setbacks,
    write_stored_ranges,
)
from stream.upkeep.metrics import Metrics
from stream.upkeep.patient_client import PatientClient

log = logging.getLogger(__name__)

KEEP_EVERY_S = 10.0

Month = tuple[str, str, int, str, str]
"""Topic, topic id, number, table, and the table's partition."""


class Acknowledged:
    """The last offset of each partition whose insert has succeeded. For the thread that stores.

    A server may come back without rows that it has acknowledged: its host lost power before they were on the disk, or a
    replica that was behind took its place, or somebody put back an older copy. The next insert would then hide the gap,
    as the ledger is a maximum. So ``check`` is called at each new connection, before anything is inserted over it.
    Where the ledger has fallen behind, ``start_anew`` is called, which ends the process: the next one continues from
    the ledger, and reads again what Kafka still has.
    """

    def __init__(self, worker: str, metrics: Metrics, start_anew: Callable[[str, str], None]) -> None:
        self._worker, self._metrics, self._start_anew = worker, metrics, start_anew
        self._last: dict[tuple[str, str, int], int] = {}
        self._noted: dict[Month, tuple[int, int]] = {}
        self._settled: dict[Month, tuple[int, int]] = {}

    def note(self, rows: Iterable[Row], table: str) -> None:
        """``rows`` are stored in ``table``."""
        for row in rows:
            at = row.position
            where = at.topic, at.topic_id, at.partition
            self._last[where] = max(at.offset, self._last.get(where, -1))
            month = (*where, table, table_partition(table, row.ingested_at))
            first, last = self._noted.get(month, (at.offset, at.offset))
            self._noted[month] = min(first, at.offset), max(last, at.offset)

    def keep(self, client: PatientClient, all_of_it: bool = False) -> None:
        """Store which offsets each partition of the tables has, for the time when people have dropped that partition.
        It need not be up to date: a call stores what was noted before the previous call. ``all_of_it``, at the end,
        stores everything. Raises ``GaveUp``."""
        if all_of_it:
            self._settle()
        found = [StoredRange(*where, *offsets) for where, offsets in self._settled.items()]
        if found:
            client.call(lambda connected: write_stored_ranges(connected, found))
        self._settled = {}
        self._settle()

    def _settle(self) -> None:
        for where, (first, last) in self._noted.items():
            known = self._settled.get(where, (first, last))
            self._settled[where] = min(first, known[0]), max(last, known[1])
        self._noted = {}

    def check(self, client: Client) -> None:
        """``client`` has a new connection. Raises ``StorageUnavailable``."""
        if not self._last:
            self._report(client)
            return
        found = setbacks(client, self._last)
        if not found:
            return
        for one in found:
            log.error("stored rows are gone: %s; they are read again", one, extra={"setback": one._asdict()})
        try:
            write_setbacks(client, self._worker, found)
        except StorageUnavailable as error:
            log.error("%s", error)
        more = f", and in {len(found) - 1} more partitions" if len(found) > 1 else ""
        why = f"ClickHouse does not have rows any more that it had acknowledged ({found[0]}{more})"
        self._start_anew(f"{why}: the worker starts anew from the ledger", f"{found[0].topic}/{found[0].partition}")

    def _report(self, client: Client) -> None:
        """Set the metric, at the start, to what workers before this one have noticed."""
        self._metrics.set_back.clear()
        for setback, _, _ in setbacks_lately(client):
            self._metrics.set_back.labels(setback.topic, setback.partition).inc(setback.end - setback.first)
