"""What real feeds do that our own producer does not: transactions, tombstones, retention, records of all sizes."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from deploy.local import BrokerKind, Service
from deploy.local.supervisor import free_port
from storage import positions
from stream.kafka import ensure_topics, reread, topic_ids, watermarks
from tests.support import Asking, data_folder, eventually, kafka_at

WORKER = """
import stream.worker
from stream import run
plain = stream.worker.reread
def reread(*position):
    print("READ AGAIN", *position[1:], flush=True)
    return plain(*position)
stream.worker.reread = reread
run()
"""
"""A worker that says when it opens another consumer to read records again."""

STUCK_AFTER_S = 10
"""After so many seconds without progress a worker ends itself."""


class Feed:
    """The service without a worker; ``start`` and ``stop`` are for one that the test watches."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.bootstrap = service.stack.kafka_bootstrap
        self.client = Asking(service.stack.clickhouse_url)
        self.log = folder / "worker.log"
        self.web_port = free_port()
        self._environment = {
            **os.environ,
            **service.stack.environment(),
            "STREAM_WEB_PORT": str(self.web_port),
            "STREAM_STUCK_AFTER_S": str(STUCK_AFTER_S),
            "STREAM_ALERTS": "false",
        }
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start a worker unless one runs, and wait until it has its partitions."""
        if self.process is None or self.process.poll() is not None:
            with self.log.open("wb") as out:
                command = [sys.executable, "-c", WORKER]
                self.process = subprocess.Popen(command, env=self._environment, stderr=out, stdout=out)
        eventually(self.ready, 90, "the worker has its partitions")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ready(self) -> bool:
        assert self.alive(), self.log.read_text()[-2000:]
        try:
            return bool(json.loads(self.page("ready"))["ready"])
        except OSError:
            return False

    def page(self, name: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web_port}/{name}", timeout=5) as response:
            return response.read().decode()

    def lag(self) -> float:
        """Records that wait in all partitions, as the worker reports them."""
        return sum(
            float(number) for number in re.findall(r"^finsent_lag_records\{.*\} (\S+)", self.page("metrics"), re.M)
        )

    def stored(self, prefix: str) -> int:
        rows = self.client.execute(
            "SELECT count() FROM documents WHERE document_id LIKE %(prefix)s", {"prefix": f"{prefix}-%"}
        )
        return rows[0][0]

    def limit(self, topics: Sequence[str], size: int) -> None:
        """Let ``topics`` take batches of at most ``size`` bytes."""
        with KafkaAdminClient(bootstrap_servers=self.bootstrap.split(",")) as admin:
            admin.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, topic, {"max.message.bytes": str(size)}) for topic in topics]
            )

    def dead_letters_end(self) -> int:
        """The offset of the next dead letter from partition 2."""
        return watermarks(kafka_at(self.bootstrap), ["dead-letters"])["dead-letters", 2][1]

    def dead_letters(self, first: int) -> list[bytes]:
        """The dead letters from partition 2, from the offset ``first`` on."""
        found = reread(kafka_at(self.bootstrap), "dead-letters", 2, first, self.dead_letters_end())
        return [record.value or b"" for record in found]

    def send(self, values: Sequence[bytes | None], partition: int = 0) -> list[int]:
        """Offsets of ``values`` on ``news``."""
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap.split(","), enable_idempotence=False, max_request_size=4_000_000
        )
        sent = [producer.send("news", value, key=b"k", partition=partition) for value in values]
        producer.close()
        return [future.get(timeout=30).offset for future in sent]


@pytest.fixture(scope="module")
def feed(broker: BrokerKind, shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Feed]:
    data = data_folder(tmp_path_factory.mktemp("feeds"), shipped)
    with Service(data, workers=0, broker=broker) as service:
        ensure_topics(kafka_at(service.stack.kafka_bootstrap))
        made = Feed(service, data)
        yield made
        made.stop()


def values(prefix: str, count: int) -> list[bytes]:
    return [
        json.dumps(
            {
                "id": f"{prefix}-{number}",
                "source": "desk",
                "title": f"Siemens wins order {number}",
                "published_at": "2026-01-05T10:00:00Z",
            }
        ).encode()
        for number in range(count)
    ]


needs_transactions = pytest.mark.parametrize("broker", ["kafka"], indirect=True)
"""The embedded broker has none."""


@pytest.fixture(scope="module")
def transactions(feed: Feed) -> Feed:
    """Ten records committed, then ten aborted, both in partition 0; no record follows them."""
    feed.start()
    producer = KafkaProducer(bootstrap_servers=feed.bootstrap.split(","), transactional_id="a-feed")
    producer.init_transactions()
    for prefix, end in (("committed", producer.commit_transaction), ("aborted", producer.abort_transaction)):
        producer.begin_transaction()
        for value in values(prefix, 10):
            producer.send("news", value, partition=0)
        producer.flush()
        end()
    producer.close()
    eventually(lambda: feed.stored("committed") == 10, 60, "what was committed is stored")
    time.sleep(2)
    return feed


@needs_transactions
def test_aborted_records_are_not_stored(transactions: Feed):
    assert transactions.stored("aborted") == 0


@needs_transactions
def test_markers_are_no_gaps(transactions: Feed):
    assert "READ AGAIN" not in transactions.log.read_text()


@needs_transactions
def test_markers_leave_no_lag(transactions: Feed):
    eventually(lambda: transactions.lag() == 0, 10, "no lag is reported")


@needs_transactions
def test_a_worker_outlives_quiet_hours_after_a_marker(transactions: Feed):
    time.sleep(2 * STUCK_AFTER_S)
    assert transactions.alive()


def test_tombstones_are_counted_and_passed_over(feed: Feed):
    """They are more than the bad records in a row that stop a worker, and one is the last of its partition."""
    feed.start()
    last = feed.send([None] * 600 + values("after-tombstones", 1) + [None])[-1]
    eventually(lambda: feed.stored("after-tombstones") == 1, 60, "the record after them is stored")
    assert feed.client.execute("SELECT count() FROM dead_letters WHERE raw = ''") == [(0,)]
    eventually(lambda: feed.lag() == 0, 60, "the last one leaves no lag")
    assert 'finsent_records_tombstones_total{topic="news"} 601.0' in feed.page("metrics")
    assert (
        feed.client(lambda client: positions(client, topic_ids(kafka_at(feed.bootstrap), ["news"])))["news", 0] == last
    )


@needs_transactions
@pytest.mark.xfail(strict=True, reason="records that were deleted before they were read are passed over silently")
def test_records_lost_to_retention_are_named(feed: Feed):
    feed.start()
    feed.send(values("read", 3), partition=1)
    eventually(lambda: feed.stored("read") == 3, 60, "the first ones are stored")
    feed.stop()
    last = feed.send(values("lost", 5), partition=1)[-1]
    with KafkaAdminClient(bootstrap_servers=feed.bootstrap.split(",")) as admin:
        admin.delete_records({TopicPartition("news", 1): last + 1})
    feed.send(values("kept", 3), partition=1)
    feed.start()
    eventually(lambda: feed.stored("kept") == 3, 60, "what is left is stored")
    assert feed.stored("lost") == 0
    said = [json.loads(line) for line in feed.log.read_text().splitlines() if line.startswith("{")]
    assert any(line["level"] in ("WARNING", "ERROR") and "news/1" in str(line) for line in said)


@pytest.mark.parametrize("size", [900_000, 1_600_000])
def test_a_bad_record_of_any_size_costs_only_itself(feed: Feed, size: int):
    feed.start()
    feed.send([*values(f"before-{size}", 1), b"x" * size, *values(f"after-{size}", 1)], partition=2)
    eventually(lambda: feed.stored(f"after-{size}") == 1, 60, "the record after it is stored")
    assert feed.alive()
    assert feed.client.execute(f"SELECT count() FROM dead_letters WHERE length(raw) = {size}") == [(1,)]


@needs_transactions
@pytest.mark.parametrize("limit", [1_048_588, 100_000])
def test_topics_with_small_limits_get_what_fits(feed: Feed, limit: int):
    """The first is Kafka's default. The second is less than one batch of the messages of many documents."""
    feed.start()
    feed.limit(["dead-letters", "scored"], limit)
    first = feed.dead_letters_end()
    feed.send([*values(f"small-{limit}", 500), b"y" * 1_500_000, *values(f"later-{limit}", 1)], partition=2)
    eventually(lambda: feed.stored(f"later-{limit}") == 1, 90, "the record after it is stored")
    assert feed.alive() and feed.stored(f"small-{limit}") == 500
    sent = json.loads(feed.dead_letters(first)[-1])
    assert sent["cut"] and sent["raw_bytes"] == 1_500_000
    assert 0.8 * limit < len(json.dumps(sent)) <= limit
    assert set(base64.b64decode(sent["raw"])) == {ord("y")}


def test_hostile_titles_cost_their_neighbours_nothing(feed: Feed):
    feed.start()
    message = json.loads(values("hostile", 1)[0])
    titles = ["A (" + "A" * 400, "a" + "\u0300" * 16_000 + "\u0316" * 16_000, "\ufdfa" * 20_000, "\u3316" * 100_000]
    hostile = [json.dumps(message | {"title": title}, ensure_ascii=False).encode() for title in titles]
    feed.send([*values("before-hostile", 1), *hostile, *values("after-hostile", 1)], partition=3)
    eventually(lambda: feed.stored("after-hostile") == 1, 60, "the record after them is stored")
    assert feed.stored("before-hostile") == 1 and feed.stored("hostile") == 3
    assert feed.client.execute("SELECT count() FROM dead_letters WHERE error_kind = 'too_long'") == [(1,)]
