"""Many workers in one consumer group, as processes, with the scorer that costs nothing, on Apache Kafka: how long does
a rebalance take, does one worker evaluate the alerts, and how soon does another take over? ``python -m
benchmarks.large_group --json OUT``

After all have joined, one worker is stopped and started again, and then the one that leads is killed, and started again
as a supervisor does it. Exit code 0 only if after each step every partition has one owner, one worker at a time
evaluates, and each record is stored once. Where there is no memory for all workers there are fewer, and the result says
so.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import SecretStr

import model
from benchmarks.pipeline_records import TOPICS
from benchmarks.rolling_restart import ASSIGNED, SteadyFeed, by_turns, longest_pauses
from deploy.local import Child, Stack
from deploy.local.supervisor import free_port
from settings import ClickHouseSettings
from storage import connect

WORKERS, PARTITIONS = 16, 64
WORKER_MB = 600
"""What a worker may take, the memory of ClickHouse and Kafka beside it not counted."""
OTHERS_MB = 4000
TICK_S = 60
"""The least that ALERT_TICK_S may be."""
PATIENCE_S = 900.0
SESSION_S = 10
EVALUATIONS = "finsent_alert_evaluation_seconds_count"


class Member:
    """A worker, and what it has last said that it was assigned."""

    def __init__(self, number: int, stack: Stack, extra: dict[str, str]) -> None:
        self.port, self.name = free_port(), f"worker-{number}"
        env = {**os.environ, **stack.environment(), **extra, "STREAM_WEB_PORT": str(self.port)}
        argv = [sys.executable, "-m", "benchmarks.constant_worker"]
        self.child = Child(self.name, argv, env, self._ready, stack.logs / f"{self.name}.log", ready_within=PATIENCE_S)
        self._since = 0
        stack.add(self.child)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def forget(self) -> None:
        """What was assigned so far no longer counts: the process ends."""
        self._since = self.child.log.stat().st_size

    def assigned(self) -> list[str]:
        """Its partitions."""
        with self.child.log.open("rb") as file:
            file.seek(self._since)
            said = [line for line in file.read().decode(errors="replace").splitlines() if ASSIGNED in line]
        return list(json.loads(said[-1])["positions"]) if said else []

    def times_assigned(self) -> int:
        return self.child.log.read_text(errors="replace").count(ASSIGNED)

    def evaluations(self) -> int:
        """Of the alerts, by the process that runs now."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return 0
        return int(sum(float(line.split()[1]) for line in lines if line.startswith(EVALUATIONS)))

    def memory_mb(self) -> float:
        """Its own share of memory that is used."""
        lines = Path(f"/proc/{self.child.pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("Pss:"))


class Group:
    """All of them, and what was measured."""

    def __init__(self, members: list[Member], partitions: int) -> None:
        self.members = members
        self._wanted = {f"{topic}/{number}" for topic, number in itertools.product(TOPICS, range(partitions))}

    def until(self, condition: Callable[[], bool], what: str) -> float:
        """How long it took. Raises ``TimeoutError``."""
        started = time.monotonic()
        while not condition():
            if time.monotonic() - started > PATIENCE_S:
                raise TimeoutError(f"{what}: not within {PATIENCE_S:g} s")
            time.sleep(0.1)
        return time.monotonic() - started

    def settled(self, members: list[Member]) -> bool:
        """Whether each partition has one owner among ``members``, and each of them has some."""
        owned = [member.assigned() for member in members]
        return all(owned) and Counter(one for some in owned for one in some) == Counter(self._wanted)

    def leader(self) -> Member:
        """The one that has the partition that leads."""
        return next(member for member in self.members if f"{TOPICS[0]}/0" in member.assigned())


def steps(group: Group) -> dict[str, Any]:
    """What was measured of each step: seconds."""
    found: dict[str, Any] = {}
    everybody = group.members
    leader = group.leader()
    group.until(lambda: leader.evaluations() >= 2, "the leader evaluates")
    found["others_evaluated"] = sum(member.evaluations() for member in everybody if member is not leader)
    # Not the leader, and not for good: its supervisor starts it again.
    other = next(member for member in everybody if member is not leader)
    rest = [member for member in everybody if member is not other]
    before = {member.name: member.times_assigned() for member in rest}
    assert other.child.pid
    other.forget()
    os.kill(other.child.pid, signal.SIGTERM)
    found["left_s"] = group.until(
        lambda: all(member.times_assigned() > before[member.name] for member in rest), "the others were assigned anew"
    )
    found["back_s"] = group.until(lambda: group.settled(everybody), "it has come back")
    leader, killed_at = group.leader(), time.monotonic()
    leader.forget()
    leader.child.kill()
    heirs = [member for member in everybody if member is not leader]
    counted = {member.name: member.evaluations() for member in heirs}
    lead = f"{TOPICS[0]}/0"
    group.until(lambda: group.settled(everybody), "the partitions of the killed leader have an owner")
    found["taken_over_s"] = time.monotonic() - killed_at
    new = group.leader()
    group.until(lambda: new.evaluations() > counted.get(new.name, 0), "another worker evaluates")
    found["evaluated_again_s"] = time.monotonic() - killed_at
    found["leaders_at_once"] = sum(lead in member.assigned() for member in everybody)
    found["memory_mb"] = sorted(member.memory_mb() for member in everybody)[len(everybody) // 2]
    return found


def measure(folder: Path, workers: int, partitions: int, per_second: float) -> dict[str, Any]:
    """All of it."""
    extra = {"KAFKA_PARTITIONS": str(partitions), "KAFKA_GROUP_INSTANCE_ID": "", "MODEL_THREADS": "1"}
    extra |= {"KAFKA_SESSION_TIMEOUT_S": str(SESSION_S), "ALERT_TICK_S": str(TICK_S), "MODEL_EVENTS": "false"}
    extra |= {"MODEL_ENGINE": "onnxruntime", "MODEL_BATCH_TOKENS": "512"}  # nothing is measured at the start
    with Stack(folder / "stack", broker="kafka") as stack:
        first = Member(0, stack, extra)
        first.child.wait_ready(PATIENCE_S)  # makes topics and tables
        started = time.monotonic()
        group = Group([first, *(Member(number, stack, extra) for number in range(1, workers))], partitions)
        feed = SteadyFeed(stack.kafka_bootstrap, by_turns(), per_second, partitions)
        group.until(lambda: group.settled(group.members), "all workers have joined")
        joined, since = time.monotonic() - started, time.time()
        feed.start()
        found = steps(group) | {"all_joined_s": joined}
        until = time.time()
        feed.ended.set()
        feed.join()
        url = ClickHouseSettings(url=SecretStr(stack.clickhouse_url))
        count = "SELECT count(), uniqExact(topic, partition, offset) FROM record_log"
        with connect(url) as client:
            group.until(lambda: client.execute(count)[0][1] >= feed.sent, "everything is stored")
            rows, positions = client.execute(count)[0]
            times = client.execute("SELECT topic, partition, toFloat64(ingested_at) FROM record_log")
        pauses = longest_pauses(times, since, until, partitions)
        found |= {
            "sent": feed.sent,
            "stored": positions,
            "repeats": rows - positions,
            "longest_s": max(pauses.values()),
        }
    return {key: round(value, 1) if isinstance(value, float) else value for key, value in found.items()}


def affordable(wanted: int) -> int:
    """How many workers the free memory is enough for."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = next(int(line.split()[1]) / 1000 for line in lines if line.startswith("MemAvailable:"))
    return max(2, min(wanted, int((free - OTHERS_MB) / WORKER_MB)))


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large_group", description=__doc__)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--partitions", type=int, default=PARTITIONS, help="of each of the two topics")
    parser.add_argument("--per-second", type=float, default=64, help="records a second, of all partitions together")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to a file")
    arguments = parser.parse_args()
    workers = affordable(arguments.workers)
    if workers < arguments.workers:
        print(f"{workers} workers instead of {arguments.workers}: there is no memory for more", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="finsent-bench-") as folder:
        os.environ.setdefault("MODEL_REGISTRY", str(Path(folder) / "models"))
        model.ensure_default(Path(os.environ["MODEL_REGISTRY"]))
        found = measure(Path(folder), workers, arguments.partitions, arguments.per_second)
    clean = found["sent"] == found["stored"] and not found["repeats"] and not found["others_evaluated"]
    result = {"workers": workers, "wanted": arguments.workers, "partitions": arguments.partitions}
    result |= {"load_average": round(os.getloadavg()[0], 1), "clean": clean and found["leaders_at_once"] == 1, **found}
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    raise SystemExit(0 if result["clean"] else 1)


if __name__ == "__main__":
    main()
