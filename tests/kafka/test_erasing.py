"""A person's records in Kafka: tombstones where a topic is compacted, and else what is left and how long."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clickhouse_driver import Client
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from deploy.local.supervisor import free_port
from documents import BadRecord, Document, Label, Position, Pseudonymiser
from documents.messages import dead_letter, scored
from settings import KafkaSettings
from storage import positions, write_documents, write_labels
from stream.kafka import ensure_topics, reread, topic_ids
from stream.kafka.clients import admin, producer
from tests.support.commands import within

KEY = "k" * 32
NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)


@pytest.fixture
def kafka(kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> KafkaSettings:
    """Topics of the test's own, for commands that run in this process, too."""
    own = uuid.uuid4().hex[:8]
    names = {"topic_news": f"{own}.news", "topic_comments": f"{own}.comments", "topic_labels": f"{own}.labels"}
    given = {"bootstrap_servers": kafka_bootstrap, "topic_prefix": f"{own}.", "partitions": "2", **names}
    for name, value in given.items():
        monkeypatch.setenv(f"KAFKA_{name.upper()}", value)
    monkeypatch.setenv("FINSENT_PSEUDONYM_KEY", KEY)
    monkeypatch.setenv("RETRAIN_FOLDER", str(tmp_path / "retrain"))
    return KafkaSettings()


def configs(client: KafkaAdminClient, topic: str) -> dict[str, str]:
    told = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
    return {name: one["value"] for name, one in told["topic"][topic].items()}


def send(kafka: KafkaSettings, topic: str, records: list[tuple[bytes | None, bytes | None]], partition: int = 0) -> int:
    """Send (key, value) of each record; returns the time of the last one in milliseconds."""
    sender = producer(kafka)
    try:
        return [sender.send(topic, v, key=k, partition=partition).get(timeout=30) for k, v in records][-1].timestamp
    finally:
        sender.close(timeout=5)


def said(author: str, text: str = "words") -> bytes:
    return json.dumps({"id": text, "source": "forum", "author": author, "text": text}).encode()


def stored(kafka: KafkaSettings, client: Client, author: str, offset: int, name: str = "") -> Document:
    """The record at ``offset`` of the topic of comments, as a worker stores it."""
    topic = kafka.topic_comments
    at = Position(topic, topic_ids(kafka, [topic])[topic], 0, offset)
    document = Document(at, "comment", name or f"c{offset}", "forum", "", "words")
    document.author, document.published_at = Pseudonymiser(KEY).author("forum", author), NOW
    write_documents(client, [document])
    return document


def test_topics_with_personal_data_are_made_with_a_retention_of_their_own(kafka: KafkaSettings) -> None:
    day = 24 * 3600 * 1000
    ensure_topics(kafka.model_copy(update={"scored_retention_days": 3}), topics=["scored", "dead-letters", "news"])
    with admin(kafka) as client:
        found = [configs(client, kafka.topic(what)) for what in ("scored", "dead-letters", "news")]
    assert [int(one.get("retention.ms", 7 * day)) for one in found] == [3 * day, 30 * day, 7 * day]
    assert [int(one.get("segment.ms", 7 * day)) for one in found] == [day, day, 7 * day]
    plain = kafka.model_copy(update={"dead_letters_retention_days": 0, "topic_prefix": f"{kafka.topic_prefix}more."})
    ensure_topics(plain, topics=["dead-letters"])
    with admin(kafka) as client:
        assert int(configs(client, plain.topic("dead-letters")).get("retention.ms", 7 * day)) == 7 * day


