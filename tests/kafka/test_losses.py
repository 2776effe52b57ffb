"""What Kafka loses is said: in the log, as a metric, as a row in ClickHouse, by the audit. The worker goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from cli import audit_report
from deploy.local import BrokerKind, Child, Service, kafka
from deploy.local.broker import listens
from documents import Document, Position
from errors import ExitCode
from storage import LossReason, lost_ranges, write_documents
from storage.writes import WorkerEnd, write_worker_ends
from stream.kafka import ensure_topics, topic_ids
from tests.support import data_folder, eventually, kafka_at
from tests.support.commands import within
from tests.support.feed import Feed, values

only_apache_kafka = pytest.mark.parametrize("broker", ["kafka"], indirect=True)
"""The embedded broker has neither DeleteRecords nor CreatePartitions, and its retention cannot be hurried."""


@pytest.fixture(scope="module")
def feed(broker: BrokerKind, english: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Feed]:
    data = data_folder(tmp_path_factory.mktemp("losses"), english)
    with Service(data, workers=0, broker=broker) as service:
        ensure_topics(kafka_at(service.stack.kafka_bootstrap))
        made = Feed(service, data)
        yield made
        made.stop()


@pytest.fixture
def report(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """Makes the audit's report."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", feed.bootstrap)
    return lambda: feed.client(audit_report)


def lost(feed: Feed, topic: str, partition: int) -> list[tuple[int, int, str]]:
    """What ClickHouse has of the losses of a partition."""
    found = [loss for loss, _ in feed.client(lost_ranges) if (loss.topic, loss.partition) == (topic, partition)]
    return [(loss.first, loss.end, loss.reason.value) for loss in found]


def said(feed: Feed, text: str) -> bool:
    """Whether a line of the log at level ERROR has ``text``."""
    lines = [json.loads(line) for line in feed.log.read_text().splitlines() if line.startswith("{")]
    return any(line["level"] == "ERROR" and text in line["message"] for line in lines)


def delete_before(feed: Feed, partition: int, offset: int) -> None:
    with KafkaAdminClient(bootstrap_servers=feed.bootstrap.split(",")) as admin:
        admin.delete_records({TopicPartition("news", partition): offset})


@only_apache_kafka
def test_records_that_expire_while_no_worker_runs(feed: Feed, report):
    feed.start()
    (*_, last) = feed.send(values("read", 3), partition=1)
    eventually(lambda: feed.stored("read") == 3, 60, "the first ones are stored")
    feed.stop()
    (*_, end) = feed.send(values("lost", 5), partition=1)
    delete_before(feed, 1, end + 1)
    feed.send(values("kept", 3), partition=1)
    feed.start()
    eventually(lambda: feed.stored("kept") == 3, 60, "what is left is stored")
    assert feed.stored("lost") == 0
    assert lost(feed, "news", 1) == [(last + 1, end + 1, "expired")]
    assert said(feed, f"news/1: offsets {last + 1} to {end}: ")
    assert 'finsent_offsets_lost_total{partition="1",reason="expired",topic="news"} 5.0' in feed.page("metrics")
    row = next(row for row in report()["partitions"] if (row["topic"], row["partition"]) == ("news", 1))
    assert (row["lost"], row["lost_ranges"], row["missing"], row["lag"]) == (5, [(last + 1, end)], 0, 0)
    assert report()["clean"]


@only_apache_kafka
def test_records_that_expire_while_the_worker_runs(feed: Feed):
    feed.start()
    (*_, last) = feed.send(values("seen", 3), partition=2)
    eventually(lambda: feed.stored("seen") == 3, 60, "the first ones are stored")
    assert feed.process
    feed.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(1)  # a fetch that was under way has been answered, before there was anything
        (*_, end) = feed.send(values("gone", 5), partition=2)
        delete_before(feed, 2, end + 1)
        feed.send(values("left", 3), partition=2)
    finally:
        feed.process.send_signal(signal.SIGCONT)
    eventually(lambda: feed.stored("left") == 3, 60, "what is left is stored")
    assert feed.stored("gone") == 0
    assert lost(feed, "news", 2) == [(last + 1, end + 1, "expired")]
    assert said(feed, f"news/2: offsets {last + 1} to {end}: ")
    assert "READ AGAIN" not in feed.log.read_text()
    eventually(lambda: feed.lag() == 0, 60, "no lag is left")


