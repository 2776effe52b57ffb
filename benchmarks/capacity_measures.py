"""The measurements of ``benchmarks.capacity``, all of them on one broker and one ClickHouse."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path

import psutil
from clickhouse_driver import Client
from kafka import KafkaConsumer, TopicPartition
from pydantic import SecretStr

from benchmarks.capacity_figures import Bytes, Evaluation, Insert, Loop, Run
from benchmarks.durability import batch_of
from benchmarks.pipeline_records import Value
from benchmarks.pipeline_service import client_of, log, rate, stored, wait_for, worker
from benchmarks.shifts_live import live_seconds
from deploy.local import Child, Service
from settings import ClickHouseSettings
from storage import connect, set_durability, write_documents

FIRST_SHARE = 0.1
"""So many of a run's records are stored before the processor's time is taken: starting costs more."""

WAIT_S = 900.0
"""One run, at most."""

LOOP_S = 180.0

CLOCK_S = 1 / os.sysconf("SC_CLK_TCK")
"""The kernel counts processor time in steps of this."""


@contextmanager
def database(service: Service, name: str) -> Iterator[str]:
    """The URL of a database of its own, with nothing in it."""
    base, _, _ = service.stack.clickhouse_url.rpartition("/")
    with Client.from_url(service.stack.clickhouse_url) as client:
        client.execute(f"CREATE DATABASE {name}")
    try:
        yield f"{base}/{name}"
    finally:
        with Client.from_url(service.stack.clickhouse_url) as client:
            client.execute(f"DROP DATABASE {name}")


def run(service: Service, client: Client, url: str, workers: int, cores: int, scoring: bool, records: int) -> Run:
    """Let ``workers`` workers store the first ``records`` of the topics, on ``cores`` cores each. ``client`` is of the
    database at ``url``."""
    name = f"{'scoring' if scoring else 'constant'}_{workers}_{cores}"
    bootstrap = service.stack.kafka_bootstrap
    extra = {
        "CLICKHOUSE_URL": url,
        "KAFKA_GROUP_ID": name,
        "MODEL_THREADS": str(cores),
        "STREAM_ALERTS": "false",  # the evaluation is measured by itself
    }
    machine = sorted(os.sched_getaffinity(0))
    with ExitStack() as running:
        children = [
            running.enter_context(
                worker(
                    service,
                    f"{name}-{number}",
                    "finsent" if scoring else "benchmarks.constant_worker",
                    extra,
                    [machine[(number * cores + core) % len(machine)] for core in range(cores)],
                )
            )
            for number in range(workers)
        ]
        wait_for(client, bootstrap, max(1, int(records * FIRST_SHARE)), timeout=WAIT_S)
        before, first = _cpu(service, children), stored(client, bootstrap)
        wait_for(client, bootstrap, records, timeout=WAIT_S)
        after, last = _cpu(service, children), stored(client, bootstrap)
    each = {part: max(after[part] - before[part], CLOCK_S) / max(last - first, 1) * 1000 for part in before}
    made = Run(
        workers,
        cores,
        scoring,
        last,
        round(rate(client, 0), 1),
        *(round(each[part], 3) for part in ("workers", "clickhouse", "broker")),
    )
    log(f"{made}")
    return made


def _cpu(service: Service, children: Sequence[Child]) -> dict[str, float]:
    """Seconds of processor time that each part has used."""
    parts = {
        "workers": [child.pid for child in children],
        "clickhouse": [service.stack.children["clickhouse"].pid],
        "broker": [service.stack.children["broker"].pid],
    }
    return {part: sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids) for part, pids in parts.items()}


def loop(service: Service, name: str, records: int) -> Loop:
    """A program that only counts ``records`` records, on one core."""
    core = str(min(os.sched_getaffinity(0)))
    done = subprocess.run(
        ["taskset", "--cpu-list", core, sys.executable, "-m", "benchmarks.capacity_loops", name, str(records)],
        env={**os.environ, **service.stack.environment()},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=LOOP_S,
    )
    told: Mapping[str, float] = json.loads(done.stdout.splitlines()[-1])
    counted = int(told["records"])
    made = Loop(name, counted, round(counted / told["seconds"], 1), round(told["cpu_seconds"] / counted * 1e6, 1))
    log(f"{made}")
    return made


def inserts(service: Service, client: Client, sizes: Sequence[int], turns: int) -> list[Insert]:
    """The median of ``turns`` durable inserts of each size. ``client`` is of a database with the tables."""
    set_durability(client, True)
    server = psutil.Process(service.stack.children["clickhouse"].pid)
    found, first = [], 10**9  # behind all offsets of other records
    for rows in sizes:
        taken = []
        used = sum(server.cpu_times()[:2])
        for _ in range(turns):
            batch = batch_of(rows, first)
            first += rows
            started = time.perf_counter()
            write_documents(client, batch)
            taken.append(time.perf_counter() - started)
        used = sum(server.cpu_times()[:2]) - used
        found.append(Insert(rows, round(statistics.median(taken) * 1000, 1), round(used / turns * 1000, 1)))
    log(f"{found}")
    return found


def sizes_of(service: Service, client: Client, values: Sequence[Value]) -> Bytes:
    """Of the records in ``client``'s database, which are ``values``."""
    tables = client.execute("SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%Tree'")
    for (table,) in tables:
        client.execute(f"OPTIMIZE TABLE `{table}` FINAL")
    active = "database = currentDatabase() AND active"
    ((on_disk,),) = client.execute(f"SELECT sum(bytes_on_disk) FROM system.parts WHERE {active}")
    # Vectors are stored as they are (CODEC(NONE)).
    ((rows, vector),) = client.execute("SELECT count(), avg(length(embedding)) FROM record_log")
    received = statistics.fmean(len(value) for _, value in values)
    return Bytes(
        round(received, 1),
        round(_scored_bytes(service.stack.kafka_bootstrap), 1),
        round(on_disk / rows, 1),
        round(vector, 1),
    )


def _scored_bytes(bootstrap: str) -> float:
    """The mean size of the first messages about what was scored."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=20_000)
    consumer.assign([TopicPartition("scored", number) for number in range(4)])
    try:
        return statistics.fmean(len(record.value) for record in islice(consumer, 200))
    finally:
        consumer.close()


def evaluations(service: Service, kinds: Sequence[tuple[int, float, int]]) -> list[Evaluation]:
    """For each (companies, documents a company and day, days of them)."""
    pid = service.stack.children["clickhouse"].pid or 0
    found = []
    for number, (companies, per_day, days) in enumerate(kinds):
        with database(service, f"evaluation_{number}") as url:
            told = live_seconds(url, pid, companies, days, per_day=per_day)
        made = Evaluation(
            companies,
            companies * per_day,
            int(told["documents"]),
            round(told["evaluation_cpu_seconds"], 3),
            round(told["first_cpu_seconds"], 3),
        )
        log(f"{made}")
        found.append(made)
    return found


def tables_of(url: str) -> Client:
    """A client of a database that has just been made, with the tables."""
    client = client_of(url)
    client.disconnect()
    return connect(ClickHouseSettings(url=SecretStr(url)))


def registry_in(folder: Path) -> None:
    """For all workers: the registry that is set, or the model that ships, built once in ``folder``."""
    import model

    model.ensure_default(Path(os.environ.setdefault("MODEL_REGISTRY", str(folder))))
