"""Kills, cuts and fills under load, and after each round the audit: ``python -m benchmarks.chaos --json OUT``.

The real broker, the real ClickHouse and real workers; real text where ``--texts`` has any, else the recorded week;
1 % malformed records of every kind. Which faults come, in which order and after which waits, follows from ``--seed``.
Exit code 0 only if every round was clean: ``finsent audit`` agrees, what was produced is stored or dead-lettered,
and the minute windows made in Python from the raw rows equal those that people read.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psutil
from clickhouse_driver import Client
from clickhouse_driver.errors import Error as ClickHouseError
from kafka import KafkaProducer
from rich.console import Console

import model
from benchmarks.fuzz import reading
from benchmarks.proxy import Fault, Proxy
from cli import audit_report
from deploy.demo import recorded_week
from deploy.local import Service
from documents import Document, Label
from documents.messages import ModelEvent
from model.encoder import default_folders
from model.registry import promote, publish
from settings import ClickHouseSettings, KafkaSettings
from storage import connect
from storage.reads import sentiment_windows, windows
from stream.champion import announce
from stream.kafka import Received, ensure_topics, read, topic_ids

TOPICS = ("news", "comments")
TEXTS = Path(__file__).resolve().parents[2] / "shared" / "data" / "stream"
FAULTS = {
    "worker": 11,
    "worker in flight": 7,
    "worker in swap": 3,
    "clickhouse": 3,
    "clickhouse in insert": 3,
    "broker": 2,
    "cut before": 2,
    "cut in insert": 2,
    "cut after": 3,
    "delay": 2,
    "disk full": 2,
    "worker joins": 4,
    "worker leaves": 3,
}
SHORT = {"worker": 1, "worker in flight": 1, "clickhouse in insert": 1, "broker": 1, "cut before": 1, "cut after": 1}
DISK_BYTES = 700_000_000
SETTLE_S = 240.0
T = TypeVar("T")


def malformed(rng: random.Random) -> tuple[str, bytes | None]:
    """(topic, value) of a record that is no message, of any kind there is."""
    good = {"id": "bad", "source": "chaos", "published_at": "2024-01-05T10:00:00Z"}
    text = rng.choice(["title", "text"])
    topic = "news" if text == "title" else "comments"
    encode = lambda **fields: json.dumps({**good, text: "t", **fields}).encode()  # noqa: E731
    kinds: list[bytes | None] = [
        None,
        b"",
        b"\x00\xff\xfe",
        b"not json",
        encode()[:-5],
        encode() + b"}",
        b"[" * 100_000,
        json.dumps(good).encode(),
        encode(id=7),
        encode(id=""),
        encode(source="s" * 600),
        encode(tickers="AAPL"),
        encode(**{text: None}),
        encode(**{text: " \t "}),
        encode(**{text: "<p></p>\u200b"}),
        encode(**{text: "\ud800"}),
        encode(published_at="2024-01-05"),
        encode(published_at="0001-01-05T10:00:00Z"),
        encode(published_at="9999-12-31T23:59:59Z"),
        encode(published_at=1e300),
        encode().replace(b'"t"', b'"\xe4"'),
        b"\xef\xbb\xbf" + encode(),
        encode(**{text: "t" * 1_100_000}),
    ]
    return topic, rng.choice(kinds)


def records(texts: Path, rng: random.Random, most: int = 4000) -> tuple[str, list[tuple[str, bytes]]]:
    """(where from, (topic, value) of good records in random order): ``most`` of each file, or the recorded week
    without its bad records."""
    files = sorted(texts.glob("*.csv.gz")) if texts.is_dir() else []
    found: list[tuple[str, bytes]] = []
    for path in files:
        rows = itertools.islice(read(path, None, undated=datetime.now(UTC)), most)
        found += [(row.topic, row.value) for row in rows if row.topic in TOPICS]
    if not found:
        with tempfile.TemporaryDirectory() as folder:
            week = recorded_week.write(Path(folder))
            for path, topic in ((week.news, "news"), (week.comments, "comments")):
                found += [(topic, row.value) for row in read(path, topic)]
        judged = reading().run([Received(topic, 0, 0, value) for topic, value in found])
        found = [pair for pair, row in zip(found, judged, strict=True) if isinstance(row, Document | Label)]
    rng.shuffle(found)
    return ("real text" if files else "recorded week"), found


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


class Filling(threading.Thread):
    """Keeps ``depth`` records waiting in Kafka while ``running`` is set. ``good`` are sent again and again."""

    def __init__(self, kafka: KafkaSettings, good: Sequence[tuple[str, bytes]], rng: random.Random, depth: int) -> None:
        super().__init__(daemon=True)
        self.kafka, self._good, self._rng, self._depth = kafka, itertools.cycle(good), rng, depth
        self.running, self.ended = threading.Event(), threading.Event()
        self.sending = threading.Lock()
        self.waiting: Callable[[], int] = lambda: 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.ended.wait(0.05):
                with self.sending:
                    if self.running.is_set() and self.waiting() < self._depth:
                        self.send(250)
        except BaseException as error:
            self.failure = error

    def send(self, count: int) -> None:
        """Every record is acknowledged when this returns."""
        raise NotImplementedError


class Feed(Filling):
    """Sends records of which 1 % are malformed, to topics that may be lost."""

    def __init__(self, kafka: KafkaSettings, good: Sequence[tuple[str, bytes]], rng: random.Random, depth: int) -> None:
        super().__init__(kafka, good, rng, depth)
        self.epochs: list[tuple[dict[str, str], int, int]] = []
        """(topic ids, records acknowledged, malformed among them) of each life of the broker's topics."""

    @property
    def acknowledged(self) -> int:
        return sum(count for _, count, _ in self.epochs)

    def begin(self) -> None:
        """Of the topics as they are now."""
        ensure_topics(self.kafka)
        self.epochs.append((topic_ids(self.kafka, TOPICS), 0, 0))

    def send(self, count: int) -> None:
        """At full speed; every record is acknowledged when this returns."""
        producer = KafkaProducer(
            bootstrap_servers=self.kafka.servers,
            acks="all",
            enable_idempotence=False,
            linger_ms=20,
            max_request_size=2_000_000,
        )
        try:
            sent, bad = [], 0
            for _ in range(count):
                worse = self._rng.random() < 0.01
                bad += worse
                topic, value = malformed(self._rng) if worse else next(self._good)
                sent.append(producer.send(topic, value=value, key=b"%d" % self._rng.getrandbits(32)))
            for future in sent:
                future.get(timeout=60)
        finally:
            producer.close(timeout=5)
        ids, before, bad_before = self.epochs[-1]
        self.epochs[-1] = ids, before + count, bad_before + bad