def test_a_log_that_ends_before_what_is_stored(feed: Feed, report):
    """As after an unclean election of a leader: here rows are stored of offsets that the broker does not have."""
    feed.start()
    (*_, last) = feed.send(values("short", 3), partition=3)
    eventually(lambda: feed.stored("short") == 3, 60, "the first ones are stored")
    feed.stop()
    topic_id = topic_ids(kafka_at(feed.bootstrap), ["news"])["news"]
    beyond = [Document(Position("news", topic_id, 3, last + n), document_id=f"cut-{n}") for n in range(1, 5)]
    feed.client(lambda client: write_documents(client, beyond))
    assert not report()["clean"]
    feed.start()
    feed.send(values("second-life", 6), partition=3)
    eventually(lambda: feed.stored("second-life") == 6, 60, "offsets that are given a second time are stored, too")
    assert feed.stored("cut") == 4
    assert lost(feed, "news", 3) == [(last + 1, last + 5, "truncated")]
    assert said(feed, f"news/3: offsets {last + 1} to {last + 4}: ")
    assert report()["clean"] and report()["lag"] == 0


def restart_broker(feed: Feed, between: Callable[[Path], None]) -> None:
    """While the broker is down, ``between`` is called with the folder of its partitions."""
    stack = feed.service.stack
    broker = stack.children.pop("broker")
    broker.stop()
    folder, port = stack.data / "kafka" / "broker-1", int(feed.bootstrap.rpartition(":")[2])
    between(folder / "log")
    argv = kafka.argv(kafka.install(), kafka.Node(1, port, 0, folder), heap_mb=512)
    stack.add(Child("broker", argv, os.environ, lambda: listens(port), broker.log))
    stack.children["broker"].wait_ready(180)


@only_apache_kafka
@pytest.mark.parametrize("running", [False, True], ids=["while no worker runs", "under a worker"])
def test_a_log_that_was_cut_and_has_grown_again_is_noticed(feed: Feed, report, tmp_path: Path, running: bool):
    """As after an unclean election of a leader: here the files of a partition are put back to what they were."""
    feed.start()
    topic, name = "labels", f"labels-{int(running)}"
    label = lambda number: json.dumps({"id": f"{name}-{number}"}).encode()  # noqa: E731
    first = feed.send([label(number) for number in range(3)], int(running), topic)[-1]
    saved = tmp_path / "saved"
    partition = feed.service.stack.data / "kafka" / "broker-1" / "log" / f"{topic}-{int(running)}"
    shutil.copytree(partition, saved, ignore=shutil.ignore_patterns("*index", "*.snapshot"))
    (*_, last) = feed.send([label(number) for number in range(5)], int(running), topic)
    known = f"SELECT max(end) FROM partition_epochs WHERE topic = '{topic}' AND partition = {int(running)}"
    eventually(lambda: feed.client.execute(known)[0][0] == last + 1, 60, "the leader epoch is stored")
    if not running:
        feed.stop()

    def put_back(logs: Path) -> None:
        shutil.rmtree(logs / partition.name)
        shutil.copytree(saved, logs / partition.name)

    restart_broker(feed, put_back)
    eventually(lambda: len(feed.send([label(n) for n in range(20)], int(running), topic)) == 20, 60, "it has grown")
    if running:
        assert feed.process
        assert feed.process.wait(90) == ExitCode.TEMPFAIL
    feed.start()
    assert lost(feed, topic, int(running)) == [(first + 1, last + 1, "truncated")]

    def second_life() -> dict:
        rows = [row for row in report()["partitions"] if (row["topic"], row["partition"]) == (topic, int(running))]
        return next(row for row in rows if row["topic_id"].endswith("+1"))

    eventually(lambda: second_life()["last"] == first + 20, 60, "all offsets that were given a second time are stored")
    assert (second_life()["first"], second_life()["missing"]) == (first + 1, 0) and report()["clean"]


@only_apache_kafka
def test_a_partition_that_is_added_is_taken_up(feed: Feed):
    feed.start()
    with KafkaAdminClient(bootstrap_servers=feed.bootstrap.split(",")) as admin:
        admin.create_partitions({"news": 5})
    eventually(lambda: "news/4" in feed.partitions(), 60, "the worker has the new one")
    feed.send(values("added", 3), partition=4)
    eventually(lambda: feed.stored("added") == 3, 60, "its records are stored")


