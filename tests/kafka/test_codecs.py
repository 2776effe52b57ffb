"""Batches of every codec, from whatever producer: each record is stored once, on both brokers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource

from deploy.local import BrokerKind, Service
from storage import accounts
from stream.kafka import ensure_topics, reread, topic_ids
from tests.support import Asking, data_folder, eventually, kafka_at

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
COUNT = 1000


@pytest.fixture(scope="module")
def service(broker: BrokerKind, english: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """With a feed of each codec under way."""
    data = data_folder(tmp_path_factory.mktemp("codecs"), english)
    with Service(data, extra={"STREAM_ALERTS": "false"}, broker=broker) as started:
        for codec in CODECS:
            send(broker, started, codec, codec)
        yield started


@pytest.fixture(scope="module")
def client(service: Service) -> Asking:
    return Asking(service.stack.clickhouse_url)


def value(prefix: str, number: int) -> bytes:
    """A comment. All have one text, which the model scores once."""
    document = {
        "id": f"{prefix}-{number}",
        "source": "desk",
        "text": "Siemens wins an order",
        "published_at": "2026-01-05T10:00:00Z",
    }
    return json.dumps(document).encode()


def send(broker: BrokerKind, service: Service, codec: str, prefix: str, topic: str = "comments") -> None:
    producer = KafkaProducer(
        bootstrap_servers=service.stack.kafka_bootstrap.split(","),
        compression_type=None if codec == "none" else codec,
        acks="all",
        enable_idempotence=broker == "kafka",
        linger_ms=50,
    )
    headers = [("trace", b"1"), ("empty", b"")]
    sent = [producer.send(topic, value(prefix, number), headers=headers) for number in range(COUNT)]
    producer.flush(60)
    producer.close()
    assert all(future.succeeded() for future in sent)


def each_stored_once(service: Service, client: Asking, prefix: str) -> bool:
    """All of one feed, and every offset of the topic once."""
    where = "WHERE document_id LIKE %(prefix)s"
    rows, documents = client.execute(
        f"SELECT count(), uniqExact(document_id) FROM documents {where}", {"prefix": f"{prefix}-%"}
    )[0]
    held = client(lambda c: accounts(c, topic_ids(kafka_at(service.stack.kafka_bootstrap), ["comments"])))
    contiguous = all(account.distinct == account.rows == account.last - account.first + 1 for account in held)
    return rows == documents == COUNT and contiguous


@pytest.mark.parametrize("codec", CODECS)
def test_records_of_each_codec_are_stored_once(service: Service, client: Asking, codec: str):
    eventually(lambda: each_stored_once(service, client, codec), 120, f"what {codec} carried is stored")


@pytest.mark.parametrize("codec", CODECS)
def test_records_of_each_codec_can_be_read_again(broker: BrokerKind, service: Service, codec: str):
    """By the client that reads what the first one left out."""
    bootstrap, topic = service.stack.kafka_bootstrap, f"again-{codec}"
    ensure_topics(kafka_at(bootstrap), 1, [topic])
    send(broker, service, codec, codec, topic)
    again = reread(kafka_at(bootstrap), topic, 0, 10, COUNT - 10)
    assert [record.offset for record in again] == list(range(10, COUNT - 10))
    assert again[0].value == value(codec, 10) and again[-1].value == value(codec, COUNT - 11)


def test_a_topic_may_have_a_codec_of_its_own(broker: BrokerKind, service: Service, client: Asking):
    """Whatever the producer sends, the broker then keeps and hands out as zstd."""
    if broker == "embedded":
        pytest.skip("the embedded broker has no codec of a topic")
    with KafkaAdminClient(bootstrap_servers=service.stack.kafka_bootstrap.split(",")) as admin:
        admin.alter_configs([ConfigResource("topic", "comments", configs={"compression.type": "zstd"})])
    send(broker, service, "none", "kept")
    eventually(lambda: each_stored_once(service, client, "kept"), 120, "what the broker compressed is stored")
