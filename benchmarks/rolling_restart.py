"""Four workers are restarted one after the other under load, on Apache Kafka: for how long does each partition stand
still? ``python -m benchmarks.rolling_restart --json OUT``

A partition stands still while no record of it is stored, although some come all the time. It is done once with static
membership (``KAFKA_GROUP_INSTANCE_ID``), and once without: a worker is sent SIGTERM and started again as a supervisor
does it; the next one follows when it is ready. The third time (``chart``) the workers live as the chart's pods do
(``pod_life``). Exit code 0 only if no partition stood still for more than ``MOST_S`` seconds (of the chart, where a
partition waits for its worker: its session time-out), each record is stored once, and no pod was killed or restarted.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from kafka import KafkaProducer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

import model
from benchmarks.pipeline_records import TOPICS, Value, stream_of
from benchmarks.pod_life import StatefulSet, rendered
from benchmarks.transactions import MOST_BYTES
from deploy.local import Child, Service, Stack
from settings import ClickHouseSettings
from storage import connect

WORKERS, PARTITIONS, RECORDS = 4, 4, 5000
MOST_S = 10.0
RESTART_S, SETTLE_S = 180.0, 120.0
ASSIGNED = '"message": "assigned"'
"""What a worker writes to its log whenever it has got its partitions."""

MEMBERSHIPS = {
    "static": {"KAFKA_GROUP_INSTANCE_ID": "restarted", "KAFKA_SESSION_TIMEOUT_S": "6"},
    "dynamic": {"KAFKA_GROUP_INSTANCE_ID": ""},
}
"""With static membership nobody reads the partitions of a worker that is away, until its session times out;
brokers take 6 s and more."""

CHART = "chart"

Partition = tuple[str, int]


class SteadyFeed(threading.Thread):
    """Sends ``records`` at a steady ``per_second`` to all partitions by turns, until ``ended`` is set."""

    def __init__(
        self, bootstrap: str, records: Iterator[Value], per_second: float, partitions: int = PARTITIONS
    ) -> None:
        super().__init__(daemon=True)
        self._partitions = partitions
        self._servers, self._records, self._per_second = bootstrap.split(","), records, per_second
        self.sent = 0
        self.ended = threading.Event()

    def run(self) -> None:
        producer = KafkaProducer(bootstrap_servers=self._servers, acks="all")
        started = time.monotonic()
        for topic, value in self._records:
            if self.ended.wait(max(0.0, started + self.sent / self._per_second - time.monotonic())):
                break
            producer.send(topic, value, partition=self.sent // len(TOPICS) % self._partitions)
            self.sent += 1
        producer.flush()
        producer.close()


def by_turns() -> Iterator[Value]:
    """A record of each topic by turns, without end: those of the recorded week again and again."""
    some = [value for value in stream_of(None, RECORDS) if len(value[1]) < MOST_BYTES]
    cycles = [itertools.cycle([value for value in some if value[0] == topic]) for topic in TOPICS]
    while True:
        yield from map(next, cycles)


def longest_pauses(
    times: Sequence[tuple[str, int, float]], since: float, until: float, partitions: int = PARTITIONS
) -> dict[Partition, float]:
    """The longest time within ``since`` to ``until`` (Unix) in which nothing of a partition was stored. ``times`` are
    (topic, partition, when a record was stored)."""
    stored: dict[Partition, list[float]] = {where: [] for where in itertools.product(TOPICS, range(partitions))}
    for topic, number, at in times:
        if since < at < until:
            stored[topic, number].append(at)
    return {
        where: max(later - earlier for earlier, later in itertools.pairwise([since, *sorted(moments), until]))
        for where, moments in stored.items()
    }


def restart(worker: Child) -> float:
    """Seconds until the worker had its partitions again."""
    started, before = time.monotonic(), worker.pid
    assert before, f"{worker.name} runs"
    os.kill(before, signal.SIGTERM)
    while worker.pid in (None, before):
        time.sleep(0.02)
    worker.wait_ready(RESTART_S)
    return time.monotonic() - started


def measure(folder: Path, membership: str, per_second: float) -> dict[str, Any]:
    """Of one rolling restart."""
    if membership == CHART:
        return measure_pods(folder, per_second)
    extra = {"STREAM_ALERTS": "false", **MEMBERSHIPS[membership]}
    with Service(folder, workers=WORKERS, broker="kafka", extra=extra) as service:
        workers = [service.stack.children[f"worker-{number}"] for number in range(WORKERS)]
        logs = [worker.log for worker in workers]
        return {"most_s": MOST_S} | watched(service.stack, logs, per_second, lambda: map(restart, workers))


def measure_pods(folder: Path, per_second: float) -> dict[str, Any]:
    """Of the chart's workers, with its defaults."""
    with Stack(folder / "stack", broker="kafka") as stack:
        settings = stack.environment()
        del settings["FINSENT_DATA"]  # each pod has its own
        settings["MODEL_THREADS"] = "1"  # each has one core, as its pod asks for
        key = folder / "pseudonym.key"
        key.write_text(settings.pop("FINSENT_PSEUDONYM_KEY"))
        settings["FINSENT_PSEUDONYM_KEY_FILE"] = str(key)
        told = [f"kafka.bootstrapServers={stack.kafka_bootstrap}", f"kafka.partitions={PARTITIONS}"]
        told += ["clickhouse.url=clickhouse://finsent@clickhouse:9000/finsent", f"worker.replicas={WORKERS}"]
        manifests = rendered(*(word for one in told for word in ("--set", one)))
        with StatefulSet(manifests, settings, folder / "pods", RESTART_S) as workers:
            logs = [folder / "pods" / f"{pod.name}.log" for pod in workers.pods]
            found = watched(stack, logs, per_second, workers.rolling_update)
        own = {"restarts": workers.restarts, "killed": workers.killed}
        return {"most_s": workers.session_s} | found | own


