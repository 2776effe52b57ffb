"""What real feeds do that our own producer does not: transactions, tombstones, retention, records of all sizes."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from deploy.local import BrokerKind, Service
from storage import positions
from stream.kafka import backlog, ensure_topics, topic_ids, watermarks
from tests.support import data_folder, eventually, kafka_at
from tests.support.feed import Feed, values

STUCK_AFTER_S = 10
"""After so many seconds without progress a worker ends itself."""


@pytest.fixture(scope="module")
def feed(broker: BrokerKind, english: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Feed]:
    data = data_folder(tmp_path_factory.mktemp("feeds"), english)
    with Service(data, workers=0, broker=broker) as service:
        ensure_topics(kafka_at(service.stack.kafka_bootstrap))
        made = Feed(service, data, STUCK_AFTER_S)
        yield made
        made.stop()


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
def test_the_group_has_committed_what_the_ledger_has(transactions: Feed):
    """KEDA and exporters of the lag read it: also of partitions without records, and behind markers."""
    kafka = kafka_at(transactions.bootstrap)
    ends = {where: end for where, (_, end) in watermarks(kafka, kafka.feeds).items()}

    def committed() -> dict[tuple[str, int], int]:
        with KafkaAdminClient(bootstrap_servers=transactions.bootstrap.split(",")) as admin:
            (found,) = admin.list_group_offsets({"finsent": None}).values()
        return {(partition.topic, partition.partition): at.offset for partition, at in found.items()}

    eventually(lambda: committed() == ends, 30, f"{ends} is committed")
    assert ends["news", 0] == 22 and len(ends) == 12


@needs_transactions
def test_how_long_records_wait_and_how_near_retention_is(transactions: Feed):
    for name, value in (("finsent_lag_seconds", 0), ("finsent_held_records_stored_ratio", 1)):

        def told(name: str = name) -> list[float]:
            found = re.findall(rf"^{name}\{{.*\}} (\S+)", transactions.page("metrics"), re.M)
            return [float(number) for number in found]

        eventually(lambda value=value, told=told: told() == [value] * 12, 60, f"{name} is {value} everywhere")


@needs_transactions
def test_markers_are_no_backlog_for_the_doctor(transactions: Feed):
    kafka = kafka_at(transactions.bootstrap)
    assert transactions.client(lambda client: backlog(kafka, client))["news"] == 0
    transactions.stop()
    transactions.send(values("late", 2), partition=0)
    assert transactions.client(lambda client: backlog(kafka, client))["news"] >= 2
    transactions.start()


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
