"""Workers as processes over the real broker and ClickHouse: every record once, whatever happens to them."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from deploy.local import BrokerKind, Service
from storage import accounts
from storage.reads import dead_letters
from stream.kafka import produce, topic_ids
from tests.support import Asking, data_folder, eventually, kafka_at

TOPICS = ("news", "comments")
ROUNDS = 2
"""The worker that ends in the second has itself taken over."""


@pytest.fixture(scope="module")
def service(broker: BrokerKind, english: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(data_folder(tmp_path_factory.mktemp("service"), english), broker=broker) as started:
        yield started


@pytest.fixture(scope="module")
def client(service: Service) -> Asking:
    return Asking(service.stack.clickhouse_url)


def lines(prefix: str, count: int) -> list[bytes]:
    return [
        json.dumps(
            {
                "id": f"{prefix}-{number}",
                "source": "desk",
                "title": f"Siemens wins order number {number} of {prefix}",
                "published_at": "2026-01-05T10:00:00Z",
            }
        ).encode()
        for number in range(count)
    ]


def send(service: Service, tmp_path: Path, values: list[bytes], topic: str = "news") -> None:
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.jsonl"
    path.write_bytes(b"\n".join(values) + b"\n")
    produced = produce(path, topic, kafka_at(service.stack.kafka_bootstrap))
    assert produced.acknowledged == len(values) and not produced.failed


def stored(client: Asking, prefix: str) -> int:
    return client.execute("SELECT count() FROM documents WHERE document_id LIKE %(p)s", {"p": f"{prefix}-%"})[0][0]


def contiguous(client: Asking, service: Service) -> bool:
    """Every partition holds each offset from its first to its last once."""
    held = client(lambda c: accounts(c, topic_ids(kafka_at(service.stack.kafka_bootstrap), TOPICS)))
    return all(account.distinct == account.rows == account.last - account.first + 1 for account in held)


def test_documents_are_normalised_linked_redacted_scored_and_sent_on(service: Service, client: Asking, tmp_path: Path):
    comment = {
        "id": "c-1",
        "source": "forum",
        "author": "Jane Doe",
        "text": "<b>Wire\u200bcard</b> is finished, fraud! write to jane@mail.example.com &amp; sell $AAPL",
        "published_at": "2026-01-05T10:00:00+01:00",
    }
    send(service, tmp_path, [json.dumps(comment).encode()], "comments")
    eventually(lambda: stored(client, "c") == 1, 20, "the comment is stored")
    rows, columns = client.execute("SELECT * FROM documents WHERE document_id = 'c-1'", with_column_types=True)
    row = {name: value for (name, _), value in zip(columns, rows[0], strict=True)}
    assert row["text"] == "Wirecard is finished, fraud! write to [email] & sell $AAPL"
    assert "Jane" not in row["author"] and len(row["author"]) == 32
    assert row["mentions.entity"] == ["AAPL", "WDI.DE"] and row["mentions.via"] == ["cashtag", "name"]
    assert row["label"] == "negative" and row["sentiment"] < 0 and row["lang"] == "en"
    assert row["published_at"].hour == 9 and row["model_version"].startswith("finsent-")
    consumer = KafkaConsumer(bootstrap_servers=service.stack.kafka_bootstrap, auto_offset_reset="earliest")
    consumer.assign([TopicPartition("scored", number) for number in range(4)])
    consumer.seek_to_beginning()
    message = eventually(
        lambda: next((r for part in consumer.poll(200).values() for r in part if b'"c-1"' in r.value), None),
        20,
        "the scored document is on its topic",
    )
    consumer.close()
    assert [mention["entity"] for mention in json.loads(message.value)["mentions"]] == ["AAPL", "WDI.DE"]


def test_a_bad_record_costs_only_itself(service: Service, client: Asking, tmp_path: Path):
    good = lines("good", 6)
    bad = [
        b"not json",
        b'{"id":"x"',
        b'{"id":"x","source":"s","published_at":"2026-01-05T10:00:00Z"}',
        b'{"id":7,"source":"s","title":"t","published_at":"2026-01-05T10:00:00Z"}',
        b'{"id":"x","source":"s","title":" ","published_at":"2026-01-05T10:00:00Z"}',
        b'{"id":"x","source":"s","title":"t","published_at":"0001-01-05T10:00:00Z"}',
        b'{"id":"x","source":"s","title":"\xe4","published_at":"2026-01-05T10:00:00Z"}',
        b'{"id":"x","source":"s","title":"' + b"t" * 1_100_000 + b'","published_at":"2026-01-05T10:00:00Z"}',
        b'{"id":"x","source":"s","title":"<p></p>\\u200b","published_at":"2026-01-05T10:00:00Z"}',
    ]
    send(service, tmp_path, good[:3] + bad + good[3:])
    eventually(lambda: stored(client, "good") == 6, 20, "the good records are stored")
    found = eventually(lambda: len(rows := client(dead_letters)) == len(bad) and rows, 20, "the bad ones are kept")
    kinds = sorted(row["error_kind"] for row in found)
    assert kinds == sorted(
        [
            "not_json",
            "not_json",
            "invalid",
            "invalid",
            "empty_text",
            "absurd_date",
            "encoding",
            "too_large",
            "empty_text",
        ]
    )
    raw = client.execute("SELECT hex(raw) FROM dead_letters WHERE error_kind = 'encoding'")[0][0]
    assert bytes.fromhex(raw) == bad[6]
    assert contiguous(client, service)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=lambda how: how.name)
def test_a_worker_that_ends_under_load_loses_nothing_and_repeats_nothing(
    service: Service, client: Asking, tmp_path: Path, how: signal.Signals
):
    for number in range(ROUNDS):
        send(service, tmp_path, lines(f"{how.name}{number}", 700))
        eventually(lambda n=number: stored(client, f"{how.name}{n}") > 0, 60, "some of the round is stored")
        first = service.stack.children["worker-0"].pid
        os.kill(first, how)
        eventually(lambda p=first: service.stack.children["worker-0"].pid not in (None, p), 30, "another takes over")
    for number in range(ROUNDS):
        eventually(lambda n=number: stored(client, f"{how.name}{n}") == 700, 60, f"round {number} is stored")
    assert contiguous(client, service)
    rows, positions = client.execute("SELECT count(), uniqExact(topic, partition, offset) FROM record_log")[0]
    assert rows == positions


def test_clickhouse_away_is_waited_for(service: Service, client: Asking, tmp_path: Path):
    service.stack.kill("clickhouse")
    send(service, tmp_path, lines("away", 300))
    service.stack.kill("clickhouse")
    service.stack.wait_ready()

    eventually(lambda: stored(client, "away") == 300, 60, "what came while ClickHouse was away is stored")
    assert contiguous(client, service)


def test_two_workers_share_the_partitions(service: Service, client: Asking, tmp_path: Path):
    service.start_worker(1)

    def shares() -> list[int]:
        return [len(json.loads(get(port, "ready"))["partitions"]) for port in service.web_ports]

    eventually(lambda: sorted(shares()) == [6, 6], 60, "each has half of the partitions")
    send(service, tmp_path, lines("shared", 400))
    eventually(lambda: stored(client, "shared") == 400, 60, "both work")
    assert contiguous(client, service)


def test_a_broker_is_killed_and_nothing_new_is_taken_for_old(
    broker: BrokerKind, service: Service, client: Asking, tmp_path: Path
):
    """The embedded broker keeps its topics in memory: they come back with other identities and offsets from 0. Those of
    Apache Kafka are as they were."""
    send(service, tmp_path, lines("born", 3))
    eventually(lambda: stored(client, "born") == 3, 60, "the old topics' records are stored")
    service.stack.kill("broker")
    service.stack.wait_ready(120)
    send(service, tmp_path, lines("reborn", 300))
    eventually(lambda: stored(client, "reborn") == 300, 90, "the new topics' records are stored")
    assert client.execute("SELECT uniqExact(topic_id) FROM record_log WHERE topic = 'news'") == [
        (2 if broker == "embedded" else 1,)
    ]


def test_metrics_tell_what_happened(service: Service):
    text = get(service.web_ports[0], "metrics")
    for name in ("finsent_records_received_total", "finsent_insert_seconds_count", "finsent_model_info"):
        assert name in text
    assert json.loads(get(service.web_ports[0], "health")) == {"alive": True}


def get(port: int, page: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=10) as response:
            return response.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()
    except OSError:
        return '{"partitions": []}'
