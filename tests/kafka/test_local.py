"""Apache Kafka as the project starts it: checked jars, one broker or three, topics that survive a restart."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from deploy.local import Stack, kafka
from deploy.local.install import InstallError
from deploy.local.kafka import jars
from stream.kafka import ensure_topics, topic_ids
from tests.support import kafka_at

needs_kafka = pytest.mark.skipif(bool(kafka.problem()), reason=kafka.problem() or "it is there")


@pytest.fixture
def beside(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only brokers are started: ClickHouse is the one that runs already."""
    monkeypatch.setenv("CLICKHOUSE_URL", stack.clickhouse_url)


@needs_kafka
def test_topics_survive_a_restart_of_three_brokers(beside: None, tmp_path: Path) -> None:
    with Stack(tmp_path, broker="kafka", brokers=3) as running:
        assert len(running.kafka_bootstrap.split(",")) == 3
        ensure_topics(kafka_at(running.kafka_bootstrap), 2, ["kept"])
        before = topic_ids(kafka_at(running.kafka_bootstrap), ["kept"])
    with Stack(tmp_path, broker="kafka", brokers=3) as running:
        assert topic_ids(kafka_at(running.kafka_bootstrap), ["kept"]) == before


@needs_kafka
def test_a_jar_that_was_changed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "CACHE", Path(shutil.copytree(kafka.install(), tmp_path / kafka.version())).parent)
    assert kafka.install() == tmp_path / kafka.version()
    changed = next((tmp_path / kafka.version()).glob("kafka-clients-*.jar"))
    changed.write_bytes(changed.read_bytes() + b"x")
    with pytest.raises(InstallError, match=rf"{changed.name} has another sha256"):
        kafka.install()
    changed.unlink()
    assert kafka.differences(tmp_path / kafka.version()) == [f"{changed.name} is missing"]


def test_where_there_is_no_java_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "Java 17" in kafka.problem()
    with pytest.raises(InstallError, match="there is no 'java'"):
        kafka.install()
