"""The metrics of a worker, for Prometheus. Every name starts with ``finsent_``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from documents import BadRecord, Row, Tombstone

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
RECORDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)


class Metrics:
    """A registry of its own for each worker, so that two workers in one process (as in tests) do not share counts."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)
        self.received = counter("finsent_records_received", "Records taken from Kafka.", ["topic"])
        self.skipped = counter("finsent_records_skipped", "Redelivered records that were stored already.", ["topic"])
        self.reread = counter("finsent_records_reread", "Records that the client left out and that were read again.")
        self.lost = counter(
            "finsent_offsets_lost",
            "Offsets that Kafka did not have any more when they were to be read.",
            ["topic", "partition", "reason"],
        )
        self.set_back = gauge(
            "finsent_ledger_set_back",
            "Offsets of the 24 hours before the start that ClickHouse had acknowledged and then did not have any more.",
            ["topic", "partition"],
        )
        self.restarts = gauge(
            "finsent_worker_restarts",
            "Workers that ended one after the other before this one started, if that is trouble; and why.",
            ["reason", "subject"],
        )
        self.scored = counter("finsent_records_scored", "Documents scored and stored.", ["topic"])
        self.dead_lettered = counter("finsent_records_dead_lettered", "Bad records stored.", ["topic", "kind"])
        self.tombstones = counter("finsent_records_tombstones", "Records without a value, passed over.", ["topic"])
        self.batch_records = histogram("finsent_batch_records", "Records a batch.", buckets=RECORDS)
        self.score_seconds = histogram("finsent_score_seconds", "Seconds to score a batch.", buckets=SECONDS)
        self.insert_seconds = histogram("finsent_insert_seconds", "Seconds to insert a batch.", buckets=SECONDS)
        self.insert_failures = counter("finsent_insert_failures", "Inserts that failed and were tried again.")
        self.registry_waiting = gauge(
            "finsent_registry_waiting", "1 while records wait for the schema registry, which is away."
        )
        self.registry_failures = counter(
            "finsent_registry_failures", "Times that the schema registry was asked for a schema and was away."
        )
        self.lag = gauge("finsent_lag_records", "Records in Kafka that are not stored.", ["topic", "partition"])
        self.lag_seconds = gauge(
            "finsent_lag_seconds", "Seconds that the oldest record waits that is not stored.", ["topic", "partition"]
        )
        self.held_stored = gauge(
            "finsent_held_records_stored_ratio",
            "Of the offsets that Kafka still holds, the share that is stored; near 0, retention is about to win.",
            ["topic", "partition"],
        )
        self.stored_offset = gauge("finsent_stored_offset", "Last offset stored.", ["topic", "partition"])
        self.progress = gauge("finsent_last_progress_timestamp_seconds", "When a batch was last stored (Unix).")
        self.model = gauge("finsent_model_info", "1 for the version that scores.", ["version"])
        self.champion_unknown = gauge(
            "finsent_champion_unknown", "1 while the registry does not say which version is the champion."
        )
        self.swaps = counter("finsent_model_swaps", "Versions taken over from the registry.")
        self.refused = counter(
            "finsent_model_refused", "Champions that failed a check and were not taken.", ["version"]
        )
        self.swap_pause = gauge(
            "finsent_model_swap_pause_seconds", "Seconds for which the last swap held the thread that scores."
        )
        self.swap_seconds = histogram(
            "finsent_model_swap_seconds", "Seconds from hearing of a champion to scoring with it.", buckets=SECONDS
        )
        self.shadow = gauge(
            "finsent_shadow_share", "Share of the documents that this version scores in the shadow.", ["version"]
        )
        self.shadow_documents = counter("finsent_shadow_documents", "Documents scored in the shadow and stored.")
        self.shadow_left_out = counter(
            "finsent_shadow_left_out", "Documents chosen for the shadow and left out, because it could not keep up."
        )
        self.transitions = counter("finsent_alert_transitions", "Alert transitions written.", ["state"])
        self.alert_failures = counter("finsent_alert_evaluation_failures", "Evaluations of the rules that failed.")
        self.evaluated = gauge("finsent_alert_evaluated_timestamp_seconds", "Event time of the last evaluation (Unix).")
        self.alert_seconds = histogram(
            "finsent_alert_evaluation_seconds", "Seconds to evaluate the rules.", buckets=SECONDS
        )

    def count_stored(self, rows: Sequence[Row]) -> None:
        """Count ``rows``, which are stored now."""
        self.progress.set_to_current_time()
        self.batch_records.observe(len(rows))
        last: dict[tuple[str, int], int] = {}
        for row in rows:
            at = row.position
            last[at.topic, at.partition] = at.offset
            if isinstance(row, BadRecord):
                self.dead_lettered.labels(at.topic, row.kind).inc()
            elif isinstance(row, Tombstone):
                self.tombstones.labels(at.topic).inc()
            else:
                self.scored.labels(at.topic).inc()
        for (topic, partition), offset in last.items():
            self.stored_offset.labels(topic, partition).set(offset)
