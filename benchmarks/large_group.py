"""A large consumer group on Apache Kafka: 16 workers share 64 partitions; one joins, one is killed, then the leader.
``python -m benchmarks.large_group --json OUT``

The workers are processes with a scorer that costs nothing (``benchmarks.constant_worker``), with dynamic membership.
Records come to all partitions at a steady rate. It reports the time until the group shares all partitions, for how long
a partition stands still at each change, which worker evaluates the alerts, and the time until another does. Exit code 0
only if all partitions were shared after each change, exactly one worker evaluated alerts, and each record is stored
once.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

import model
from benchmarks.pipeline_records import TOPICS
from benchmarks.rolling_restart import SteadyFeed, by_turns, longest_pauses
from deploy.local import Child, Stack, free_port
from settings import ClickHouseSettings
from storage import connect

WORKERS, PARTITIONS = 16, 64
PATIENCE_S = 900.0
MOST_DEAD = 0.05
"""Of all records: the recorded week has some that are wrong."""

STEADY_S = 12.0
"""Several times the seconds between two looks at whether alerts are to be evaluated (``STREAM_ALERT_INTERVAL_S``)."""

TURNS = "finsent_alert_evaluation_seconds_count"
EVALUATED = "finsent_alert_evaluated_timestamp_seconds"


class Member:
    """One worker of the group. It is not started again."""

    def __init__(self, stack: Stack, name: str, extra: Mapping[str, str]) -> None:
        self.name = name
        self._port = free_port()
        environment = {**os.environ, **stack.environment(), **extra, "STREAM_WEB_PORT": str(self._port)}
        environment["FINSENT_DATA"] = str(stack.data / name)
        (stack.data / name).mkdir()
        argv = [sys.executable, "-m", "benchmarks.constant_worker"]
        self.child = Child(
            name,
            argv,
            environment,
            lambda: bool(self.page("ready")),
            stack.logs / f"{name}.log",
            stop_signal=signal.SIGKILL,
        )
        stack.add(self.child)

    def page(self, name: str) -> str:
        """A page of its web server; '' while it does not answer, or not with 200."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/{name}", timeout=5) as answer:
                return str(answer.read(), "utf-8")
        except (urllib.error.URLError, OSError):
            return ""

    def partitions(self) -> set[str]:
        """Those it has, as ``topic/number``; none while it is not ready."""
        page = self.page("ready")
        return set(json.loads(page)["partitions"]) if page else set()

    def metric(self, name: str) -> float:
        """A value of its metrics page; 0 where there is none."""
        families = text_string_to_metric_families(self.page("metrics"))
        return sum(sample.value for family in families for sample in family.samples if sample.name == name)

    def memory_mb(self) -> float:
        """Resident."""
        return psutil.Process(self.child.pid).memory_info().rss / 2**20


class Group:
    """The workers that are alive."""

    def __init__(self, stack: Stack, extra: Mapping[str, str]) -> None:
        self._stack, self._extra = stack, extra
        self.members: list[Member] = []
        self._made = 0

    def add(self) -> Member:
        """Start one more."""
        made = Member(self._stack, f"worker-{self._made}", self._extra)
        self._made += 1
        self.members.append(made)
        return made

    def kill(self, member: Member) -> None:
        """With SIGKILL."""
        self.members.remove(member)
        member.child.stop()

    def shares_all(self) -> bool:
        """Whether all are ready, each has a part, and each partition of the feeds has exactly one owner."""
        owned = [member.partitions() for member in self.members]
        owners = Counter(where for some in owned for where in some)
        wanted = {f"{topic}/{number}" for topic in TOPICS for number in range(PARTITIONS)}
        return all(owned) and wanted <= owners.keys() and set(owners.values()) == {1}

    def leader(self) -> Member:
        """The owner of the partition that the evaluation of alerts goes with."""
        (found,) = [member for member in self.members if f"{TOPICS[0]}/0" in member.partitions()]
        return found

    def evaluators(self, seconds: float) -> list[str]:
        """Which workers looked for alerts within so many seconds."""
        before = {member: member.metric(TURNS) for member in self.members}
        time.sleep(seconds)
        return [member.name for member in self.members if member.metric(TURNS) > before[member]]


def until(what: str, met: Callable[[], bool], group: Group) -> float:
    """Seconds until ``met``. Raises ``TimeoutError``."""
    started = time.monotonic()
    while not met():
        for member in group.members:
            if member.child.failure:
                raise RuntimeError(member.child.failure)
        if time.monotonic() - started > PATIENCE_S:
            raise TimeoutError(f"waited {PATIENCE_S:g} s for: {what}")
        time.sleep(0.1)
    return time.monotonic() - started


