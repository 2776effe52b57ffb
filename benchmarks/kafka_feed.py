"""What is sent to Apache Kafka and what it holds, by positions: for ``benchmarks.chaos_kafka``."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from benchmarks.chaos_faults import SETTLE_S
from benchmarks.chaos_feed import Filling, malformed
from settings import KafkaSettings
from stream.kafka import watermarks

Position = tuple[str, int, int]
"""Topic, partition and offset."""


@dataclass
class Sent:
    """The positions of what was sent."""

    good: set[Position] = field(default_factory=set)
    bad: set[Position] = field(default_factory=set)
    """Malformed records, and those without a value."""

    aborted: set[Position] = field(default_factory=set)

    @property
    def acknowledged(self) -> set[Position]:
        """Everything but what was aborted."""
        return self.good | self.bad


class KafkaFeed(Filling):
    """Sends records of which 1 % are malformed, also while brokers die.

    Its producer is idempotent: a record whose acknowledgement got lost with a broker is not written twice.
    """

    def __init__(self, bootstrap: str, good: Sequence[tuple[str, bytes]], rng: random.Random, depth: int) -> None:
        super().__init__(KafkaSettings(bootstrap_servers=bootstrap), good, rng, depth)
        self.sent = Sent()

    @property
    def acknowledged(self) -> int:
        return len(self.sent.good) + len(self.sent.bad)

    def send(self, count: int, topic: str = "", keys: int = 2**32) -> None:
        """Every record is acknowledged when this returns. With ``topic``, only good records of this one."""
        producer = self._producer(linger_ms=20)
        try:
            sent = []
            for _ in range(count):
                bad = not topic and self._rng.random() < 0.01
                name, value = malformed(self._rng) if bad else next(one for one in self._good if topic in ("", one[0]))
                key = b"%d" % self._rng.randrange(keys)
                sent.append((bad, producer.send(name, value=value, key=key)))
            for bad, future in sent:
                (self.sent.bad if bad else self.sent.good).add(_position(future))
        finally:
            producer.close(timeout=5)

    def transactions(self, count: int) -> None:
        """``count`` records are aborted, and as many committed."""
        producer = self._producer(transactional_id="chaos", max_block_ms=120_000)
        try:
            producer.init_transactions()
            for end, into in (
                (producer.abort_transaction, self.sent.aborted),
                (producer.commit_transaction, self.sent.good),
            ):
                producer.begin_transaction()
                sent = [producer.send(topic, value, key=b"t") for topic, value in itertools.islice(self._good, count)]
                producer.flush(120)
                found = set(map(_position, sent))
                end()
                into |= found
        finally:
            producer.close(timeout=5)

    def _producer(self, **options: Any) -> KafkaProducer:
        return KafkaProducer(
            bootstrap_servers=self.kafka.servers,
            acks="all",
            enable_idempotence=True,
            max_request_size=2_000_000,
            **options,
        )


def _position(future: Any) -> Position:
    record = future.get(timeout=120)
    return record.topic, record.partition, record.offset


def held(kafka: KafkaSettings, topics: Iterable[str]) -> set[Position]:
    """The positions of all records that are in Kafka now and committed."""
    partitions = [TopicPartition(*where) for where in watermarks(kafka, topics)]
    consumer = KafkaConsumer(
        bootstrap_servers=kafka.servers,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    found: set[Position] = set()
    try:
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        deadline = time.monotonic() + SETTLE_S
        while any(consumer.position(one) < end for one, end in ends.items()):
            for batch in consumer.poll(timeout_ms=200, max_records=5000).values():
                found |= {(record.topic, record.partition, record.offset) for record in batch}
            if time.monotonic() > deadline:
                raise TimeoutError(f"Kafka's topics could not be read to their ends in {SETTLE_S:g} s")
    finally:
        consumer.close(autocommit=False)
    return found


def stored(client: Any) -> dict[Position, bool]:
    """Every position in the ledger, and whether it is a bad record or a tombstone."""
    rows = client.execute("SELECT topic, partition, offset, max(error_kind != '') FROM record_log GROUP BY ALL")
    return {(topic, number, offset): bool(bad) for topic, number, offset, bad in rows}
