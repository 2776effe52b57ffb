"""Everything that is read from ClickHouse: one file for each kind of thing, named after what is read.

Reading and writing are apart (``storage.writes``), because they have little in common: readers use the public views,
which show each record once, and need no more than SELECT; writers append to the tables below. Input reaches SQL only
as parameters. All functions raise what clickhouse-driver raises (``storage.UNAVAILABLE``), unless they say otherwise.
"""

from storage.reads.actions import SignInAttempt, actions, sign_in_attempts, signed_out_since
from storage.reads.alerts import alerts_now, alerts_recorded, transitions_to_send
from storage.reads.candidates import confident_documents, unlabelled_documents
from storage.reads.dead_letters import dead_letters, dead_letters_at, dead_letters_between
from storage.reads.deliveries import deliveries, digests_done, has_outcome
from storage.reads.documents import entities_stored, latest_offsets, latest_texts, recent_documents
from storage.reads.drift import ArrivedDocuments, arrived_documents, counts_by_source, drift_now, scoring_version
from storage.reads.emerging_topics import SampledDocument, emerging_documents, emerging_topics, sample_documents
from storage.reads.english_stories import english_stories
from storage.reads.events import EventReport, SourceDay, event_reports, events_stored, events_told, source_days
from storage.reads.feeds import Feed, active_feeds, event_time_watermark, newest_document
from storage.reads.holdings import exposures, holdings, holdings_by_company, recorded_holdings
from storage.reads.labels import count_labels, first_label_at, latest_labels
from storage.reads.moving import moving_documents, rising_topics
from storage.reads.opened import LookedAt, looked_at
from storage.reads.prices import Closes, closes, priced
from storage.reads.rescoring import Rescoring
from storage.reads.searches import SavedSearch, saved_searches
from storage.reads.shadow import ShadowScores, count_shadow_documents, shadow_scores
from storage.reads.silences import silences_at
from storage.reads.topics import topic_counts
from storage.reads.training_runs import training_runs
from storage.reads.windows import (
    CoarseWindows,
    Topics,
    Windows,
    coarse_windows,
    market_minutes,
    sentiment_and_topic_windows,
    sentiment_windows,
    stored_hours,
    windows,
)
from storage.reads.worker_ends import IN_A_ROW, Restarts, restarts, trouble, worker_ends
from storage.reads.workers import HEARTBEAT_S, live_workers, refusals

__all__ = [
    # documents
    "Rescoring",
    "english_stories",
    "entities_stored",
    "latest_offsets",
    "latest_texts",
    "recent_documents",
    # events
    "EventReport",
    "SourceDay",
    "event_reports",
    "events_stored",
    "events_told",
    "source_days",
    # people
    "LookedAt",
    "SavedSearch",
    "looked_at",
    "saved_searches",
    # series and shifts
    "CoarseWindows",
    "Topics",
    "Windows",
    "coarse_windows",
    "market_minutes",
    "moving_documents",
    "rising_topics",
    "sentiment_and_topic_windows",
    "sentiment_windows",
    "stored_hours",
    "windows",
    # topics
    "SampledDocument",
    "emerging_documents",
    "emerging_topics",
    "sample_documents",
    "topic_counts",
    # alerts
    "alerts_now",
    "alerts_recorded",
    "deliveries",
    "digests_done",
    "has_outcome",
    "silences_at",
    "transitions_to_send",
    # positions
    "exposures",
    "holdings",
    "holdings_by_company",
    "recorded_holdings",
    # prices
    "Closes",
    "closes",
    "priced",
    # labels
    "confident_documents",
    "count_labels",
    "first_label_at",
    "latest_labels",
    "unlabelled_documents",
    # models
    "ArrivedDocuments",
    "ShadowScores",
    "arrived_documents",
    "count_shadow_documents",
    "counts_by_source",
    "drift_now",
    "scoring_version",
    "shadow_scores",
    "training_runs",
    # health and audit
    "HEARTBEAT_S",
    "IN_A_ROW",
    "Feed",
    "Restarts",
    "actions",
    "active_feeds",
    "dead_letters",
    "dead_letters_at",
    "dead_letters_between",
    "event_time_watermark",
    "newest_document",
    "live_workers",
    "refusals",
    "restarts",
    "SignInAttempt",
    "sign_in_attempts",
    "signed_out_since",
    "trouble",
    "worker_ends",
]
