"""ClickHouse: the schema and its migrations, the writer, the ledger, and the queries people use."""

from storage.ledger import Account, accounts, positions
from storage.migrate import MigrationChanged, migrate
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
    "accounts",
    "connect",
    "migrate",
    "positions",
    "replace_entities",
    "write",
]
