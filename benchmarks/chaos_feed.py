"""What chaos sends: good records, and 1 % malformed ones of every kind."""

from __future__ import annotations

import itertools
import json
import random
import tempfile
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from kafka import KafkaProducer

from benchmarks.fuzz import reading
from deploy.demo import recorded_week
from documents import Document, Label
from settings import KafkaSettings
from stream.kafka import Received, ensure_topics, read, topic_ids

TOPICS = ("news", "comments")


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
        b"\xef\xbb\xbf" + encode()[1:],
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


class LosableFeed(Filling):
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
