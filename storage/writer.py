"""Writes a batch as one insert of one block into one partition of a table: all of it is stored, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from clickhouse_driver import Client

from documents import KINDS, BadRecord, Document, Entity, Kind, Label, Row, Tombstone
from documents.events import EventType
from errors import many
from storage.connection import UNAVAILABLE, UNSTORABLE, WHOLE_INSERT, StorageUnavailable, UnstorableValue, first_line
from storage.insert import insert_alone
from storage.record import COLUMNS, columns_of
from storage.writes.labels import INSERT_LABELS, label_columns

INSERT = f"INSERT INTO record_log ({', '.join(f'`{column}`' for column in COLUMNS)}) VALUES"


def write_documents(
    client: Client,
    rows: Sequence[Document | BadRecord | Tombstone],
    stamp: bool = True,
    kinds: Mapping[str, Kind] = KINDS,
) -> None:
    """Store documents, bad records and tombstones (of any number of Kafka partitions) in ``record_log``, as one block:
    all or none of them are stored.

    All get the time of the call as ``ingested_at``. Without ``stamp`` they keep their own: for a history that is loaded
    afterwards, with the rows of one calendar month in a call. ``kinds`` gives the kind that a topic's bad records would
    have had.

    Raises ``StorageUnavailable`` when it is not known whether they were stored. The ledger knows it. Raises
    ``ValueError`` or another error of Python's for a value that no row can have; then none is stored.
    """
    if rows:
        _stamp(rows, stamp)
        documents = [row for row in rows if isinstance(row, Document)]
        others = [row for row in rows if not isinstance(row, Document)]
        _insert(client, INSERT, columns_of(documents, others, kinds))


def write_labels(client: Client, rows: Sequence[Label | BadRecord | Tombstone], stamp: bool = True) -> None:
    """Store labels, and the bad records and tombstones of their topic, in ``label_log``, as
    ``write_documents`` does."""
    if rows:
        _stamp(rows, stamp)
        labels = [row for row in rows if isinstance(row, Label)]
        others = [row for row in rows if not isinstance(row, Label)]
        _insert(client, INSERT_LABELS, label_columns(labels, others))


def _stamp(rows: Sequence[Row], stamp: bool) -> None:
    if stamp:
        now = datetime.now(UTC)
        for row in rows:
            row.ingested_at = now


def _insert(client: Client, insert: str, columns: list[list[Any]]) -> None:
    try:
        insert_alone(client, insert, columns, columnar=True, settings=WHOLE_INSERT)
    except UNSTORABLE as error:
        raise UnstorableValue(first_line(error)) from error
    except UNAVAILABLE as error:
        raise StorageUnavailable(f"insert of {many(len(columns[0]), 'row')}: {first_line(error)}") from error


def replace_entities(client: Client, entities: Iterable[Entity]) -> None:
    """Store the watch list for joins; those left out are removed."""
    now = datetime.now(UTC)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    columns = ("ticker", "name", "desk", "sector", "entity_type", "leads")
    rows = [(*(getattr(one, column) for column in columns), now) for one in entities]
    client.execute(f"INSERT INTO entities ({', '.join(columns)}, loaded_at) VALUES", rows)
    # By their time, and not by their names: those of tens of thousands of entities would be too long a query.
    client.execute("DELETE FROM entities WHERE loaded_at < %(now)s", {"now": now.isoformat(" ", "milliseconds")[:23]})


def replace_event_types(client: Client, types: Iterable[EventType]) -> None:
    """Store the taxonomy of events, whose half-lives the views need; types that are left out are removed."""
    now = datetime.now(UTC)
    columns = ("polarity", "severity", "half_life_h", "pages", "witnesses", "again", "definition")
    rows = [(one.name, one.group, *(getattr(one, column) for column in columns), now) for one in types]
    client.execute(f"INSERT INTO known_event_types (type, event_group, {', '.join(columns)}, loaded_at) VALUES", rows)
    names = [row[0] for row in rows] or [""]
    client.execute("DELETE FROM known_event_types WHERE type NOT IN %(names)s", {"names": names})
