"""A collector for OTLP over HTTP that keeps what it is sent."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector(ThreadingHTTPServer):
    """Takes traces, metrics and logs as protobuf."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.metrics: dict[str, Any] = {}
        """The latest of each name."""

        self.logs: list[Any] = []
        self.services: set[str] = set()
        kept = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                kept.keep(self.path, body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def keep(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            for traced in ExportTraceServiceRequest.FromString(body).resource_spans:
                self._served(traced.resource)
                self.spans.extend(span for scope in traced.scope_spans for span in scope.spans)
        elif path == "/v1/metrics":
            for counted in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self._served(counted.resource)
                self.metrics |= {one.name: one for scope in counted.scope_metrics for one in scope.metrics}
        else:
            assert path == "/v1/logs", path
            for logged in ExportLogsServiceRequest.FromString(body).resource_logs:
                self._served(logged.resource)
                self.logs.extend(one for scope in logged.scope_logs for one in scope.log_records)

    def _served(self, resource: Any) -> None:
        self.services |= {one.value.string_value for one in resource.attributes if one.key == "service.name"}

    def of_trace(self, trace: str) -> list[Any]:
        return [span for span in list(self.spans) if span.trace_id.hex() == trace]

    def numbers(self, name: str) -> dict[tuple[str, ...], float]:
        """The values of a counter or gauge, by their labels' values; none if it was not sent yet."""
        if not (found := self.metrics.get(name)):
            return {}
        points = (found.sum if found.HasField("sum") else found.gauge).data_points
        return {tuple(one.value.string_value for one in point.attributes): point.as_double for point in points}
