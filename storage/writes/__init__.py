"""Everything that is written to ClickHouse but the records from Kafka, which ``storage.writer`` stores exactly once.

One file for each table or two, named after what is written; its reader is the file of the same name in
``storage.reads``. Rows are only ever added: where a row replaces another, the table's engine keeps the latest one. All
functions raise what clickhouse-driver raises (``storage.UNAVAILABLE``).
"""

from storage.writes.actions import record_action
from storage.writes.alerts import acknowledge, write_alerts
from storage.writes.claims import claim, renew_claim
from storage.writes.dead_letters import record_dead_letter_actions
from storage.writes.deliveries import write_deliveries
from storage.writes.drift import DriftRow, write_drift
from storage.writes.emerging_topics import write_emerging_topics
from storage.writes.feed_polls import FeedPoll, write_feed_polls
from storage.writes.holdings import write_holdings
from storage.writes.models import write_model, write_model_event
from storage.writes.opened import write_opened
from storage.writes.prices import write_prices
from storage.writes.rescored import write_rescored
from storage.writes.searches import delete_search, save_search
from storage.writes.settled_hours import settle_hours
from storage.writes.shadow import ShadowRow, write_shadow_rows
from storage.writes.silences import add_silence
from storage.writes.training_runs import RUN_COLUMNS, write_training_run
from storage.writes.worker_ends import WorkerEnd, write_worker_ends
from storage.writes.workers import write_heartbeat

__all__ = [
    # alerts
    "acknowledge",
    "add_silence",
    "claim",
    "renew_claim",
    "write_alerts",
    "write_deliveries",
    # positions
    "write_holdings",
    # prices
    "write_prices",
    # indices
    "settle_hours",
    # topics
    "write_emerging_topics",
    # models
    "RUN_COLUMNS",
    "DriftRow",
    "ShadowRow",
    "write_drift",
    "write_model",
    "write_model_event",
    "write_rescored",
    "write_shadow_rows",
    "write_training_run",
    # health and audit
    "FeedPoll",
    "WorkerEnd",
    "record_action",
    "record_dead_letter_actions",
    "write_feed_polls",
    "write_heartbeat",
    "write_worker_ends",
    # people
    "delete_search",
    "save_search",
    "write_opened",
]
