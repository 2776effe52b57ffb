"""What a worker tells Prometheus; every name starts with ``finsent_``."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from documents import BadRecord, Row

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
RECORDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)


class Metrics:
    """One registry a worker, so that two workers in one process (tests) do not share counts."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.received = Counter("finsent_records_received", "Records taken from Kafka.", ["topic"], registry=registry)
        self.skipped = Counter(
            "finsent_records_skipped",
            "Redelivered records that were stored already.",
            ["topic"],
            registry=registry,
        )
        self.reread = Counter(
            "finsent_records_reread",
            "Records that the client left out and that were read again.",
            registry=registry,
        )
        self.scored = Counter("finsent_records_scored", "Documents scored and stored.", ["topic"], registry=registry)
        self.dead_lettered = Counter(
            "finsent_records_dead_lettered", "Bad records stored.", ["topic", "kind"], registry=registry
        )
        self.batch_records = Histogram("finsent_batch_records", "Records a batch.", buckets=RECORDS, registry=registry)
        self.score_seconds = Histogram(
            "finsent_score_seconds", "Seconds to score a batch.", buckets=SECONDS, registry=registry
        )
        self.insert_seconds = Histogram(
            "finsent_insert_seconds", "Seconds to insert a batch.", buckets=SECONDS, registry=registry
        )
        self.insert_failures = Counter(
            "finsent_insert_failures", "Inserts that failed and were tried again.", registry=registry
        )
        self.lag = Gauge(
            "finsent_lag_records",
            "Records in Kafka that are not stored.",
            ["topic", "partition"],
            registry=registry,
        )
        self.stored_offset = Gauge(
            "finsent_stored_offset", "Last offset stored.", ["topic", "partition"], registry=registry
        )
        self.progress = Gauge(
            "finsent_last_progress_timestamp_seconds",
            "When a batch was last stored (Unix).",
            registry=registry,
        )
        self.model = Gauge("finsent_model_info", "1 for the version that scores.", ["version"], registry=registry)
        self.swaps = Counter("finsent_model_swaps", "Versions taken over from the registry.", registry=registry)
        self.refused = Counter(
            "finsent_model_refused", "Champions that failed a check and were not taken.", ["version"], registry=registry
        )
        self.swap_pause = Gauge(
            "finsent_model_swap_pause_seconds",
            "Seconds for which the last swap held the thread that scores.",
            registry=registry,
        )
        self.swap_seconds = Histogram(
            "finsent_model_swap_seconds",
            "Seconds from hearing of a champion to scoring with it.",
            buckets=SECONDS,
            registry=registry,
        )
        self.shadow = Gauge(
            "finsent_shadow_share",
            "Share of the documents that this version scores in the shadow.",
            ["version"],
            registry=registry,
        )
        self.shadow_documents = Counter(
            "finsent_shadow_documents", "Documents scored in the shadow and stored.", registry=registry
        )
        self.shadow_left_out = Counter(
            "finsent_shadow_left_out",
            "Documents chosen for the shadow and left out, because it could not keep up.",
            registry=registry,
        )
        self.transitions = Counter(
            "finsent_alert_transitions", "Alert transitions written.", ["state"], registry=registry
        )
        self.alert_failures = Counter(
            "finsent_alert_evaluation_failures", "Evaluations of the rules that failed.", registry=registry
        )
        self.evaluated = Gauge(
            "finsent_alert_evaluated_timestamp_seconds", "Event time of the last evaluation (Unix).", registry=registry
        )
        self.alert_seconds = Histogram(
            "finsent_alert_evaluation_seconds",
            "Seconds to evaluate the rules.",
            buckets=SECONDS,
            registry=registry,
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
            else:
                self.scored.labels(at.topic).inc()
        for (topic, partition), offset in last.items():
            self.stored_offset.labels(topic, partition).set(offset)