class Changes:
    """What each change of the group did: ``found`` by its name."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self.found: dict[str, dict[str, Any]] = {}
        self.spans: dict[str, tuple[float, float]] = {}

    def steady(self, name: str) -> None:
        """Nothing happens."""
        since = time.time()
        evaluators = self._group.evaluators(STEADY_S)
        self.spans[name] = since, time.time()
        self.found[name] = {"evaluators": evaluators}

    def change(self, name: str, act: Callable[[], object], settled: Callable[[], bool]) -> None:
        """``act``, then wait until it is ``settled``."""
        since = time.time()
        act()
        took = until(f"{name}: settled", settled, self._group)
        evaluators = self._group.evaluators(STEADY_S)
        self.spans[name] = since, time.time()
        self.found[name] = {"settled_s": round(took, 1), "evaluators": evaluators}


def measure(folder: Path, workers: int, per_second: float, session_s: str) -> dict[str, Any]:
    """All figures."""
    extra = {
        "KAFKA_PARTITIONS": str(PARTITIONS),
        "KAFKA_GROUP_INSTANCE_ID": "",
        "MODEL_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # Few large inserts: so many workers share one ClickHouse.
        "STREAM_BATCH_SECONDS": "0.5",
    }
    if session_s:
        extra["KAFKA_SESSION_TIMEOUT_S"] = session_s
    with Stack(folder / "stack", broker="kafka") as stack:
        group = Group(stack, extra)
        group.add().child.wait_ready(PATIENCE_S)  # it makes topics and tables
        print("the first worker is ready", file=sys.stderr, flush=True)
        for _ in range(workers - 1):
            group.add()
        start_s = until("all workers run", lambda: all(member.child.ready for member in group.members), group)
        share_s = until("all partitions are shared", group.shares_all, group)
        print(f"{workers} workers run after {start_s:.0f} s, and share all", file=sys.stderr, flush=True)
        feed = SteadyFeed(stack.kafka_bootstrap, by_turns(), per_second, PARTITIONS)
        feed.start()
        with connect(ClickHouseSettings(url=SecretStr(stack.clickhouse_url))) as client:
            until("records of all partitions are stored", lambda: _stored(client)[2] == len(TOPICS) * PARTITIONS, group)
            changes = _changes(group)
            feed.ended.set()
            feed.join()
            with suppress(TimeoutError):
                until("everything is stored", lambda: _stored(client)[1] >= feed.sent, group)
            rows, positions, _ = _stored(client)
            ((dead,),) = client.execute("SELECT count() FROM dead_letters")
            times = client.execute("SELECT topic, partition, toFloat64(ingested_at) FROM record_log")
        memory = sorted(member.memory_mb() for member in group.members)
    for name, (since, end) in changes.spans.items():
        pauses = sorted(longest_pauses(times, since, end, PARTITIONS).values())
        changes.found[name] |= {
            "stood_still_s": {"median": round(pauses[len(pauses) // 2], 1), "longest": round(pauses[-1], 1)}
        }
    return {
        "workers": workers,
        "partitions": PARTITIONS,
        "per_second": per_second,
        "started_s": round(start_s, 1),
        "shared_s": round(start_s + share_s, 1),
        "changes": changes.found,
        "memory_mb": {"median": round(memory[len(memory) // 2]), "most": round(memory[-1])},
        "sent": feed.sent,
        "stored": positions,
        "repeats": rows - positions,
        "dead_letters": dead,
    }


def _changes(group: Group) -> Changes:
    """One joins, one is killed, the leader is killed; nothing happens before, and after each for ``STEADY_S``."""
    changes = Changes(group)
    changes.steady("nothing")
    changes.change("one joins", group.add, group.shares_all)
    last = next(member for member in reversed(group.members) if member is not group.leader())
    changes.change("one is killed", lambda: group.kill(last), group.shares_all)
    leader = group.leader()
    killed: list[float] = []

    def kill() -> None:
        killed.append(time.monotonic())
        group.kill(leader)

    def taken_over() -> bool:
        done = any(member.metric(EVALUATED) and member.metric(TURNS) > before[member] for member in group.members)
        if done and len(killed) == 1:
            killed.append(time.monotonic())
        return done and group.shares_all()

    before = {member: member.metric(TURNS) for member in group.members}
    changes.change("the leader is killed", kill, taken_over)
    changes.found["the leader is killed"]["alerts_taken_over_s"] = round(killed[1] - killed[0], 1)
    return changes


def _stored(client: Any) -> tuple[int, int, int]:
    """Rows, different positions and partitions."""
    asked = "SELECT count(), uniqExact(topic, partition, offset), uniqExact(topic, partition) FROM record_log"
    found: tuple[int, int, int] = client.execute(asked)[0]
    return found


def is_clean(one: Mapping[str, Any]) -> bool:
    """Whether each record was stored once, few as dead letters, and after each change exactly one worker evaluated."""
    alone = all(len(change["evaluators"]) == 1 for change in one["changes"].values())
    return bool(
        alone
        and one["sent"] == one["stored"]
        and not one["repeats"]
        and one["dead_letters"] <= MOST_DEAD * one["stored"]
    )


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large_group", description=__doc__)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--per-second", type=float, default=64, help="records a second, of all partitions together")
    parser.add_argument("--session", default="", metavar="SECONDS", help="KAFKA_SESSION_TIMEOUT_S, if not its default")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to a file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="finsent-bench-") as folder:
        os.environ["MODEL_REGISTRY"] = str(Path(folder) / "models")
        model.ensure_default(Path(folder) / "models")
        found = measure(Path(folder), arguments.workers, arguments.per_second, arguments.session)
    found["clean"] = is_clean(found)
    table = Table("", "settled after", "stood still, median", "longest", "evaluates alerts")
    for name, one in found["changes"].items():
        still = one["stood_still_s"]
        settled = f"{one['settled_s']} s" if "settled_s" in one else ""
        table.add_row(name, settled, f"{still['median']} s", f"{still['longest']} s", ", ".join(one["evaluators"]))
    Console(stderr=True).print(table)
    print(json.dumps(found, indent=1))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    raise SystemExit(0 if found["clean"] else 1)


if __name__ == "__main__":
    main()
