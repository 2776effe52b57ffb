"""Kills workers, ClickHouse and the broker while the recorded week comes in, and checks the accounts after each
round: ``python -m benchmarks.chaos --json OUT``. Exit code 0 only if nothing is missing or doubled."""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil
from clickhouse_driver import Client
from clickhouse_driver.errors import Error as ClickHouseError
from rich.console import Console

from deploy.local import Service
from deploy.recorded_week import write
from storage import Account, ClickHouseSettings, accounts, connect
from stream import produce_many, topic_ids, watermarks

TOPICS = ("news", "comments")
SETTLED_S = 240
T = TypeVar("T")


def asking(url: str, action: Callable[[Client], T]) -> T:
    """``action`` on a fresh connection; tried again while ClickHouse is being started again."""
    deadline = time.monotonic() + 60
    while True:
        try:
            client = connect(ClickHouseSettings(url=url))
            try:
                return action(client)
            finally:
                client.disconnect()
        except (ClickHouseError, ConnectionError, EOFError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def settle(service: Service) -> tuple[list[Account], dict[tuple[str, int], tuple[int, int]], float]:
    """Wait until the table holds what Kafka holds; returns the accounts, the watermarks, and the longest time in
    which no record arrived."""
    stack = service.stack
    marks = watermarks(stack.kafka_bootstrap, TOPICS)
    ids = topic_ids(stack.kafka_bootstrap, TOPICS)
    wanted = sum(high - low for low, high in marks.values())
    started = changed = time.monotonic()
    seen, gap = -1, 0.0
    while True:
        held = asking(stack.clickhouse_url, lambda client: accounts(client, ids))
        now, stored = time.monotonic(), sum(account.distinct for account in held)
        if stored != seen:
            seen, gap, changed = stored, max(gap, now - changed), now
        if stored >= wanted or now - started > SETTLED_S:
            return held, marks, gap
        time.sleep(0.1)


def main() -> None:
    """Run the rounds and write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng, kills = random.Random(arguments.seed), Counter(worker=0, clickhouse=0, broker=0)
    report = dict.fromkeys(("produced", "stored", "dead_lettered", "missing", "doubled"), 0)
    longest, peak, clean = 0.0, 0, True
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="finsent-chaos-") as folder, Service(Path(folder) / "data") as service:
        week = write(Path(folder))
        for number in range(arguments.rounds):
            if number and number == arguments.rounds - 1:
                # Between rounds, for the embedded broker forgets its records: topics come back with other identities.
                service.stack.kill("broker")
                kills["broker"] += 1
                service.stack.wait_ready(180)
            done = threading.Event()

            def kill(done: threading.Event = done) -> None:
                for victim in ["worker"] * 4 + ["clickhouse"]:
                    if done.wait(rng.uniform(1, 5)):
                        return
                    if victim == "worker":
                        service.kill_worker(0)
                    else:
                        service.stack.kill("clickhouse")
                    kills[victim] += 1

            killer = threading.Thread(target=kill)
            killer.start()
            produced = produce_many([(week.news, "news"), (week.comments, "comments")], service.stack.kafka_bootstrap)
            killer.join()
            service.stack.wait_ready(180)
            held, marks, gap = settle(service)
            done.set()
            peak = max(
                peak, *(psutil.Process(c.pid).memory_info().rss for c in service.stack.children.values() if c.pid)
            )
            stored = sum(account.distinct for account in held)
            missing = sum(high - low for low, high in marks.values()) - stored
            doubled = sum(account.rows - account.distinct for account in held)
            longest, clean = max(longest, gap), clean and not missing and not doubled
            report["produced"] += produced.acknowledged
            report["missing"] += missing
            report["doubled"] += doubled
            console.print(f"round {number + 1}: {produced.acknowledged} produced, {missing} missing, {doubled} doubled")
        documents, bad = asking(
            service.stack.clickhouse_url,
            lambda c: c.execute("SELECT (SELECT count() FROM documents), (SELECT count() FROM dead_letters)")[0],
        )
        report |= {"stored": documents, "dead_lettered": bad}
    clean = clean and report["produced"] == documents + bad
    result = {"rounds": arguments.rounds, "kills": dict(kills), **report}
    result |= {"longest_gap_s": round(longest, 2), "peak_rss_mb": round(peak / 1e6)}
    console.print(result)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    raise SystemExit(0 if clean else 1)


if __name__ == "__main__":
    main()
