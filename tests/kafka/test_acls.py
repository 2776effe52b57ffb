"""Each process with exactly the permissions that ``finsent doctor --acls`` prints, at a broker that checks them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from kafka.errors import AuthorizationError
from pydantic import ValidationError

from deploy.local import kafka as local_kafka
from documents.messages import ModelEvent
from settings import KafkaSettings
from stream.champion import announce
from stream.kafka import LabelSender, TopicsMissing, ensure_topics, reread, watermarks
from stream.kafka.clients import admin, producer
from tests.support import Asking, eventually
from tests.support.commands import assert_one_line_failure, within
from tests.support.secure_kafka import SecureKafka, environment, secure_kafka
from tests.support.worker_process import worker_process

NAMES = {"group_id": "risk", "topic_news": "prod.news", "topic_labels": "prod.labels", "topic_prefix": "finsent."}
"""What the group and the topics are called here."""

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
        printed = within("doctor", "--acls", **environment(signed_in(made, "worker"))).stdout
        with admin(made.plaintext) as client:
            done = client.create_acls([acl for line in printed.splitlines() for acl in read(line)])
            assert not done["failed"], done
        yield made


def signed_in(secure: SecureKafka, user: str) -> KafkaSettings:
    return secure.signed_in_as(user, **NAMES)


def read(line: str) -> Iterator[ACL]:
    """What one printed command allows."""
    words = shlex.split(line, comments=True)
    if not words:
        return
    assert words[0] == "kafka-acls.sh" and "--add" in words
    options = list(pairwise(words))
    given = dict(options)
    operation, principal = (
        ACLOperation[re.sub("(?<!^)(?=[A-Z])", "_", given["--operation"]).upper()],
        given["--allow-principal"],
    )
    for option, name in options:
        if option in ("--topic", "--group"):
            resource = ResourcePattern(ResourceType[option[2:].upper()], name)
            yield ACL(principal, "*", operation, ACLPermissionType.ALLOW, resource)


@pytest.fixture
def worker(secure: SecureKafka, clickhouse_url: str, shipped: Path, tmp_path: Path) -> Iterator[Path]:
    """A worker that has its partitions: its log."""
    with worker_process(environment(signed_in(secure, "worker")), clickhouse_url, shipped, tmp_path) as log:
        yield log


def test_what_is_printed_is_enough(secure: SecureKafka, worker: Path, clickhouse_url: str, tmp_path: Path) -> None:
    path, client = tmp_path / "feed.jsonl", Asking(clickhouse_url)
    path.write_text("".join(json.dumps(message) + "\n" for message in FEED))
    done = within("produce", str(path), "--topic", "news", "--as-is", **environment(signed_in(secure, "producer")))
    assert done.returncode == 0, done
    stored = "SELECT topic, kind, error_kind != '' AS bad, count() FROM record_log GROUP BY ALL ORDER BY bad"
    expected = [("prod.news", "news", 0, 5), ("prod.news", "news", 1, 1)]
    eventually(lambda: client.execute(stored) == expected, 90, "all records are stored")
    ends = watermarks(secure.plaintext, ["finsent.scored", "finsent.dead-letters"])
    sent = {topic: sum(high for (name, _), (_, high) in ends.items() if name == topic) for topic, _ in ends}
    assert sent == {"finsent.scored": 5, "finsent.dead-letters": 1}

    event = ModelEvent("promoted", "v2", "v1", "", 0.0, "", datetime.now(UTC))
    announce(signed_in(secure, "scheduler"), event)
    console = signed_in(secure, "console")
    assert sum(high for _, high in watermarks(console, console.feeds).values()) == 6
    LabelSender(console).send("4", "positive", "ana")
    eventually(lambda: client.execute("SELECT count() FROM labels") == [(1,)], 60, "the label is stored")
    auditor = environment(signed_in(secure, "auditor"))
    audit = within("audit", "--json", "-", CLICKHOUSE_URL=clickhouse_url, **auditor)
    assert audit.returncode == 0 and "kafka_error" not in json.loads(audit.stdout), audit
    eraser = environment(signed_in(secure, "eraser")) | {"FINSENT_PSEUDONYM_KEY": "k" * 32}
    erased = within("privacy", "erase", "ana", "--yes", "--json", CLICKHOUSE_URL=clickhouse_url, **eraser)
    (left,) = json.loads(erased.stdout)["kafka"]
    assert erased.returncode == 0 and left["topic"] == "prod.labels" and left["until"], erased
    assert "uthorization" not in worker.read_text()


def test_nothing_more_is_allowed(secure: SecureKafka, tmp_path: Path) -> None:
    ensure_topics(secure.plaintext.model_copy(update=NAMES))
    for reader in ("producer", "scheduler"):
        with pytest.raises(AuthorizationError):
            reread(
                signed_in(secure, reader), "finsent.model-events" if reader == "scheduler" else "prod.news", 0, 0, 10
            )
    for writer, topic in (
        *(("worker", "prod.news"), ("producer", "finsent.scored")),
        *(("console", "prod.news"), ("auditor", "prod.labels"), ("eraser", "finsent.scored")),
    ):
        sender = producer(signed_in(secure, writer), max_block_ms=10_000)
        with pytest.raises(AuthorizationError):
            sender.send(topic, b"{}").get(timeout=30)
        sender.close(timeout=5)
    path = tmp_path / "feed.jsonl"
    path.write_text('{"id": "1", "source": "s", "title": "t", "published_at": "2024-01-05T10:00:00Z"}\n')
    done = within("produce", str(path), "--topic", "news", **environment(signed_in(secure, "scheduler")))
    assert_one_line_failure(done, "doctor --acls")


def test_where_nothing_is_to_be_made_nothing_is_made(secure: SecureKafka) -> None:
    kafka = secure.plaintext.model_copy(update={"create_topics": False})
    with pytest.raises(TopicsMissing, match="no topic not-there"):
        ensure_topics(kafka, topics=["not-there"])
    with admin(kafka) as client:
        assert "not-there" not in client.list_topics()
    printed = within("doctor", "--acls", KAFKA_CREATE_TOPICS="false").stdout
    assert "Create" not in printed and "Write" in printed


def test_two_topics_must_not_have_one_name() -> None:
    for values in ({"topic_news": "comments"}, {"topic_labels": "a-scored", "topic_prefix": "a-"}):
        with pytest.raises(ValidationError, match="the same name"):
            KafkaSettings(**values)  # type: ignore[arg-type]
