"""ClickHouse: the schema and its migrations, the writer, the ledger, and the queries people use."""

from storage.ledger import Account, accounts, positions
from storage.migrate import MigrationChanged, migrate
from storage.queries import (
    Windows,
    alerts,
    dead_letter,
    dead_letters,
    latest_documents,
    movers,
    moving_documents,
    record_dead_letter_actions,
    select,
    watermark,
    windows,
    write_alerts,
)
from storage.record import COLUMNS, LABELS, Record
from storage.settings import ClickHouseSettings, StorageUnavailable, connect
from storage.writer import replace_entities, write

__all__ = [
    "COLUMNS",
    "LABELS",
    "Account",
    "ClickHouseSettings",
    "MigrationChanged",
    "Record",
    "StorageUnavailable",
    "Windows",
    "accounts",
    "alerts",
    "connect",
    "dead_letter",
    "dead_letters",
    "latest_documents",
    "migrate",
    "movers",
    "moving_documents",
    "positions",
    "record_dead_letter_actions",
    "replace_entities",
    "select",
    "watermark",
    "windows",
    "write",
    "write_alerts",
]