@pytest.mark.usefixtures("configured")
def test_what_is_left_in_the_topics_is_listed_with_its_end(kafka: KafkaSettings, client: Client) -> None:
    ensure_topics(kafka, 2, topics=["labels", "scored", "dead-letters", "alerts"])
    hour, comments = 3600_000, kafka.topic_comments
    with admin(kafka) as made:
        limits = {"retention.ms": str(5 * hour), "segment.ms": str(hour), "cleanup.policy": "delete"}
        made.create_topics({comments: {"num_partitions": 2, "configs": limits}}, wait_for_metadata=True)
    at = send(kafka, comments, [(b"a", said("jane")), (b"b", said("john")), (b"c", said("jane", "not read yet"))])
    broken = b'{"author": "jane", '
    send(kafka, comments, [(None, broken)], partition=1)
    hers, his = stored(kafka, client, "jane", 0), stored(kafka, client, "john", 1)
    bad = BadRecord(Position(comments, hers.position.topic_id, 1, 0), "invalid", raw=broken)
    write_documents(client, [bad])
    unread = Document(Position(comments, hers.position.topic_id, 0, 2), "comment", "x", "forum", "", "words")
    unread.published_at = NOW
    send(kafka, kafka.topic("scored"), [(None, scored(one)) for one in (his, hers, unread)], partition=1)
    send(kafka, kafka.topic("dead-letters"), [(None, b"no JSON"), (None, dead_letter(bad))])
    shows = [{"data": {"id": "1", "state": "firing", "evidence": {"documents": [{"document_id": which}]}}}
             for which in ("c1", "c0")]  # fmt: skip
    send(kafka, kafka.topic("alerts"), [(None, json.dumps(one).encode()) for one in [[], *shows]])
    labels = kafka.topic_labels
    send(
        kafka, labels, [(None, json.dumps({"document_id": "c1", "annotator": who}).encode()) for who in ("ann", "jane")]
    )
    known = Position(labels, topic_ids(kafka, [labels])[labels], 0, 1)
    write_labels(client, [Label(known, "negative", "jane", NOW, "c1")])

    client.execute("ALTER TABLE label_log MODIFY SETTING old_parts_lifetime = 480")
    done = within("privacy", "erase", "jane", "--yes", "--json")
    assert done.returncode == 0, done
    told = json.loads(done.stdout)
    assert {one["held"]: (one["before"], one["after"]) for one in told["rows"]}["document"] == (1, 0)
    assert told["kafka_error"] == "" and told["minutes_on_disk"] == 8
    left = {(one["topic"].partition(".")[2], one["partition"]): one for one in told["kafka"]}
    assert {where: one["offsets"] for where, one in left.items()} == {
        ("comments", 0): [0, 2],
        ("comments", 1): [0],
        ("labels", 0): [1],
        ("scored", 1): [1, 2],
        ("dead-letters", 0): [1],
        ("alerts", 0): [2],
    }
    assert not any(one["tombstones"] or one["refused"] for one in told["kafka"])
    first = left["comments", 0]
    assert first["cleanup_policy"] == "delete"
    assert datetime.fromisoformat(first["until"]) == datetime.fromtimestamp(at / 1000, UTC) + timedelta(hours=6)
    assert datetime.fromisoformat(left["dead-letters", 0]["until"]) > datetime.now(UTC) + timedelta(days=30)

    table = within("privacy", "erase", "jane", "--yes")
    assert table.returncode == 0, "what ClickHouse forgot is found by what the records say"
    assert [line.split()[1:7:2] for line in table.stdout.splitlines() if f"{comments} " in line]
    (row,) = client.execute("SELECT detail FROM audit_log ORDER BY at LIMIT 1")
    assert f"{comments}/0 in Kafka: 2" in row[0]


@pytest.mark.usefixtures("configured")
def test_a_compacted_topic_gets_a_tombstone_for_each_key_whose_last_record_is_the_persons(
    kafka: KafkaSettings, client: Client
) -> None:
    comments = kafka.topic_comments
    with admin(kafka) as made:
        made.create_topics({comments: {"num_partitions": 1, "configs": {"cleanup.policy": "compact"}}},
                           wait_for_metadata=True)  # fmt: skip
    records = [(b"k0", said("jane")), (b"k1", said("jane")), (b"k1", said("john")), (b"k0", said("jane"))]
    send(kafka, comments, [*records, (b"k2", said("jane")), (b"k2", None), (b"k3", said("john"))])
    for offset, author in enumerate(("jane", "jane", "john", "jane", "jane")):
        stored(kafka, client, author, offset)

    done = within("privacy", "erase", "jane", "--yes", "--json")
    assert done.returncode == 0, done
    (one,) = json.loads(done.stdout)["kafka"]
    assert one["offsets"] == [0, 1, 3, 4] and one["cleanup_policy"] == "compact" and one["refused"] == ""
    assert (one["tombstones"], one["until"], one["why"]) == (1, None, "until it is compacted")
    assert [record.value for record in reread(kafka, comments, 0, 7, 8)] == [None]

    again = json.loads(within("privacy", "erase", "jane", "--yes", "--json").stdout)
    assert [one["tombstones"] for one in again["kafka"]] == [0], "one is enough"


@pytest.mark.usefixtures("configured")
def test_a_person_is_erased_without_kafka_and_the_records_are_told(
    kafka: KafkaSettings, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_topics(kafka, 2, topics=["comments"])
    send(kafka, kafka.topic_comments, [(b"a", said("jane"))])
    stored(kafka, client, "jane", 0)
    ledger = positions(client, topic_ids(kafka, [kafka.topic_comments]))
    with monkeypatch.context() as away:
        away.setenv("KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
        away.setattr("stream.kafka.clients.CONNECT_MS", 1000)
        done = within("privacy", "erase", "jane", "--yes", "--json")
    assert done.returncode == 75 and "Kafka could not be asked" in done.stderr, done
    told = json.loads(done.stdout)
    assert [(one["offsets"], one["why"]) for one in told["kafka"]] == [([0], "not known")] and told["kafka_error"]
    assert client.execute("SELECT text, author FROM record_log") == [("", "")]
    assert positions(client, topic_ids(kafka, [kafka.topic_comments])) == ledger

    later = within("privacy", "erase", "jane", "--yes", "--json")
    assert later.returncode == 0, later
    assert [one["offsets"] for one in json.loads(later.stdout)["kafka"]] == [[0]]
    assert within("privacy", "erase", "john", "--yes", "--no-topics").returncode == 0
