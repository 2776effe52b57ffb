"""Records that are missing below what is stored are read again from Kafka."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from clickhouse_driver import Client
from kafka import KafkaProducer

from cli import audit_report
from documents import Document, Position
from storage import write_documents
from stream.kafka import ensure_topics, topic_ids
from tests.support import kafka_at
from tests.support.commands import within


def test_holes_are_filled_from_kafka(
    client: Client, configured: None, kafka_bootstrap: str, shipped: Path, monkeypatch: pytest.MonkeyPatch
):
    topic = f"repair-{uuid.uuid4().hex[:12]}"
    monkeypatch.setattr("stream.repair.filling.BATCH", 3)  # a hole is longer than what is read at once
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    monkeypatch.setenv("MODEL_REGISTRY", str(shipped))
    monkeypatch.setenv("MODEL_EVENTS", "false")
    monkeypatch.setenv("FINSENT_PSEUDONYM_KEY", "k" * 32)
    for what, name in (("NEWS", topic), ("COMMENTS", "not-made-1"), ("LABELS", "not-made-2")):
        monkeypatch.setenv(f"KAFKA_TOPIC_{what}", name)
    ensure_topics(kafka_at(kafka_bootstrap), partitions=1, topics=[topic])
    topic_id = topic_ids(kafka_at(kafka_bootstrap), [topic])[topic]
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap, enable_idempotence=False)
    for number in range(12):
        news = {
            "id": f"n{number}",
            "source": "desk",
            "title": f"Siemens wins order {number}",
            "published_at": "2026-01-05T10:00:00Z",
        }
        producer.send(topic, b"broken" if number == 5 else json.dumps(news).encode(), partition=0)
    producer.flush()
    producer.close()
    write_documents(client, [Document(Position(topic, topic_id, 0, n)) for n in (0, 1, 6, 7, 9)])
    assert audit_report(client)["missing"] == 5
    done = within("repair")
    assert done.returncode == 0, done
    assert f"{topic}/0: offsets 2 to 5: 4 records stored" in done.stdout
    report = audit_report(client)
    assert (report["missing"], report["doubled"], report["stored"], report["dead_lettered"]) == (0, 0, 9, 1)
    assert report["lag"] == 2, "what comes after the hole is the worker's"
    rows = client.execute("SELECT document_id, label, kind FROM documents WHERE offset IN (2, 8) ORDER BY offset")
    assert [(name, kind) for name, _, kind in rows] == [("n2", "news"), ("n8", "news")] and rows[0][1] != "unscored"
    assert "nothing is missing" in within("repair").stdout
