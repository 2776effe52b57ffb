"""One trace shows a record's way through a worker, as a collector for OTLP gets it, with metrics and logs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from deploy.local import BrokerKind, Service
from settings import StreamSettings
from stream.kafka import ensure_topics
from stream.tracing import NoOpenTelemetry, Traces, traces
from tests.support import data_folder, eventually, kafka_at
from tests.support.collector import Collector
from tests.support.feed import Feed, values

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
STEPS = {"read", "score", "link", "send", "insert"}


def sent(feed: Feed, headers: list[list[tuple[str, bytes]]]) -> None:
    producer = KafkaProducer(bootstrap_servers=feed.bootstrap.split(","), enable_idempotence=False)
    for value, of_record in zip(values("traced", len(headers)), headers, strict=True):
        producer.send("news", value, partition=0, headers=of_record)
    producer.close()


def test_a_producers_trace_goes_on_to_the_table_and_to_the_next_topic(
    broker: BrokerKind, shipped: Path, tmp_path: Path, collector: Collector
) -> None:
    traceparent = f"00-{TRACE}-{PARENT}-"
    with Service(data_folder(tmp_path, shipped), workers=0, broker=broker) as service:
        ensure_topics(kafka_at(service.stack.kafka_bootstrap))
        feed = Feed(service, tmp_path)
        feed.environment |= {
            "STREAM_TRACES": collector.address,
            "STREAM_TRACE_SHARE": "0",
            "STREAM_TELEMETRY": collector.address,
        }
        feed.start()
        traced, told_not_to = f"{traceparent}01", traceparent.replace(TRACE, "a" * 32) + "00"
        sent(feed, [[("traceparent", traced.encode())], [("traceparent", told_not_to.encode())], []])
        eventually(lambda: feed.stored("traced") == 3, 60, "the records are stored")
        consumer = KafkaConsumer(bootstrap_servers=feed.bootstrap.split(","), auto_offset_reset="earliest")
        consumer.assign([TopicPartition("scored", number) for number in range(4)])
        found: list[Any] = []

        def scored() -> bool:
            found.extend(record for records in consumer.poll(500).values() for record in records)
            return len(found) >= 3

        eventually(scored, 60, "what was scored is sent on")
        consumer.close()
        eventually(lambda: len(collector.of_trace(TRACE)) == 1 + len(STEPS), 60, "the spans arrive")
        eventually(lambda: collector.numbers("finsent_records_scored").get(("news",)) == 3, 60, "the metrics arrive")
        assert feed.process is not None
        feed.process.terminate()
        feed.process.wait(60)
    assert collector.logs, "a worker that stops says so, and sends it before it ends"
    spans = {span.name: span for span in collector.of_trace(TRACE)}
    whole = spans.pop("process news")
    assert whole.parent_span_id.hex() == PARENT and spans.keys() == STEPS
    attributes = {one.key: one.value for one in whole.attributes}
    assert attributes["messaging.destination.name"].string_value == "news"
    assert attributes["messaging.kafka.offset"].int_value == 0
    for name, span in spans.items():
        assert span.parent_span_id == whole.span_id, name
        assert whole.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= whole.end_time_unix_nano
        (link,) = span.links
        (batch,) = [one for one in collector.spans if one.span_id == link.span_id]
        assert batch.name == f"{name} batch" and whole.span_id in {back.span_id for back in batch.links}
    assert spans["read"].end_time_unix_nano <= spans["score"].start_time_unix_nano
    assert spans["send"].end_time_unix_nano <= spans["insert"].start_time_unix_nano
    assert not collector.of_trace("a" * 32), "its producer said that it is not traced"
    assert collector.services == {"finsent-worker"}
    carried = [dict(record.headers).get("traceparent") for record in found]
    assert sorted(filter(None, carried)) == [f"00-{TRACE}-{whole.span_id.hex()}-01".encode()]


class Message:
    def __init__(self, offset: int, headers: Any = None) -> None:
        self.topic, self.partition, self.offset, self.headers = "news", 0, offset, headers


def kept(share: float) -> tuple[Traces, InMemorySpanExporter]:
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Traces(provider, "finsent", share), exporter


def test_a_share_of_the_records_is_traced_where_the_producer_says_nothing() -> None:
    made, exporter = kept(0.1)
    for offset in range(2000):
        made.taken(Message(offset))
    made.stored(("news", 0, offset) for offset in range(2000))
    assert 100 < len(exporter.get_finished_spans()) < 320


def test_a_step_that_fails_and_a_record_that_is_dropped_are_told() -> None:
    made, exporter = kept(1)
    made.taken(Message(0, {"other": b"x"}))
    with pytest.raises(OSError), made.step("insert", [("news", 0, 0)], 1):
        raise OSError
    made.forget()
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert not spans["insert batch"].status.is_ok
    assert spans["process news"].attributes["finsent.dropped"]


def test_without_the_setting_there_are_none_and_without_the_libraries_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert traces(StreamSettings(), "finsent", "one") is None
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(NoOpenTelemetry, match="opentelemetry") as failed:
        traces(StreamSettings(traces="http://127.0.0.1:4318"), "finsent", "one")
    assert "otel" in failed.value.remedy