class Monitor(threading.Thread):
    """Looks twice a second at how much is stored, and at the memory of the workers."""

    def __init__(self, service: Service, feed: Feed) -> None:
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
                client = client or connect(ClickHouseSettings(url=self._service.stack.clickhouse_url))
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


def view_differences(client: Client) -> list[str]:
    """Where what people and rules read differs from what Python makes of the raw rows: [] nowhere."""
    names = ("topic", "topic_id", "partition", "offset", "ingested_at", "published_at", "kind", "document_id", "source",
             "story_id", "error_kind", "unscored", "sentiment", "mentions.entity", "mentions.sentiment")  # fmt: skip
    raw = client.execute(f"SELECT {', '.join(f'`{name}`' for name in names)} FROM record_log")
    first: dict[tuple, tuple] = {}
    for row in sorted(raw, key=lambda row: row[4]):  # the earliest writing of a position counts
        first.setdefault(row[:4], row)
    documents: Counter[tuple] = Counter()
    told: list[tuple[tuple, str, float, int, str, str]] = []
    for row in first.values():
        *_, at, kind, document_id, source, story, error, unscored, alone, entities, sentiments = row[4:]
        if error:
            continue
        documents[kind, at.replace(second=0, microsecond=0)] += 1
        if not unscored:
            order = (at, row[4], row[0], *row[2:4])
            pairs = zip(entities, sentiments, strict=True) if entities else [("", alone)]
            told += [(order, entity, sentiment, story, source, document_id) for entity, sentiment in pairs]
    told.sort(key=lambda mention: mention[0])
    stories: set[tuple] = set()
    identities: set[tuple] = set()
    opens: dict[tuple, list[float]] = defaultdict(lambda: [0, 0.0])  # start <= published_at, as people read it
    closes: dict[tuple, list[float]] = defaultdict(lambda: [0, 0.0])  # published_at <= end, as rules read it
    for order, entity, sentiment, story, source, document_id in told:
        if (entity, story) in stories:
            continue
        stories.add((entity, story))
        if entity and (entity, source, document_id) in identities:
            continue
        identities.add((entity, source, document_id))
        at = round(order[0].timestamp() * 1000)
        if entity:
            _add(opens[entity, at // 60_000 * 60], sentiment)
        _add(closes[entity, (at - 1) // 60_000 * 60], sentiment)
    shown = {
        tuple(row[:2]): row[2]
        for row in client.execute("SELECT kind, toStartOfMinute(published_at), count() FROM documents GROUP BY ALL")
    }
    differences = [] if shown == documents else [f"documents: {len(shown)} windows, {len(documents)} in Python"]
    counted = client.execute(
        "SELECT entity, toUnixTimestamp(toStartOfMinute(published_at)), count(), sum(sentiment) FROM counted_mentions "
        "GROUP BY ALL",
        columnar=True,
    ) or [[], [], [], []]
    far = timedelta(days=2)
    times = [order[0] for order, *_ in told] or [datetime.now(UTC)]
    span = min(times) - far, max(times) + far
    for name, columns, made in (
        ("counted_mentions", counted, opens),
        ("windows", windows(client, *span, 60), opens),
        ("sentiment_windows", sentiment_windows(client, *span, 60), closes),
    ):
        got = {(e, int(start)): (count, total) for e, start, count, total in zip(*columns[:4], strict=True)}
        wrong = [key for key in made.keys() | got.keys() if not _same(made.get(key), got.get(key))]
        if wrong:
            differences.append(f"{name}: {len(wrong)} of {len(made)} windows, such as {wrong[0]}")
    return differences


def _add(window: list[float], sentiment: float) -> None:
    window[0] += 1
    window[1] += sentiment


def _same(one: Sequence[float] | None, other: Sequence[float] | None) -> bool:
    return one is not None and other is not None and one[0] == other[0] and abs(one[1] - other[1]) < 1e-4


@dataclass
class Chaos:
    """One run: ``deal`` each fault, ``settle`` after each round."""

    service: Service
    proxy: Proxy
    feed: Feed
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

    def kill_worker(self, port: int | None = None) -> None:
        """Of the connection from ``port``, or any."""
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

    def settle(self, folder: Path) -> tuple[dict[str, Any], list[str]]:
        """Wait until all that Kafka holds is stored; then see ``audited``."""
        url = self.service.stack.clickhouse_url
        deadline = time.monotonic() + SETTLE_S
        while asking(url, audit_report)["lag"] != 0 and time.monotonic() < deadline:
            time.sleep(0.5)
        report, problems = self.audited(folder)
        if report["unproven"]:
            problems.append(f"{report['unproven']} offsets have no row, and the embedded broker has no transactions")
        if report["lag"]:
            problems.append(f"{report['lag']} records still wait after {SETTLE_S:g} s")
        return report, problems

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


def run(
    faults: dict[str, int], rounds: int, seed: int, texts: Path = TEXTS, depth: int = 1500, seconds: float = 560
) -> dict[str, Any]:
    """Deal ``faults`` (name: how often) over ``rounds`` in the order of ``seed``, for ``seconds`` at most; the report
    has ``clean`` and what the module's head says."""
    for name in ("kafka", "clickhouse_driver"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    console, started = Console(stderr=True), time.monotonic()
    rng = random.Random(seed)
    where_from, good = records(texts, random.Random(seed))
    deck = [name for name, count in faults.items() for _ in range(count)]
    rng.shuffle(deck)
    report: dict[str, Any] = {}
    problems: list[str] = []
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="finsent-chaos-")))
        wants_disk = "disk full" in faults
        disk = stack.enter_context(small_disk(folder / "data" / "clickhouse")) if wants_disk else None
        proxy = stack.enter_context(Proxy(lambda: service.stack.clickhouse_url))
        service = Service(
            folder / "data",
            extra={
                "CLICKHOUSE_URL": f"clickhouse://finsent@127.0.0.1:{proxy.port}/default",
                "CLICKHOUSE_SEND_RECEIVE_TIMEOUT_S": "3",
                "STREAM_BATCH_RECORDS": "128",
                "STREAM_STUCK_AFTER_S": "60",
            },
        )
        stack.enter_context(service)
        before = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
        os.environ["KAFKA_BOOTSTRAP_SERVERS"] = service.stack.kafka_bootstrap
        if before is None:
            stack.callback(os.environ.pop, "KAFKA_BOOTSTRAP_SERVERS")
        registry = service.stack.environment()["MODEL_REGISTRY"]
        another = publish(registry, default_folders(), facts={"purpose": "another version of the same"})
        feed = Feed(
            KafkaSettings(bootstrap_servers=service.stack.kafka_bootstrap), good, random.Random(seed + 1), depth
        )
        monitor = Monitor(service, feed)
        feed.waiting = monitor.waiting
        forgotten = 0
        feed.begin()
        for thread in (feed, monitor):
            thread.start()
            stack.callback(thread.join, 20)
            stack.callback(thread.ended.set)
        chaos = Chaos(
            service, proxy, feed, monitor, rng, itertools.cycle([another, model.champion_name(registry)]), disk
        )
        done = 0
        for number in range(rounds):
            feed.running.set()
            monitor.forgive()
            for name in deck[number::rounds]:
                if (now := time.monotonic() - started) < seconds:
                    console.print(f"{now:.0f} s: {name}", style="dim")
                    chaos.deal(name)
                if feed.failure or service.stack.failure:
                    raise RuntimeError(f"round {number + 1}, {name}: {feed.failure or service.stack.failure}")
            with feed.sending:
                feed.running.clear()
            report, found = chaos.settle(folder)
            done += 1
            lost, undue = [], []
            for ids, count, bad in feed.epochs:
                rows = [row for row in report["partitions"] if ids.get(row["topic"]) == row["topic_id"]]
                lost.append(count - sum(row["stored"] + row["dead_lettered"] + row["tombstones"] for row in rows))
                undue.append(sum(row["dead_lettered"] + row["tombstones"] for row in rows) - bad)
            # Only what a killed broker took with it may be gone, and nothing may have come from nowhere.
            if lost[-1] or min(lost) < 0:
                found.append(f"produced less stored, by the lives of the broker's topics: {lost}")
            if undue[-1] or max(undue) > 0:
                found.append(f"bad records less malformed ones, by the lives of the broker's topics: {undue}")
            forgotten = sum(lost[:-1])
            problems += [f"round {number + 1}: {problem}" for problem in found]
            console.print(
                f"round {number + 1}/{rounds}, {time.monotonic() - started:.0f} s: produced {feed.acknowledged}, "
                f"stored {report['stored']}, dead-lettered {report['dead_lettered']}, missing {report['missing']}, "
                f"doubled {report['doubled']}, repeats {report['repeats']}; {dict(chaos.kills)}",
                *found,
                sep="\n",
            )
        swaps = asking(
            service.stack.clickhouse_url, lambda c: c.execute("SELECT uniqExact(model_version) FROM documents")[0][0]
        )
    return {
        "rounds": done,
        "seed": seed,
        "kills": dict(chaos.kills),
        "faults": dict(chaos.faults),
        "faults_missed": dict(chaos.missed),
        "produced": feed.acknowledged - forgotten,
        "forgotten_by_broker": forgotten,
        **{name: report[name] for name in ("stored", "dead_lettered", "tombstones", "missing", "doubled", "repeats")},
        "views_equal": not any("windows" in problem for problem in problems),
        "model_versions": swaps,
        "longest_gap_s": round(monitor.longest_gap, 1),
        "peak_rss_mb": round(monitor.peak_rss / 1e6),
        "texts": where_from,
        "disk": f"tmpfs of {DISK_BYTES // 1_000_000} MB" if disk else "not filled" + " (no mount)" * wants_disk,
        "seconds": round(time.monotonic() - started),
        "problems": problems,
        "clean": not problems
        and feed.acknowledged - forgotten == report["stored"] + report["dead_lettered"] + report["tombstones"],
    }


def main() -> None:
    """Run the rounds and write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=560, help="no further faults after so long")
    parser.add_argument("--texts", type=Path, default=TEXTS, help="folder of CSV files of real text")
    parser.add_argument("--short", action="store_true", help="a few faults in one round")
    arguments = parser.parse_args()
    short = partial(run, SHORT, 1, depth=400) if arguments.short else partial(run, FAULTS, arguments.rounds)
    result = short(arguments.seed, arguments.texts, seconds=arguments.seconds)
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    raise SystemExit(0 if result["clean"] else 1)


if __name__ == "__main__":
    main()
