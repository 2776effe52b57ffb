"""Metrics and logs over OTLP, beside the page ``/metrics`` and stderr. Off unless ``STREAM_TELEMETRY`` names where to.

The metrics are those of the page, under the same names (a counter without its ``_total``), read from the same registry,
so the two cannot differ. What the exporters themselves log goes to stderr alone: sent on, it would make more of itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

from settings import StreamSettings
from stream.tracing import EXPORT_TIMEOUT_S, NoOpenTelemetry

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import HistogramDataPoint, Metric, NumberDataPoint

EXPORT_EVERY_S = 10.0
"""Seconds between two looks at the metrics."""

OWN_LOGGERS = ("opentelemetry", "requests", "urllib3")

STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
"""What every log record has; the others are those that the call named."""


def telemetry(settings: StreamSettings, registry: CollectorRegistry, worker: str) -> Telemetry | None:
    """That of a worker, or None if it is off. Raises ``NoOpenTelemetry``."""
    if not settings.telemetry:
        return None
    try:
        return Telemetry(settings.telemetry, registry, worker)
    except ImportError as error:
        raise NoOpenTelemetry(f"metrics and logs over OTLP need OpenTelemetry: {error}") from error


class Telemetry:
    """Sends what ``registry`` counts, and what is logged, to the collector at ``address``, from ``start`` to
    ``stop``."""

    def __init__(self, address: str, registry: CollectorRegistry, worker: str) -> None:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
        from opentelemetry.sdk.resources import Resource

        base = address.rstrip("/")
        self._registry, self._began_ns = registry, time.time_ns()
        self._resource = Resource.create({"service.name": "finsent-worker", "service.instance.id": worker})
        self._metrics = OTLPMetricExporter(f"{base}/v1/metrics", timeout=EXPORT_TIMEOUT_S)
        self._logs = LoggerProvider(resource=self._resource, shutdown_on_exit=False)
        exporter = OTLPLogExporter(f"{base}/v1/logs", timeout=EXPORT_TIMEOUT_S)
        self._logs.add_log_record_processor(BatchLogRecordProcessor(exporter))
        self._handler = LogSender(self._logs)
        self._over = threading.Event()

    def start(self) -> None:
        """Begin. The logging of the process must be configured by now."""
        logging.getLogger().addHandler(self._handler)
        threading.Thread(target=self._run, name="telemetry", daemon=True).start()

    def _run(self) -> None:
        while not self._over.wait(EXPORT_EVERY_S):
            self.send_metrics()

    def send_metrics(self) -> None:
        """Send what is counted so far."""
        from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        found = list(metrics_of(self._registry, self._began_ns, time.time_ns()))
        scope = ScopeMetrics(InstrumentationScope("finsent"), found, "")
        self._metrics.export(MetricsData([ResourceMetrics(self._resource, [scope], "")]))

    def stop(self) -> None:
        """Send what is not sent yet, unless that takes long."""
        self._over.set()
        logging.getLogger().removeHandler(self._handler)
        self.send_metrics()
        self._logs.force_flush(EXPORT_TIMEOUT_S * 1000)


class LogSender(logging.Handler):
    """Hands log records to a provider of OpenTelemetry, with the fields that they were logged with."""

    def __init__(self, provider: Any) -> None:
        from opentelemetry._logs import SeverityNumber

        super().__init__()
        self._provider = provider
        self._severities = {
            logging.DEBUG: SeverityNumber.DEBUG,
            logging.INFO: SeverityNumber.INFO,
            logging.WARNING: SeverityNumber.WARN,
            logging.ERROR: SeverityNumber.ERROR,
            logging.CRITICAL: SeverityNumber.FATAL,
        }

    def emit(self, record: logging.LogRecord) -> None:
        """Called by ``logging``."""
        if record.name.startswith(OWN_LOGGERS):
            return
        try:
            self._provider.get_logger(record.name).emit(
                timestamp=int(record.created * 1e9),
                severity_number=self._severities.get(record.levelno // 10 * 10),
                severity_text=record.levelname,
                body=record.getMessage(),
                attributes=dict(_fields(record)),
            )
        except Exception:
            self.handleError(record)


def _fields(record: logging.LogRecord) -> Iterator[tuple[str, str | int | float | bool]]:
    for name, value in vars(record).items():
        if name not in STANDARD_FIELDS:
            yield name, value if isinstance(value, str | int | float | bool) else str(value)
    if record.exc_info and record.exc_info[0]:
        yield "exception.type", record.exc_info[0].__name__
        yield "exception.message", str(record.exc_info[1])
        yield "exception.stacktrace", logging.Formatter().formatException(record.exc_info)


def metrics_of(registry: CollectorRegistry, began_ns: int, now_ns: int) -> Iterator[Metric]:
    """What is in a registry of Prometheus' client, as OpenTelemetry has it. Times are in nanoseconds (Unix)."""
    from opentelemetry.sdk.metrics.export import AggregationTemporality, Gauge, Histogram, Metric, Sum

    whole = AggregationTemporality.CUMULATIVE
    for family in registry.collect():
        data: Sum | Gauge | Histogram
        if family.type == "histogram":
            data = Histogram(list(_histograms(family.samples, began_ns, now_ns)), whole)
        elif family.type == "counter":
            points = list(_numbers(family.samples, f"{family.name}_total", began_ns, now_ns))
            data = Sum(points, whole, is_monotonic=True)
        else:
            data = Gauge(list(_numbers(family.samples, family.name, began_ns, now_ns)))
        if data.data_points:
            yield Metric(family.name, family.documentation, "", data)


def _numbers(samples: Iterable[Sample], name: str, began_ns: int, now_ns: int) -> Iterator[NumberDataPoint]:
    from opentelemetry.sdk.metrics.export import NumberDataPoint

    for sample in samples:
        if sample.name == name:
            yield NumberDataPoint(sample.labels, began_ns, now_ns, sample.value)


def _histograms(samples: Iterable[Sample], began_ns: int, now_ns: int) -> Iterator[HistogramDataPoint]:
    """A point for each set of labels. Prometheus counts what is at most a bound, OpenTelemetry what is between two."""
    from opentelemetry.sdk.metrics.export import HistogramDataPoint

    bounds: dict[tuple[tuple[str, str], ...], list[tuple[float, int]]] = {}
    sums: dict[tuple[tuple[str, str], ...], float] = {}
    for sample in samples:
        labels = tuple((name, value) for name, value in sample.labels.items() if name != "le")
        if sample.name.endswith("_bucket"):
            bounds.setdefault(labels, []).append((float(sample.labels["le"]), int(sample.value)))
        elif sample.name.endswith("_sum"):
            sums[labels] = sample.value
    unknown: Any = None
    for labels, buckets in bounds.items():
        counts = [count for _, count in buckets]
        between = [more - less for less, more in zip([0, *counts], counts, strict=False)]
        yield HistogramDataPoint(
            attributes=dict(labels),
            start_time_unix_nano=began_ns,
            time_unix_nano=now_ns,
            count=counts[-1],
            sum=sums[labels],
            bucket_counts=between,
            explicit_bounds=[bound for bound, _ in buckets[:-1]],
            min=unknown,
            max=unknown,
        )
