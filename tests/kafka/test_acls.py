"""Each process with exactly the permissions that ``finsent doctor --acls`` prints, at a broker that checks them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from kafka.errors import AuthorizationError

from deploy.local import free_port
from deploy.local import kafka as local_kafka
from documents.messages import ModelEvent
from settings import KafkaSettings
from stream.champion import announce
from stream.kafka import LabelSender, TopicsMissing, ensure_topics, reread, watermarks
from stream.kafka.clients import admin, producer
from tests.support import Asking, eventually
from tests.support.commands import ROOT, assert_one_line_failure, within
from tests.support.secure_kafka import SecureKafka, environment, secure_kafka

GROUP = "risk"
FEED = [
    *({"id": str(n), "source": "desk", "title": f"Siemens wins order {n}", "published_at": "2026-01-05T10:00:00Z"}
      for n in range(5)),
    {"id": "a bad one"},
]  # fmt: skip


@pytest.fixture(scope="module", params=["kafka"])
def secure(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    """With the permissions that are printed."""
    if reason := local_kafka.problem():
        pytest.skip(reason)
    with secure_kafka(tmp_path_factory.mktemp("acls")) as made:
        printed = within("doctor", "--acls", **environment(made.signed_in_as("worker", group_id=GROUP))).stdout
        with admin(made.plaintext) as client:
            done = client.create_acls([acl for line in printed.splitlines() for acl in read(line)])
            assert not done["failed"], done
        yield made


def read(line: str) -> Iterator[ACL]:
    """What one printed command allows."""
    words = shlex.split(line, comments=True)
    if not words:
        return
    assert words[0] == "kafka-acls.sh" and "--add" in words
    options = list(pairwise(words))
    given = dict(options)
    operation, principal = ACLOperation[given["--operation"].upper()], given["--allow-principal"]
    for option, name in options:
        if option in ("--topic", "--group"):
            resource = ResourcePattern(ResourceType[option[2:].upper()], name)
            yield ACL(principal, "*", operation, ACLPermissionType.ALLOW, resource)


@pytest.fixture
def worker(secure: SecureKafka, clickhouse_url: str, shipped: Path, tmp_path: Path) -> Iterator[Path]:
    """A worker that has its partitions: its log."""
    port, log = free_port(), tmp_path / "worker.log"
    settings = {"CLICKHOUSE_URL": clickhouse_url, "MODEL_REGISTRY": str(shipped), "STREAM_WEB_PORT": str(port),
                "FINSENT_PSEUDONYM_KEY": "k" * 32, "FINSENT_DATA": str(tmp_path)}  # fmt: skip
    settings |= environment(secure.signed_in_as("worker", group_id=GROUP))
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "finsent", "worker"], cwd=ROOT, env=os.environ | settings, stdout=out, stderr=out
        )

    def ready() -> bool:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
                return bool(json.load(answer)["ready"])
        except OSError:
            return False

    try:
        eventually(ready, 120, "the worker has its partitions")
        yield log
    finally:
        process.kill()
        process.wait()


def test_what_is_printed_is_enough(secure: SecureKafka, worker: Path, clickhouse_url: str, tmp_path: Path) -> None:
    path, client = tmp_path / "feed.jsonl", Asking(clickhouse_url)
    path.write_text("".join(json.dumps(message) + "\n" for message in FEED))
    done = within("produce", str(path), "--topic", "news", **environment(secure.signed_in_as("producer")))
    assert done.returncode == 0, done
    count = "SELECT (SELECT count() FROM documents), (SELECT count() FROM dead_letters)"
    eventually(lambda: client.execute(count) == [(5, 1)], 90, "all records are stored")
    ends = watermarks(secure.plaintext, ["scored", "dead-letters"])
    sent = {topic: sum(high for (name, _), (_, high) in ends.items() if name == topic) for topic, _ in ends}
    assert sent == {"scored": 5, "dead-letters": 1}

    event = ModelEvent("promoted", "v2", "v1", "", 0.0, "", datetime.now(UTC))
    announce(secure.signed_in_as("scheduler"), event)
    console = secure.signed_in_as("console")
    assert sum(high for _, high in watermarks(console, ["news", "comments", "labels"]).values()) == 6
    LabelSender(console).send("4", "positive", "ana")
    auditor = environment(secure.signed_in_as("auditor"))
    audit = within("audit", "--json", "-", CLICKHOUSE_URL=clickhouse_url, **auditor)
    assert audit.returncode == 0 and "kafka_error" not in json.loads(audit.stdout), audit
    assert "uthorization" not in worker.read_text()


def test_nothing_more_is_allowed(secure: SecureKafka, tmp_path: Path) -> None:
    ensure_topics(secure.plaintext)
    for reader in ("producer", "scheduler"):
        with pytest.raises(AuthorizationError):
            reread(secure.signed_in_as(reader), "model-events" if reader == "scheduler" else "news", 0, 0, 10)
    for writer, topic in (("worker", "news"), ("producer", "scored"), ("console", "news"), ("auditor", "labels")):
        sender = producer(secure.signed_in_as(writer), max_block_ms=10_000)
        with pytest.raises(AuthorizationError):
            sender.send(topic, b"{}").get(timeout=30)
        sender.close(timeout=5)
    path = tmp_path / "feed.jsonl"
    path.write_text("{}\n")
    done = within("produce", str(path), "--topic", "news", **environment(secure.signed_in_as("scheduler")))
    assert_one_line_failure(done, "doctor --acls")


def test_where_nothing_is_to_be_made_nothing_is_made(secure: SecureKafka) -> None:
    kafka = secure.plaintext.model_copy(update={"create_topics": False})
    with pytest.raises(TopicsMissing, match="no topic not-there"):
        ensure_topics(kafka, topics=["not-there"])
    with admin(kafka) as client:
        assert "not-there" not in client.list_topics()
    printed = within("doctor", "--acls", KAFKA_CREATE_TOPICS="false").stdout
    assert "Create" not in printed and "Write" in printed


def test_the_group_that_is_set_is_printed() -> None:
    assert "--group mine" in within("doctor", "--acls", KAFKA_GROUP_ID="mine").stdout
    assert KafkaSettings().group_id in within("doctor", "--acls").stdout
