"""Deals faults to a running service: kills, cuts, a full disk, workers that come and go."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import psutil
from clickhouse_driver import Client
from clickhouse_driver.errors import Error as ClickHouseError
from pydantic import SecretStr

from benchmarks.chaos_feed import LosableFeed
from benchmarks.chaos_views import view_differences
from benchmarks.proxy import Fault, Proxy
from deploy.local import Service
from documents.messages import ModelEvent
from model.registry import promote
from settings import ClickHouseSettings, KafkaSettings
from storage import connect
from stream.champion import announce

DISK_BYTES = 700_000_000
SETTLE_S = 240.0
T = TypeVar("T")


def asking(url: str, action: Callable[[Client], T]) -> T:
    """``action`` on a fresh connection; tried again while ClickHouse is being started again."""
    deadline = time.monotonic() + 60
    while True:
        try:
            client = connect(ClickHouseSettings(url=SecretStr(url)))
            try:
                return action(client)
            finally:
                client.disconnect()
        except (ClickHouseError, ConnectionError, EOFError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


class Monitor(threading.Thread):
    """Looks twice a second at how much is stored, and at the memory of the workers."""

    def __init__(self, service: Service, feed: LosableFeed) -> None:
        super().__init__(daemon=True)
        self._service, self._feed = service, feed
        self.held: dict[str, int] = {}
        self.peak_rss, self.longest_gap = 0, 0.0
        self.ended = threading.Event()
        self._changed = time.monotonic()

    def forgive(self) -> None:
        """The time until now is no gap: nothing was waiting, or the harness itself took it."""
        self._changed = time.monotonic()

    def run(self) -> None:
        client: Client | None = None
        while not self.ended.wait(0.5):
            for child in list(self._service.stack.children.values()):
                if child.name.startswith("worker") and child.pid:
                    with contextlib.suppress(psutil.Error):
                        self.peak_rss = max(self.peak_rss, psutil.Process(child.pid).memory_info().rss)
            before = self.stored
            try:
                client = client or connect(ClickHouseSettings(url=SecretStr(self._service.stack.clickhouse_url)))
                self.held = dict(client.execute("SELECT topic_id, count() FROM record_log GROUP BY topic_id"))
            except (ClickHouseError, ConnectionError, EOFError):
                if client:
                    client.disconnect()
                client = None
            now = time.monotonic()
            if self.stored > before or not self._feed.running.is_set():
                self._changed = now
            self.longest_gap = max(self.longest_gap, now - self._changed)

    @property
    def stored(self) -> int:
        """Rows, of all lives of the topics."""
        return sum(self.held.values())

    def waiting(self) -> int:
        """Records of the topics as they are now that are not stored."""
        ids, sent, _ = self._feed.epochs[-1]
        return sent - sum(self.held.get(topic_id, 0) for topic_id in ids.values())


@dataclass
class Chaos:
    """One run: ``deal`` each fault, ``account`` after each round."""

    service: Service
    proxy: Proxy
    feed: Any
    monitor: Monitor
    rng: random.Random
    versions: Iterator[str]
    disk: Path | None
    kills: Counter[str] = field(default_factory=lambda: Counter(worker=0, clickhouse=0, broker=0))
    faults: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)

    def workers(self) -> list[Any]:
        return [
            child for child in self.service.stack.children.values() if child.name.startswith("worker") and child.pid
        ]

    def kill_worker(self, port: int | None = None) -> bool:
        """Of the connection from ``port``, or any. False if there is none just now."""
        alive = self.workers()
        if port is not None:
            alive = [
                child
                for child in alive
                if any(c.laddr.port == port for c in psutil.Process(child.pid).net_connections("tcp"))
            ]
        if alive:
            os.kill(self.rng.choice(alive).pid, signal.SIGKILL)
            self.kills["worker"] += 1
        return bool(alive)

    def kill_clickhouse(self, port: int | None = None) -> None:
        self.service.stack.kill("clickhouse")
        self.kills["clickhouse"] += 1

    def flows(self, timeout: float = 60.0) -> None:
        """Wait until something more was stored, so that each fault meets a worker at work."""
        before, deadline = self.monitor.stored, time.monotonic() + timeout
        while self.monitor.stored <= before and time.monotonic() < deadline:
            time.sleep(0.1)

    def deal(self, name: str) -> None:
        self.flows()
        time.sleep(self.rng.uniform(0, 1.5))
        done = self.actions()[name]()
        (self.missed if done is False else self.faults)[name] += 1

    def actions(self) -> dict[str, Callable[[], bool | None]]:
        """What is done for each name; the answer False means that it could not be done."""
        when: Any = self.rng.choice(["before", "middle", "after"])
        return {
            "worker": self.kill_worker,
            "worker in flight": lambda: self.proxy.strike(Fault(when, self.kill_worker), 30),
            "worker in swap": self.swap,
            "clickhouse": self.kill_clickhouse,
            "clickhouse in insert": lambda: self.proxy.strike(Fault(when, self.kill_clickhouse), 30),
            "broker": self.kill_broker,
            "cut before": lambda: self.proxy.strike(Fault("before"), 30),
            "cut in insert": lambda: self.proxy.strike(Fault("middle"), 30),
            "cut after": lambda: self.proxy.strike(Fault("after"), 30),
            "delay": lambda: self.proxy.strike(Fault("before", hold_s=self.rng.uniform(1, 6)), 30),
            "disk full": self.fill_disk,
            "worker joins": self.join,
            "worker leaves": self.leave,
        }

    def swap(self) -> None:
        stack, version = self.service.stack, next(self.versions)
        before = promote(stack.environment()["MODEL_REGISTRY"], version)
        announce(
            KafkaSettings(bootstrap_servers=stack.kafka_bootstrap),
            ModelEvent("promoted", version, before, "", 0, "chaos", datetime.now(UTC)),
        )
        time.sleep(self.rng.uniform(0, 3))
        self.kill_worker()

    def kill_broker(self) -> None:
        with self.feed.sending:
            self.service.stack.kill("broker")
            self.kills["broker"] += 1
            self.service.stack.children["broker"].wait_ready(60)
            self.feed.begin()

    def fill_disk(self) -> bool:
        if self.disk is None:
            return False
        ballast = self.disk / "ballast"
        with ballast.open("wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1_000_000))
                file.flush()
        time.sleep(self.rng.uniform(3, 6))
        ballast.unlink()
        return True

    def join(self) -> bool:
        running = {child.name for child in self.workers()}
        free = [number for number in (1, 2) if f"worker-{number}" not in running]
        if free:
            self.service.start_worker(free[0])
        return bool(free)

    def leave(self) -> bool:
        extra = [child for child in self.workers() if child.name != "worker-0"]
        if extra:
            child = self.rng.choice(extra)
            child.stop()
            del self.service.stack.children[child.name]
        return bool(extra)

    def account(self, folder: Path) -> tuple[dict[str, Any], list[str]]:
        """Wait until all that Kafka holds is stored; the counts, and what is wrong. ``folder`` is for a file."""
        raise NotImplementedError

    def audited(self, folder: Path) -> tuple[dict[str, Any], list[str]]:
        """What ``finsent audit`` says, and where the views are off."""
        url, out = self.service.stack.clickhouse_url, folder / "audit.json"
        environment = {**os.environ, "CLICKHOUSE_URL": url}
        command = [sys.executable, "-m", "finsent", "audit", "--json", str(out)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if not out.exists():
            raise RuntimeError(f"finsent audit: {done.stderr}")
        report = json.loads(out.read_text())
        out.unlink()
        if report["clean"] != (done.returncode == 0):
            raise RuntimeError(f"finsent audit ended with {done.returncode} but says clean: {report['clean']}")
        facts = ("finsent: lost,", "finsent: unproven:")
        said = [line for line in done.stderr.splitlines() if not line.startswith(facts)]
        problems = [f"audit: {line}" for line in said]
        return report, problems + asking(url, view_differences)


@contextlib.contextmanager
def small_disk(path: Path) -> Iterator[Path | None]:
    """A file system of ``DISK_BYTES`` at ``path``, or None where this user may not mount one."""
    path.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(path)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield path if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(path)], check=False)
