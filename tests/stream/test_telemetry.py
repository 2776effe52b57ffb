"""Metrics and logs over OTLP are those of the page and of stderr. ``test_traces.py`` has them from a whole worker."""

from __future__ import annotations

import logging
import sys

import pytest
from prometheus_client import CollectorRegistry

from documents import Document, Position
from settings import StreamSettings
from stream.tracing import NoOpenTelemetry
from stream.upkeep.metrics import Metrics
from stream.upkeep.telemetry import Telemetry, telemetry
from tests.support import eventually
from tests.support.collector import Collector


def test_counters_gauges_and_histograms_are_sent_as_they_are_on_the_page(collector: Collector) -> None:
    metrics = Metrics()
    metrics.count_stored([Document(Position("news", "id", 1, offset), title="Up") for offset in range(3)])
    for seconds in (0.004, 0.3, 0.3, 90):
        metrics.insert_seconds.observe(seconds)
    Telemetry(collector.address, metrics.registry, "one").send_metrics()
    assert collector.services == {"finsent-worker"}
    assert collector.numbers("finsent_records_scored") == {("news",): 3.0}
    assert collector.numbers("finsent_stored_offset") == {("news", "1"): 2.0}
    counted = collector.metrics["finsent_records_scored"].sum
    assert counted.is_monotonic and counted.aggregation_temporality == 2  # cumulative
    (point,) = collector.metrics["finsent_insert_seconds"].histogram.data_points
    assert (point.count, point.sum) == (4, pytest.approx(90.604))
    filled = {at: count for at, count in enumerate(point.bucket_counts) if count}
    assert filled == {0: 1, list(point.explicit_bounds).index(0.5): 2, len(point.explicit_bounds): 1}
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    families = {one.name for one in metrics.registry.collect() if one.samples}
    assert collector.metrics.keys() == families and "process_cpu_seconds" in families


def test_a_log_line_has_its_fields_and_its_exception(collector: Collector) -> None:
    made = Telemetry(collector.address, CollectorRegistry(), "one")
    made.start()
    try:
        raise OSError("the disk is full")
    except OSError:
        logging.getLogger("stream.test").exception("not stored: %s", "news", extra={"offset": 7, "of": ["a"]})
    logging.getLogger("opentelemetry.exporter").error("a collector that is away must not be told of that")
    made.stop()
    logging.getLogger("stream.test").error("after the end")
    eventually(lambda: collector.logs, 60, "the line arrives")
    (line,) = collector.logs
    fields = {one.key: one.value for one in line.attributes}
    assert (line.body.string_value, line.severity_text) == ("not stored: news", "ERROR")
    assert line.severity_number == 17 and line.time_unix_nano > 0
    assert fields["offset"].int_value == 7 and fields["of"].string_value == "['a']"
    assert fields["exception.type"].string_value == "OSError"
    assert "the disk is full" in fields["exception.stacktrace"].string_value


def test_a_collector_that_is_away_stops_nothing(collector: Collector) -> None:
    address = collector.address
    collector.shutdown()
    collector.server_close()
    made = Telemetry(address, Metrics().registry, "one")
    made.start()
    logging.getLogger("stream.test").warning("nobody hears this")
    made.stop()


def test_without_the_setting_there_is_none_and_without_the_libraries_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert telemetry(StreamSettings(), CollectorRegistry(), "one") is None
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.metric_exporter", None)
    with pytest.raises(NoOpenTelemetry, match="metrics and logs") as failed:
        telemetry(StreamSettings(telemetry="http://127.0.0.1:4318"), CollectorRegistry(), "one")
    assert "STREAM_TELEMETRY" in failed.value.remedy
