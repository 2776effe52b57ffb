"""The last release and this checkout agree on what is stored: the wheel of one writes, that of the other goes on.

While there is no tag, the release is the commit that said first what is stable.
"""

from __future__ import annotations

import subprocess
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from benchmarks.pipeline_records import values
from deploy.local import Stack
from deploy.local.supervisor import free_port
from tests.support import Asking, eventually, wheels

FIRST = "de7e677"
RECORDS = 60
READ = ("documents", "mentions", "dead_letters")
"""Views whose rows must stay as they are."""


def last_release() -> str:
    """Its tag, or the commit that stands for it."""
    command = ["git", "describe", "--tags", "--abbrev=0", "--match", "v*"]
    tag = subprocess.run(command, cwd=wheels.ROOT, capture_output=True, text=True).stdout.strip()
    return tag or FIRST


def held() -> bool:
    """Whether this checkout has the release's commit."""
    command = ["git", "cat-file", "-e", f"{last_release()}^{{commit}}"]
    return subprocess.run(command, cwd=wheels.ROOT, capture_output=True).returncode == 0


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def worker(command: Path, cwd: Path, settings: dict[str, str]) -> Iterator[None]:
    """One of that version, ready; it must stop by itself when it is told to."""
    port, log = free_port(), cwd / f"{command.parents[1].name}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [str(command), "worker"],
            cwd=cwd,
            env=wheels.environment(**settings, STREAM_WEB_PORT=str(port)),
            stdout=file,
            stderr=file,
        )
    try:
        eventually(lambda: answers(f"http://127.0.0.1:{port}/ready") or process.poll() is not None, 240, "ready")
        assert process.poll() is None, log.read_text()[-3000:]
        yield
        process.terminate()
        assert process.wait(60) == 0, log.read_text()[-3000:]
    finally:
        process.kill()
        process.wait()


def send(bootstrap: str, topics: dict[str, str], records: list[tuple[str, bytes]], pause_s: float = 0) -> None:
    """One after the other, with a pause after each."""
    producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), acks="all")
    for topic, value in records:
        producer.send(topics[topic], value)
        time.sleep(pause_s)
    producer.close()


def columns(asking: Asking) -> dict[str, dict[str, str]]:
    """The columns of each view that people query, with their types."""
    found: dict[str, dict[str, str]] = {}
    for view, name, kind in asking.execute(
        "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() AND table IN "
        "(SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View')"
    ):
        found.setdefault(view, {})[name] = kind
    return found


def rows(asking: Asking, known: dict[str, dict[str, str]]) -> dict[str, list[Any]]:
    """What the views say, by the columns that the release had."""
    return {
        view: asking.execute(f"SELECT {', '.join(f'`{name}`' for name in known[view])} FROM {view} ORDER BY ALL")
        for view in READ
    }


def _missing(had: list[Any], kept: list[Any]) -> Counter[str]:
    """The rows that are no longer there, or are fewer; a row may hold lists, so each is compared as text."""
    return Counter(map(repr, had)) - Counter(map(repr, kept))


@pytest.mark.skipif(not held(), reason="THE LAST RELEASE IS NOT COMPARED: its commit is not in this (shallow) clone")
def test_this_version_goes_on_with_what_the_last_release_stored(
    stack: Stack, clickhouse_url: str, tmp_path: Path
) -> None:
    commands = {}
    for name in ("old", "new"):
        folders = [tmp_path / f"{name}-{what}" for what in ("source", "wheel", "environment")]
        for folder in folders:
            folder.mkdir()
        source = wheels.commit(last_release(), folders[0]) if name == "old" else wheels.checkout(folders[0])
        commands[name] = wheels.installed(wheels.built(source, folders[1]), folders[2])
    mark = uuid.uuid4().hex[:8]
    topics = {topic: f"{topic}-{mark}" for topic in ("news", "comments", "labels")}
    settings = {
        **stack.environment(),
        **{f"KAFKA_TOPIC_{topic.upper()}": name for topic, name in topics.items()},
        "KAFKA_TOPIC_PREFIX": f"{mark}-",
        "KAFKA_GROUP_ID": mark,
        "CLICKHOUSE_URL": clickhouse_url,
        "FINSENT_DATA": str(tmp_path / "data"),
        "MODEL_REGISTRY": str(tmp_path / "models"),
        "STREAM_ALERTS": "false",
    }
    asking = Asking(clickhouse_url)
    some = values(None, 4 * RECORDS)
    count = "SELECT count(), uniqExact(topic, partition, offset) FROM record_log"
    wheels.run(commands["old"], "storage", "migrate", cwd=tmp_path, **settings)
    with worker(commands["old"], tmp_path, settings):
        send(stack.kafka_bootstrap, topics, [*some[: RECORDS - 1], ("news", b"{no json")])
        eventually(lambda: asking.execute(count)[0][1] >= RECORDS, 240, "the release has stored everything")
        known = columns(asking)
        before = rows(asking, known)
        assert all(before.values()), {view: len(found) for view, found in before.items()}

        # It runs on and is given records while the tables change under it, and afterwards.
        during = threading.Thread(
            target=send, args=(stack.kafka_bootstrap, topics, some[RECORDS : 2 * RECORDS]), kwargs={"pause_s": 0.1}
        )
        during.start()
        wheels.run(commands["new"], "storage", "migrate", cwd=tmp_path, **settings)
        now = columns(asking)
        gone = {view: set(had.items()) - set(now.get(view, {}).items()) for view, had in known.items()}
        assert not {view: lost for view, lost in gone.items() if lost}
        kept = rows(asking, known)
        assert not {view for view, had in before.items() if _missing(had, kept[view])}
        during.join()
        send(stack.kafka_bootstrap, topics, some[2 * RECORDS : 3 * RECORDS])
        eventually(lambda: asking.execute(count)[0][1] >= 3 * RECORDS, 240, "the release stores into the new tables")
        send(stack.kafka_bootstrap, topics, some[3 * RECORDS :])  # on their way while one worker follows the other
    with worker(commands["new"], tmp_path, settings):
        eventually(lambda: asking.execute(count)[0][1] >= 4 * RECORDS, 240, "this version goes on")
    assert asking.execute(count) == [(4 * RECORDS, 4 * RECORDS)], "a record is stored twice"
    wheels.run(commands["new"], "audit", cwd=tmp_path, **settings)