def watched(
    stack: Stack, logs: Sequence[Path], per_second: float, restarts: Callable[[], Iterable[float]]
) -> dict[str, Any]:
    """What is stored while ``restarts`` restarts one worker after the other, and says how long each took."""
    feed = SteadyFeed(stack.kafka_bootstrap, by_turns(), per_second)
    feed.start()
    _until_stored(stack, 2 * int(per_second))
    assigned, since = _assignments(logs), time.time()
    took = list(restarts())
    time.sleep(MOST_S)  # the last rebalance is over by then, or a partition has stood still for too long
    until = time.time()
    feed.ended.set()
    feed.join()
    rows, positions = _until_stored(stack, feed.sent)
    with connect(ClickHouseSettings(url=SecretStr(stack.clickhouse_url))) as client:
        times = client.execute("SELECT topic, partition, toFloat64(ingested_at) FROM record_log")
    pauses = longest_pauses(times, since, until)
    return {
        "stood_still_s": {f"{topic}/{number}": round(pause, 2) for (topic, number), pause in pauses.items()},
        "longest_s": round(max(pauses.values()), 2),
        "restart_s": [round(seconds, 1) for seconds in took],
        "assignments": _assignments(logs) - assigned,
        "sent": feed.sent,
        "stored": positions,
        "repeats": rows - positions,
    }


def _until_stored(stack: Stack, count: int) -> tuple[int, int]:
    """Rows and different positions, as soon as ``count`` positions are stored, or after ``SETTLE_S`` seconds."""
    deadline = time.monotonic() + SETTLE_S
    with connect(ClickHouseSettings(url=SecretStr(stack.clickhouse_url))) as client:
        while True:
            rows, positions = client.execute("SELECT count(), uniqExact(topic, partition, offset) FROM record_log")[0]
            if positions >= count or time.monotonic() > deadline:
                return rows, positions
            time.sleep(0.2)


def _assignments(logs: Sequence[Path]) -> int:
    """How often the workers have got their partitions so far."""
    return sum(log.read_text(errors="replace").count(ASSIGNED) for log in logs)


def _is_clean(one: dict[str, Any]) -> bool:
    stored_once = one["sent"] == one["stored"] and not one["repeats"]
    return bool(one["longest_s"] <= one["most_s"] and stored_once and not one.get("restarts") and not one.get("killed"))


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rolling_restart", description=__doc__)
    parser.add_argument("--per-second", type=float, default=20, help="records a second, of all partitions together")
    parser.add_argument("--membership", choices=[*MEMBERSHIPS, CHART], action="append", help="one of them alone")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to a file")
    arguments = parser.parse_args()
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="finsent-bench-") as folder:
        os.environ["MODEL_REGISTRY"] = str(Path(folder) / "models")
        model.ensure_default(Path(folder) / "models")
        for membership in arguments.membership or [*MEMBERSHIPS, CHART]:
            found[membership] = measure(Path(folder) / membership, membership, arguments.per_second)
    table = Table("seconds without a record stored", *found)
    for name in next(iter(found.values()))["stood_still_s"]:
        table.add_row(name, *(f"{one['stood_still_s'][name]:.2f}" for one in found.values()))
    table.add_row("the longest", *(f"{one['longest_s']:.2f}" for one in found.values()))
    table.add_row("a restart, median", *(f"{statistics.median(one['restart_s']):.1f}" for one in found.values()))
    table.add_row("assignments", *(str(one["assignments"]) for one in found.values()))
    Console(stderr=True).print(table)
    clean = all(map(_is_clean, found.values()))
    result = {"workers": WORKERS, "per_second": arguments.per_second, "clean": clean, **found}
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    raise SystemExit(0 if clean else 1)


if __name__ == "__main__":
    main()
