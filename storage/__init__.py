"""ClickHouse: the connection, the schema, the writing of records, and the proof that each one is stored once.

- ``storage.reads``: everything that is read, ``storage.writes``: everything else that is written
- ``storage.access``: who may read and write what
- ``storage.questions``: the cookbook
"""

from storage.as_of import as_of, by_what_is_stored_today, views_of_the_present
from storage.audit import Audited, audit_plan, audited, outside, ranges
from storage.backups import back_up, place_of, restore
from storage.cluster import UnusableCluster
from storage.connection import UNAVAILABLE, StorageUnavailable, connect
from storage.dictionary import comment_views, dictionary_faults, dictionary_page, public_views
from storage.epochs import NO_EPOCH, EpochEnd, known_epochs, write_epochs
from storage.erasure import Person, Sent, counts_about, erase_person, find_person, held_about, minutes_on_disk, sent_by
from storage.export import AS_OF, DAY_OF, CannotExport, arrow_type, export_day, export_days
from storage.ledger import Account, accounts, former_positions, last_stored, positions
from storage.losses import (
    DatedLoss,
    Life,
    Loss,
    LossReason,
    Partition,
    broker_topic_id,
    known_ends,
    lives,
    lost_lately,
    lost_ranges,
    next_life,
    write_ends,
    write_losses,
)
from storage.migrate import MigrationChanged, migrate, set_durability
from storage.one_server import SeveralServers, check_one_server
from storage.owners import deaths, write_owner
from storage.refusals import obstacles, refusal
from storage.retention import set_retention
from storage.rows import Row, select
from storage.schema import schema_page
from storage.setbacks import DatedSetback, Setback, setbacks, setbacks_lately, write_setbacks
from storage.stored_ranges import StoredRange, dropped_ranges, table_partition, write_stored_ranges
from storage.writer import replace_entities, replace_event_types, write_documents, write_labels

__all__ = [
    # connection
    "UNAVAILABLE",
    "Row",
    "SeveralServers",
    "StorageUnavailable",
    "UnusableCluster",
    "check_one_server",
    "connect",
    "obstacles",
    "refusal",
    "select",
    # schema
    "MigrationChanged",
    "back_up",
    "comment_views",
    "dictionary_faults",
    "dictionary_page",
    "migrate",
    "place_of",
    "public_views",
    "restore",
    "schema_page",
    "set_durability",
    "set_retention",
    # as of a moment
    "as_of",
    "by_what_is_stored_today",
    "views_of_the_present",
    # export
    "AS_OF",
    "DAY_OF",
    "CannotExport",
    "arrow_type",
    "export_day",
    "export_days",
    # records from Kafka
    "NO_EPOCH",
    "replace_entities",
    "replace_event_types",
    "write_documents",
    "write_labels",
    # ledger and audit
    "Account",
    "Audited",
    "accounts",
    "audit_plan",
    "audited",
    "StoredRange",
    "deaths",
    "dropped_ranges",
    "former_positions",
    "last_stored",
    "outside",
    "positions",
    "ranges",
    "table_partition",
    "write_owner",
    "write_stored_ranges",
    # a person's data
    "Person",
    "Sent",
    "counts_about",
    "erase_person",
    "find_person",
    "held_about",
    "minutes_on_disk",
    "sent_by",
    # what Kafka lost
    "DatedLoss",
    "EpochEnd",
    "Life",
    "Loss",
    "LossReason",
    "Partition",
    "broker_topic_id",
    "known_ends",
    "known_epochs",
    "lives",
    "lost_lately",
    "lost_ranges",
    "next_life",
    "write_ends",
    "write_epochs",
    "write_losses",
    # what ClickHouse lost
    "DatedSetback",
    "Setback",
    "setbacks",
    "setbacks_lately",
    "write_setbacks",
]
