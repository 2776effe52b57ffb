"""ClickHouse: the connection, the schema, the writing of records, and the proof that each one is stored once.

- ``storage.reads``: everything that is read, ``storage.writes``: everything else that is written
- ``storage.access``: who may read and write what
- ``storage.questions``: the cookbook
"""

from storage.audit import Audited, audit_plan, audited, ranges
from storage.connection import UNAVAILABLE, StorageUnavailable, connect
from storage.dictionary import comment_views, dictionary_faults, dictionary_page, public_views
from storage.ledger import Account, accounts, positions
from storage.migrate import MigrationChanged, migrate
from storage.owners import deaths, write_owner
from storage.rows import Row, select
from storage.schema import schema_page
from storage.writer import replace_entities, write_documents, write_labels

__all__ = [
    # connection
    "UNAVAILABLE",
    "Row",
    "StorageUnavailable",
    "connect",
    "select",
    # schema
    "MigrationChanged",
    "comment_views",
    "dictionary_faults",
    "dictionary_page",
    "migrate",
    "public_views",
    "schema_page",
    # records from Kafka
    "replace_entities",
    "write_documents",
    "write_labels",
    # ledger and audit
    "Account",
    "Audited",
    "accounts",
    "audit_plan",
    "audited",
    "deaths",
    "positions",
    "ranges",
    "write_owner",
]
