"""Values with a schema in a registry: each record is stored once, also when the registry goes away.

The registry is the one in ``tests.support.schema_registry``. The broker is Apache Kafka where that can be had: to any
broker, values are bytes.
"""

from __future__ import annotations

import json
import re
import struct
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import fastavro
import pytest
from kafka import KafkaProducer

from deploy.local import Service, kafka
from storage import accounts
from stream.kafka import topic_ids
from tests.support import Asking, data_folder, eventually, kafka_at
from tests.support.schema_registry import SchemaRegistry

COUNT = 20
FORMATS = ("plain", "JSON", "AVRO", "PROTOBUF")
STUCK_AFTER_S = 20
AT_MS = 1_767_607_200_000
"""2026-01-05T10:00:00Z."""

TEXT = "Siemens wins an order"
AVRO = {
    "type": "record",
    "name": "Comment",
    "fields": [
        *({"name": name, "type": "string"} for name in ("id", "source", "text")),
        {"name": "published_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "author", "type": ["null", "string"], "default": None},
    ],
}
PROTOBUF = """
syntax = "proto3";
import "google/protobuf/timestamp.proto";
message Comment {
  string id = 1;
  string source = 2;
  string text = 3;
  google.protobuf.Timestamp published_at = 4;
}
"""


class Feed:
    """The service with one worker that asks ``registry``."""

    def __init__(self, service: Service, registry: SchemaRegistry) -> None:
        self.service, self.registry = service, registry
        self.client = Asking(service.stack.clickhouse_url)

    def schema(self, name: str) -> int:
        """The id of a new schema of comments."""
        texts = {"JSON": '{"type": "object"}', "AVRO": json.dumps(AVRO), "PROTOBUF": PROTOBUF}
        return self.registry.register("comments-value", texts[name], name) if name in texts else 0

    def send(self, values: Sequence[bytes]) -> None:
        producer = KafkaProducer(
            bootstrap_servers=self.service.stack.kafka_bootstrap.split(","), acks="all", enable_idempotence=False
        )
        sent = [producer.send("comments", value, partition=number % 4) for number, value in enumerate(values)]
        producer.flush(60)
        producer.close()
        assert all(future.succeeded() for future in sent)

    def stored(self, prefix: str) -> tuple[int, int]:
        """Rows, and different documents among them."""
        rows = self.client.execute(
            "SELECT count(), uniqExact(document_id) FROM documents WHERE document_id LIKE %(prefix)s",
            {"prefix": f"{prefix}-%"},
        )
        return rows[0]

    def dead_letters(self) -> list[tuple[str, str, str]]:
        return self.client.execute("SELECT error_kind, error_field, error FROM dead_letters ORDER BY error_kind")

    def no_offset_twice_or_missing(self) -> bool:
        held = self.client(lambda c: accounts(c, topic_ids(kafka_at(self.service.stack.kafka_bootstrap), ["comments"])))
        return all(one.distinct == one.rows == one.last - one.first + 1 for one in held)

    def metric(self, name: str) -> float:
        """Of the worker; -1 while it does not answer."""
        with suppress(OSError), urllib.request.urlopen(self._page("metrics"), timeout=5) as answer:
            found = re.search(rf"^{name} (\S+)", answer.read().decode(), re.M)
            return float(found[1]) if found else -1
        return -1

    def ready(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(self._page("ready"), timeout=5) as answer:
            return bool(json.loads(answer.read())["ready"])
        return False

    def log(self) -> str:
        return (self.service.stack.logs / "worker-0.log").read_text()

    def _page(self, name: str) -> str:
        return f"http://127.0.0.1:{self.service.web_ports[0]}/{name}"


@pytest.fixture(scope="module")
def feed(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Feed]:
    data = data_folder(tmp_path_factory.mktemp("registry"), shipped)
    with SchemaRegistry("ana", "s3cret") as registry:
        extra = {
            "STREAM_ALERTS": "false",
            "STREAM_STUCK_AFTER_S": str(STUCK_AFTER_S),
            "KAFKA_SCHEMA_REGISTRY_URL": registry.url,
            "KAFKA_SCHEMA_REGISTRY_USER": "ana",
            "KAFKA_SCHEMA_REGISTRY_PASSWORD": "s3cret",
        }
        with Service(data, extra=extra, broker="embedded" if kafka.problem() else "kafka") as service:
            yield Feed(service, registry)


def value(name: str, schema: int, prefix: str, number: int) -> bytes:
    """A comment in a format. All have one text, which the model scores once."""
    fields = {"id": f"{prefix}-{number}", "source": "desk", "text": TEXT}
    head = struct.pack(">bI", 0, schema)
    if name in ("plain", "JSON"):
        whole = json.dumps({**fields, "published_at": "2026-01-05T10:00:00Z"}).encode()
        return whole if name == "plain" else head + whole
    if name == "AVRO":
        out = BytesIO()
        fastavro.schemaless_writer(out, AVRO, {**fields, "published_at": AT_MS})
        return head + out.getvalue()
    parts = [bytes([tag << 3 | 2, len(text)]) + text.encode() for tag, text in enumerate(fields.values(), 1)]
    seconds, varint = AT_MS // 1000, b""
    while seconds > 0x7F:
        varint, seconds = varint + bytes([seconds & 0x7F | 0x80]), seconds >> 7
    at = b"\x08" + varint + bytes([seconds])
    return head + b"\x00" + b"".join(parts) + bytes([4 << 3 | 2, len(at)]) + at


def test_every_format_is_stored_once(feed: Feed) -> None:
    for name in FORMATS:
        schema = feed.schema(name)
        feed.send([value(name, schema, f"first-{name}", number) for number in range(COUNT)])
    for name in FORMATS:
        eventually(lambda name=name: feed.stored(f"first-{name}") == (COUNT, COUNT), 120, f"{name} is stored")  # type: ignore[misc]
    told = feed.client.execute(
        "SELECT DISTINCT text, toUnixTimestamp64Milli(published_at) FROM documents WHERE document_id LIKE 'first-%'"
    )
    assert told == [(TEXT, AT_MS)]
    assert feed.dead_letters() == [] and feed.no_offset_twice_or_missing()


def test_while_the_registry_is_away_records_wait(feed: Feed) -> None:
    """Longer than the watchdog's time, and through a kill of the worker."""
    schemas = {name: feed.schema(name) for name in FORMATS}
    feed.registry.stop()
    feed.send([value(name, schemas[name], f"waits-{name}", number) for number in range(COUNT) for name in FORMATS])
    # The pauses until then are longer than STUCK_AFTER_S.
    eventually(lambda: feed.metric("finsent_registry_failures_total") >= 8, 120, "it tries again and again")
    assert feed.metric("finsent_registry_waiting") == 1 and not feed.ready()
    assert "waiting for the schema registry" in feed.log() and "s3cret" not in feed.log()
    assert "ended with exit code" not in feed.log()
    feed.service.kill_worker(0)
    eventually(lambda: 0 < feed.metric("finsent_registry_failures_total") < 4, 120, "the next worker waits, too")
    assert feed.dead_letters() == []
    feed.registry.start()
    for name in FORMATS:
        eventually(lambda name=name: feed.stored(f"waits-{name}") == (COUNT, COUNT), 120, f"{name} is stored")  # type: ignore[misc]
    eventually(feed.ready, 60, "the worker is ready again")
    assert feed.metric("finsent_registry_waiting") == 0
    assert feed.dead_letters() == [] and feed.no_offset_twice_or_missing()


def test_what_cannot_be_read_is_a_dead_letter_and_its_neighbours_are_stored(feed: Feed) -> None:
    schema = feed.schema("AVRO")
    without_text = {**AVRO, "fields": [one for one in AVRO["fields"] if one["name"] != "text"]}  # type: ignore[index]
    lacking = feed.registry.register("comments-value", json.dumps(without_text))
    out = BytesIO()
    fastavro.schemaless_writer(out, without_text, {"id": "lacks", "source": "desk", "published_at": AT_MS})
    feed.send(
        [
            value("AVRO", schema, "good", 0),
            value("AVRO", 999_999, "unknown", 0),
            struct.pack(">bI", 0, lacking) + out.getvalue(),
            value("AVRO", schema, "cut", 0)[:-3],
            value("AVRO", schema, "good", 1),
        ]
    )
    eventually(lambda: feed.stored("good") == (2, 2) and len(feed.dead_letters()) == 3, 120, "all of them are stored")
    lacks, unknown, cut = feed.dead_letters()
    assert lacks[:2] == ("invalid", "text") and cut[0] == "not_decodable" and unknown[0] == "no_schema"
    assert "does not have schema 999999" in unknown[2]
    assert feed.no_offset_twice_or_missing()
