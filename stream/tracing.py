"""Traces over OTLP: each shows one record's way through a worker. Off unless ``STREAM_TRACES`` names a collector.

Names are those of OpenTelemetry's conventions for messaging. A record's span begins where the worker takes it and ends
when it is stored; below it is a span for each step. Steps work on batches, so each of these is linked to one span of
the whole batch, which is a trace of its own and linked to all records of the batch that are traced.

A record is traced if its producer traces it, as the header ``traceparent`` says; without that header, a share of the
records is. The header goes on to the topic ``scored``.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from errors import FinsentError
from settings import StreamSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

Place = tuple[str, int, int]
"""Topic, partition and offset of a record."""

Headers = Sequence[tuple[str, bytes]]

TRACEPARENT = "traceparent"
MOST_LINKS = 128
"""What a span has at most, by OpenTelemetry's default."""

EXPORT_TIMEOUT_S = 2


class NoOpenTelemetry(FinsentError):
    """``STREAM_TRACES`` or ``STREAM_TELEMETRY`` is set, and the libraries are not installed."""

    remedy = "install finsent with the extra 'otel', or unset STREAM_TRACES and STREAM_TELEMETRY"


def traces(settings: StreamSettings, group: str, worker: str) -> Traces | None:
    """Those of a worker, or None if they are off. Raises ``NoOpenTelemetry``."""
    if not settings.traces:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise NoOpenTelemetry(f"traces need OpenTelemetry: {error}") from error
    # What is traced is decided record by record; a span that is begun is sent.
    provider = TracerProvider(
        resource=Resource.create({"service.name": "finsent-worker", "service.instance.id": worker})
    )
    exporter = OTLPSpanExporter(f"{settings.traces.rstrip('/')}/v1/traces", timeout=EXPORT_TIMEOUT_S)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Traces(provider, group, settings.trace_share)


class Traces:
    """The records that are traced and under way. All methods but ``stop`` are for the event loop."""

    def __init__(self, provider: TracerProvider, group: str, share: float) -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._trace, self._provider, self._group, self._share = trace, provider, group, share
        self._tracer = provider.get_tracer("finsent")
        self._propagator = TraceContextTextMapPropagator()
        self._open: dict[Place, Any] = {}
        """The span of each record."""

    def taken(self, message: Any) -> None:
        """A record comes in, as Faust gives it."""
        given = _header(message.headers)
        if given is None:
            if random.random() >= self._share:
                return
            parent = None
        else:
            parent = self._propagator.extract({TRACEPARENT: given})
            if not self._trace.get_current_span(parent).get_span_context().trace_flags.sampled:
                return
        attributes: dict[str, Any] = {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": message.topic,
            "messaging.destination.partition.id": str(message.partition),
            "messaging.kafka.offset": message.offset,
            "messaging.consumer.group.name": self._group,
        }
        self._open[message.topic, message.partition, message.offset] = self._tracer.start_span(
            f"process {message.topic}", parent, self._trace.SpanKind.CONSUMER, attributes
        )

    @contextmanager
    def step(self, name: str, places: Iterable[Place], count: int) -> Iterator[None]:
        """While ``count`` records are in the step ``name``, at ``places``."""
        spans = [span for place in places if (span := self._open.get(place))] if self._open else []
        if not spans:
            yield
            return
        links = [self._trace.Link(span.get_span_context()) for span in spans[:MOST_LINKS]]
        attributes: dict[str, Any] = {"messaging.system": "kafka", "messaging.batch.message_count": count}
        started = time.time_ns()
        batch = self._tracer.start_span(f"{name} batch", None, links=links, attributes=attributes, start_time=started)
        try:
            yield
        except BaseException as error:
            batch.set_status(self._trace.StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            ended = time.time_ns()
            batch.end(ended)
            whole = [self._trace.Link(batch.get_span_context())]
            for span in spans:
                below = self._trace.set_span_in_context(span)
                self._tracer.start_span(name, below, links=whole, start_time=started).end(ended)

    def headers(self, place: Place) -> Headers:
        """What a message about the record is sent with."""
        if not (span := self._open.get(place)):
            return ()
        carried: dict[str, str] = {}
        self._propagator.inject(carried, self._trace.set_span_in_context(span))
        return [(name, text.encode()) for name, text in carried.items()]

    def stored(self, places: Iterable[Place]) -> None:
        """Records are stored, or were dropped to be read again by whoever has their partition then."""
        if self._open:
            for place in places:
                if span := self._open.pop(place, None):
                    span.end()

    def forget(self) -> None:
        """Nothing is under way any more: what is still open was dropped."""
        for span in self._open.values():
            span.set_attribute("finsent.dropped", True)
            span.end()
        self._open.clear()

    def stop(self) -> None:
        """Send what is not sent yet, unless that takes long."""
        self._provider.force_flush(EXPORT_TIMEOUT_S * 1000)


def _header(headers: Any) -> str | None:
    """The text of ``traceparent`` among a message's headers, which Faust gives as pairs or as a mapping."""
    for name, value in headers.items() if hasattr(headers, "items") else headers or ():
        if name == TRACEPARENT and value:
            return str(value, "ascii", "replace") if isinstance(value, bytes) else str(value)
    return None