def test_a_topic_that_is_made_again(feed: Feed, report):
    feed.start()
    old = topic_ids(kafka_at(feed.bootstrap), ["comments"])["comments"]
    (*_, last) = feed.send([comment("former", number) for number in range(3)], 0, "comments")
    eventually(lambda: feed.stored("former") == 3, 60, "what the first topic has is stored")
    ends = "SELECT max(end) FROM partition_ends WHERE topic = 'comments' AND partition = 0"
    # The embedded broker may tell the beginning of its last batch instead.
    eventually(lambda: feed.client.execute(ends)[0][0] > 0, 60, "its end is known")
    feed.stop()
    with KafkaAdminClient(bootstrap_servers=feed.bootstrap.split(",")) as admin:
        admin.delete_topics(["comments"])
    eventually(lambda: "comments" in ensure_topics(kafka_at(feed.bootstrap)), 60, "the topic is made again")
    feed.start()
    feed.send([comment("latter", number) for number in range(3)], 0, "comments")
    eventually(lambda: feed.stored("latter") == 3, 60, "what the second topic has is stored")
    assert lost(feed, "comments", 0) == [(last + 1, last + 1, "topic_made_again")]
    assert said(feed, f"comments/0: the topic {old} was deleted and made again; all known was read")
    row = next(row for row in report()["partitions"] if row["topic_id"] == old)
    assert [loss["reason"] for loss in row["losses"]] == [LossReason.topic_made_again] and report()["clean"]


WITHOUT_LZ4 = """
import aiokafka.codec
from stream import run
aiokafka.codec.has_lz4 = lambda: False
run()
"""


def test_a_codec_without_a_library_is_named(feed: Feed):
    """By the worker's log and exit code, and by the doctor, which knows the partition, too."""
    feed.stop()
    producer = KafkaProducer(bootstrap_servers=feed.bootstrap, compression_type="lz4", enable_idempotence=False)
    at = producer.send("labels", b"packed" * 100, partition=2).get(timeout=30).offset
    producer.close()
    assert feed.launch(WITHOUT_LZ4).wait(120) == ExitCode.CONFIG
    why = f"labels/2: the batch at offset {at} cannot be decoded: "
    assert why in feed.log.read_text() and "lz4" in feed.log.read_text()
    named = {name: feed.environment[name] for name in NAMED}

    def examined() -> tuple[int, dict[str, Any]]:
        done = within("doctor", "--json", **named)
        return done.returncode, {one["what"]: one for one in json.loads(done.stdout)}

    eventually(lambda: why in examined()[1]["workers"]["state"], 60, "the doctor knows of the end")
    code, found = examined()
    assert code == 1 and not found["workers"]["ok"] and not found["backlog"]["ok"]
    assert why in found["workers"]["state"] and "lz4" in found["workers"]["state"] and found["workers"]["todo"]
    assert "labels 1 wait" in found["backlog"]["state"]
    feed.start()
    eventually(lambda: feed.lag() == 0, 60, "with the library it is read")


def test_a_worker_tells_that_others_ended_before_it(feed: Feed):
    """On its page ``/ready``, and as a metric."""
    feed.start()
    feed.stop()
    now = datetime.now(UTC)
    minutes = [timedelta(minutes=number) for number in (3, 2, 1)]
    feed.client(lambda client: write_worker_ends(
        client, [WorkerEnd(f"w{ago}", now - ago, now, 75, "the disk is full", "news/0 at 12") for ago in minutes]
    ))  # fmt: skip
    feed.start()
    shown = json.loads(feed.page("ready"))
    assert shown.keys() == {
        "ready", "partitions", "model", "waiting_for_store", "waiting_because", "waiting_for_registry", "restarts",
    }  # fmt: skip
    told = shown.pop("restarts")
    assert told["times"] >= 3 and (told["why"], told["about"]) == ("the disk is full", "news/0 at 12")
    assert datetime.fromisoformat(told["since"]) <= now
    assert shown["ready"] and not shown["waiting_for_store"] and not shown["waiting_for_registry"]
    assert "news/0" in shown["partitions"] and shown["model"].startswith("finsent-")
    metric = f'finsent_worker_restarts{{reason="the disk is full",subject="news/0 at 12"}} {told["times"]}.0'
    eventually(lambda: metric in feed.page("metrics"), 30, "the metric says so")


NAMED = ("FINSENT_DATA", "CLICKHOUSE_URL", "KAFKA_BOOTSTRAP_SERVERS")


def comment(prefix: str, number: int) -> bytes:
    text = {"id": f"{prefix}-{number}", "source": "board", "text": f"Siemens is cheap, {number} times"}
    return json.dumps(text | {"published_at": "2026-01-05T10:00:00Z"}).encode()
