"""A worker that is stuck, slow or cut off helps itself: real workers over the real broker and ClickHouse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from clickhouse_driver import Client

from deploy.local import Service
from deploy.local.supervisor import free_port
from stream.kafka import produce
from stream.upkeep import Watchdog
from tests.support import data_folder, eventually, kafka_at

BLOCK_THE_LOOP = """
import asyncio, time
from stream import run
from stream.kafka.assignment import Assignment
positioned = Assignment.positioned
async def then_block(self, positions):
    await positioned(self, positions)
    asyncio.get_running_loop().call_later(0.5, time.sleep, 3600)
Assignment.positioned = then_block
run()
"""
HANG_WHILE_SCORING = """
import time
from stream.steps import Score
from stream import run
Score.run = lambda self, rows: time.sleep(3600)
run()
"""


@pytest.fixture(scope="module")
def service(english: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(data_folder(tmp_path_factory.mktemp("selfcare"), english), workers=0) as started:
        yield started


def send(service: Service, tmp_path: Path, count: int, first: int = 0) -> None:
    path = tmp_path / f"{first}.jsonl"
    with path.open("w") as file:
        for n in range(first, first + count):
            message = {
                "id": f"n{n}",
                "source": "s",
                "title": f"Order {n} for Siemens",
                "published_at": "2026-01-05T10:00:00Z",
            }
            file.write(json.dumps(message) + "\n")
    assert produce(path, "news", kafka_at(service.stack.kafka_bootstrap)).acknowledged == count


def stored(service: Service) -> int:
    with Client.from_url(service.stack.clickhouse_url) as client:
        return client.execute("SELECT count() FROM documents")[0][0]


@pytest.fixture
def worker(service: Service, tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen, Path]]]:
    started: list[subprocess.Popen] = []

    def start(code: str, **settings: str) -> tuple[subprocess.Popen, Path]:
        log = tmp_path / f"worker{len(started)}.log"
        env = {**os.environ, **service.stack.environment(), "STREAM_WEB_PORT": str(free_port()), **settings}
        with log.open("wb") as out:
            started.append(subprocess.Popen([sys.executable, "-c", code], env=env, stderr=out, stdout=out))
        return started[-1], log

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("code", "told"),
    [(BLOCK_THE_LOOP, "the event loop has not turned"), (HANG_WHILE_SCORING, " are under way")],
    ids=["event loop", "scoring"],
)
def test_a_stuck_worker_dumps_its_stacks_and_ends(
    service: Service, tmp_path: Path, worker: Callable[..., tuple[subprocess.Popen, Path]], code: str, told: str
):
    process, log = worker(code, STREAM_STUCK_AFTER_S="3", KAFKA_GROUP_ID=told.strip())
    eventually(lambda: "Worker ready" in log.read_text() or process.poll(), 120, "the worker has started")
    # Always: a quick worker may have stored those of the test before.
    send(service, tmp_path, 10)
    assert process.wait(60) == 75
    text = log.read_text()
    assert told in text and "most recent call first" in text and 'File "<string>", line' in text


def test_a_stop_is_in_time_although_clickhouse_does_not_answer(
    service: Service, tmp_path: Path, worker: Callable[..., tuple[subprocess.Popen, Path]]
):
    process, log = worker("from stream import run; run()", STREAM_STOP_WITHIN_S="5", STREAM_BATCH_RECORDS="20")
    eventually(lambda: "Worker ready" in log.read_text(), 120, "the worker has started")
    send(service, tmp_path, 2000, first=1000)
    eventually(lambda: stored(service) > 100, 60, "it works")
    clickhouse = psutil.Process(service.stack.children["clickhouse"].pid)
    clickhouse.suspend()
    try:
        time.sleep(0.5)  # now an insert waits for its answer
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, 75)
        assert time.monotonic() - started < 15
    finally:
        clickhouse.resume()


def test_a_process_that_stood_still_is_not_taken_for_stuck():
    resumed: list[float] = []
    ends: list[str] = []
    watchdog = Watchdog(lambda: "" if resumed else "stuck", lambda: resumed.append(0), ends.append, 0.4)
    clock = iter([0.0, 100.0, *(100.1 + n / 10 for n in range(10_000))])
    watchdog.clock = lambda: next(clock)  # type: ignore[method-assign]
    watchdog.start()
    eventually(lambda: resumed, 5, "the watchdog has seen the jump")
    watchdog.stop()
    assert not ends
