"""Writes a batch as one insert of one block into one table partition: it lands whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from clickhouse_driver import Client

from documents.record import Record
from storage.connection import UNAVAILABLE, WHOLE_INSERT, StorageUnavailable
from storage.record import COLUMNS, FIELDS
from storage.writes.labels import INSERT_LABELS, label_columns

INSERT = f"INSERT INTO record_log ({', '.join(f'`{column}`' for column in COLUMNS)}) VALUES"


def write(client: Client, records: Sequence[Record], stamp: bool = True) -> None:
    """Store ``records`` (of any number of Kafka partitions), stamping all with one ``ingested_at``.

    Without ``stamp`` they keep their own: for a history that is loaded afterwards, of one calendar month a call.

    Labels go to a table of their own, so they and documents do not come in one call. Raises ``StorageUnavailable``
    when it is not known whether they were stored; ask the ledger then.
    """
    if not records:
        return
    now = datetime.now(UTC)
    if stamp:
        for record in records:
            record.ingested_at = now
    if records[0].kind == "label":
        insert, columns = INSERT_LABELS, label_columns(records)
    else:
        insert, columns = INSERT, [[getattr(record, name) for record in records] for name in FIELDS]
    try:
        client.execute(insert, columns, columnar=True, settings=WHOLE_INSERT)
    except UNAVAILABLE as error:
        raise StorageUnavailable(f"insert of {len(records)} rows: {_first_line(error)}") from error


def replace_entities(client: Client, companies: Iterable[Any]) -> None:
    """Store the watch list (objects with ticker, name, desk, sector) for joins; those left out are removed."""
    now = datetime.now(UTC)
    rows = [(company.ticker, company.name, company.desk, company.sector, now) for company in companies]
    client.execute("INSERT INTO entities VALUES", rows)
    client.execute("DELETE FROM entities WHERE loaded_at < %(now)s", {"now": now})


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
