"""The service under ``benchmarks.pipeline``: filling topics, starting a worker, waiting until all is stored."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from clickhouse_driver import Client
from kafka import KafkaProducer
from pydantic import SecretStr

import model
from benchmarks.pipeline_records import TOPICS, Value
from deploy.local import Child, Service, free_port
from documents import Entity, Linker, Pseudonymiser, Watchlist, load_watchlist
from settings import ClickHouseSettings, KafkaSettings, ModelSettings
from storage import connect, migrate, positions
from stream.kafka import Received, ensure_topics, topic_ids
from stream.steps import Read, Score

BATCH = 512
"""Records that a worker takes at once."""

Batch = tuple[list[str], list[str | None], list[str]]
"""Texts, companies and languages."""


def fill(bootstrap: str, records: Iterable[Value]) -> None:
    """Produce ``records`` and wait for the acknowledgements."""
    ensure_topics(KafkaSettings(bootstrap_servers=bootstrap))
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=50, batch_size=262_144)
    sent: deque[Any] = deque()
    for n, (topic, value) in enumerate(records):
        sent.append(producer.send(topic, value, partition=n // 2 % 4))
        if len(sent) > 20_000:
            sent.popleft().get(120)
    for future in sent:
        future.get(120)
    producer.close()


@contextmanager
def worker(
    service: Service,
    name: str,
    module: str = "finsent",
    extra: Mapping[str, str] | None = None,
    cores: Sequence[int] = (),
) -> Iterator[Child]:
    """A worker process that ends with the block, on these cores or on all. It has not been waited for."""
    port = free_port()
    # One thread for matrix products, as the command has it, also where another module is the worker.
    env = {"OPENBLAS_NUM_THREADS": "1", **os.environ, **service.stack.environment(), **(extra or {})}
    env["STREAM_WEB_PORT"] = str(port)
    argv = [sys.executable, "-m", module, *(["worker"] if module == "finsent" else [])]
    if cores:
        argv = ["taskset", "--cpu-list", ",".join(map(str, cores)), *argv]
    child = Child(name, argv, env, lambda: True, service.stack.logs / f"{name}.log")
    service.stack.add(child)
    try:
        yield child
    finally:
        child.stop()


def stored(client: Client, bootstrap: str) -> int:
    """Records in the table, of the topics as they are now: each partition of theirs begins at 0 and has no gaps."""
    return sum(
        last + 1 for last in positions(client, topic_ids(KafkaSettings(bootstrap_servers=bootstrap), TOPICS)).values()
    )


def wait_for(client: Client, bootstrap: str, count: int, watch: Any = None, timeout: float = 1800) -> None:
    """Until ``count`` records are stored. Raises ``TimeoutError``."""
    deadline = time.monotonic() + timeout
    while (now := stored(client, bootstrap)) < count:
        if watch:
            watch(now)
        if time.monotonic() > deadline:
            raise TimeoutError(f"{now} of {count} records stored in {timeout:g} s")
        time.sleep(0.5)


def rate(client: Client, since: float) -> float:
    """Records a second that were stored after ``since`` (Unix): from the end of the first batch to that of the last."""
    times = client.execute(
        "SELECT toFloat64(ingested_at) AS at, count() FROM record_log WHERE ingested_at > toDateTime64(%(since)s, 3) "
        "GROUP BY at ORDER BY at",
        {"since": since},
    )
    return sum(count for _, count in times[1:]) / (times[-1][0] - times[0][0])


def linker(companies: int = 0) -> Linker:
    """Over the shipped watch list, lengthened by made-up companies to ``companies`` in all if that is more."""
    listed = load_watchlist().companies
    more = (Entity(f"X{n:06}", f"Xylo{n:06} Holding", "none", "none") for n in range(companies - len(listed)))
    return Linker(Watchlist([*listed, *more]))


class Noting:
    """In the place of a scorer: notes the batches that it is to score."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def score(self, *batch: Any) -> Any:
        """Note ``batch``, and end the step."""
        self.batches.append(batch)
        raise StopIteration


def reading(watchlist: Linker) -> Read:
    """The worker's first step, with ``watchlist``."""
    return Read(watchlist, Pseudonymiser("0" * 32), lambda topic, partition: "")


def passes(read: Read, records: Sequence[Value]) -> list[Batch]:
    """What a worker would score of ``records``, as batches of (texts, entities, languages)."""
    noting: Any = Noting()
    score = Score(noting)
    for topic in TOPICS:
        mine = [value for name, value in records if name == topic]
        for start in range(0, len(mine), BATCH):
            received = [Received(topic, 0, start + n, value) for n, value in enumerate(mine[start : start + BATCH])]
            with suppress(StopIteration):
                score.run(read.run(received))
    return noting.batches


def bare(folder: Path, batches: Sequence[Batch], records: int) -> float:
    """Records a second of the scorer alone: a fresh one, that has seen none of the texts."""
    scorer = model.load(folder, ModelSettings())
    scorer.score([f"The profit of company {n} rose by {n} percent in the quarter" for n in range(BATCH)])
    started = time.perf_counter()
    for batch in batches:
        scorer.score(*batch)
    return records / (time.perf_counter() - started)


def client_of(url: str) -> Client:
    """A client of a ClickHouse that has the tables."""
    client = connect(ClickHouseSettings(url=SecretStr(url)))
    migrate(client)
    return client


def log(line: str) -> None:
    """Tell a person how far it is."""
    print(line, file=sys.stderr, flush=True)
