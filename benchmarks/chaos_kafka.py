"""The faults of ``benchmarks.chaos``, and those of a cluster: ``python -m benchmarks.chaos_kafka --json OUT``.

Three brokers of Apache Kafka. In every round the leader of a partition is killed and a transactional producer aborts.
Once in a run the brokers are restarted one after the other, a partition is added, a topic is compacted before it was
read, and records expire (DeleteRecords, which moves the log's start as retention does) while no worker runs.

The account is by positions: whatever Kafka still holds, as a consumer of committed records sees it, is stored once;
what was aborted is not stored; of what was acknowledged and is not stored, each position was compacted away, or expired
and is named in ``lost_ranges``. ``unproven`` counts expired offsets that had no record to be stored, such as markers of
transactions. Exit code 0 only if that holds after every round.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource
from kafka.errors import KafkaError

from benchmarks.chaos import FAULTS
from benchmarks.chaos_faults import SETTLE_S, Chaos, Monitor, asking
from benchmarks.chaos_feed import TOPICS, records
from benchmarks.chaos_rounds import TEXTS, command, rounds, started, summary
from benchmarks.kafka_feed import KafkaFeed, Position, held, stored
from deploy.local import Service
from storage import lost_ranges
from stream.kafka import ensure_topics, watermarks

EVERY_ROUND = ("leader", "abort")
ONCE = ("rolling restart", "partition added", "compaction", "retention")
OTHERS = {name: count for name, count in FAULTS.items() if name != "broker"}
SHORT = {"worker": 1, "worker in flight": 1, "clickhouse in insert": 1, "cut after": 1}

BROKERS = {
    "log.cleaner.backoff.ms": "500",
    "log.cleaner.dedupe.buffer.size": "8388608",
    "group.initial.rebalance.delay.ms": "0",
}
COMPACTED = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "segment.ms": "1000"}
BROKER_S = 180.0


class KafkaMonitor(Monitor):
    """Counts what waits without the records that Kafka no longer has."""

    gone = 0
    """Records that were sent, are not stored, and are no longer in Kafka."""

    def waiting(self) -> int:
        return self._feed.acknowledged - self.gone - self.stored


@dataclass
class KafkaChaos(Chaos):
    """``Chaos`` on three brokers."""

    feed: Any
    monitor: Any

    def actions(self) -> dict[str, Callable[[], bool | None]]:
        return {
            **super().actions(),
            "leader": self.kill_leader,
            "abort": self.abort,
            "rolling restart": self.restart_brokers,
            "partition added": self.add_partition,
            "compaction": self.compact,
            "retention": self.expire,
        }

    def kill_leader(self) -> None:
        """Of a partition that is being written; the feed goes on."""
        with self._admin() as admin:
            partitions = admin.describe_topics(["news"])[0]["partitions"]
        leader = self.rng.choice(partitions)["leader_id"]
        self.service.stack.kill(f"broker-{leader}")
        self.kills["broker"] += 1
        self._whole_again(f"broker-{leader}")

    def restart_brokers(self) -> None:
        """One after the other, in an orderly way."""
        for name in [name for name in self.service.stack.children if name.startswith("broker")]:
            child = self.service.stack.children[name]
            before = child.pid
            if before:
                os.kill(before, signal.SIGTERM)
            _until(lambda child=child, before=before: child.pid not in (None, before), f"{name} is another process")  # type: ignore[misc]
            self._whole_again(name)

    def abort(self) -> None:
        """While the feed sends to the same partitions."""
        self.feed.transactions(50)

    def add_partition(self) -> None:
        with self._admin() as admin:
            count = len(admin.describe_topics(["news"])[0]["partitions"])
            admin.create_partitions({"news": count + 1})

    def compact(self) -> bool:
        """Many records with few keys come while no worker runs, and most are gone before one reads them."""
        with self.feed.sending, self._no_workers():
            before = set(self.feed.sent.good)
            self.feed.send(400, "comments", keys=20)
            few = self.feed.sent.good - before

            def cleaned() -> bool:
                time.sleep(1.1)  # the segment that is written to is not cleaned: let another one begin
                self.feed.send(40, "comments")
                return len(few & held(self.feed.kafka, ["comments"])) < len(few) / 2

            with contextlib.suppress(TimeoutError):
                _until(cleaned, "the cleaner has cleaned", 90)
                return True
        return False

    def expire(self) -> bool:
        """Half of what came while no worker ran is deleted before one reads it."""
        with self.feed.sending, self._no_workers():
            self.feed.send(400, "news")
            last: dict[int, int] = {}
            for topic, number, offset in asking(self.service.stack.clickhouse_url, stored):
                if topic == "news":
                    last[number] = max(last.get(number, -1), offset)
            ends = {number: high for (_, number), (_, high) in watermarks(self.feed.kafka, ["news"]).items()}
            upto = {number: (last.get(number, -1) + 1 + high) // 2 for number, high in ends.items()}
            with self._admin() as admin:
                admin.delete_records({TopicPartition("news", number): offset for number, offset in upto.items()})
        return True

    @contextlib.contextmanager
    def _no_workers(self) -> Iterator[None]:
        """Inside, no worker runs."""
        stopped = [child.name for child in self.workers()]
        for name in stopped:
            self.service.stack.children.pop(name).stop()
        try:
            yield
        finally:
            for name in stopped or ["worker-0"]:
                self.service.start_worker(int(name.rpartition("-")[2]))
            # What went meanwhile is not waiting: the feed would stop otherwise.
            rows = asking(self.service.stack.clickhouse_url, stored)
            self.monitor.gone = len(self.feed.sent.acknowledged - held(self.feed.kafka, TOPICS) - rows.keys())
            self.monitor.forgive()

    def _whole_again(self, name: str) -> None:
        """Wait until the broker is back and every replica in sync: two brokers at once may not be away."""
        self.service.stack.children[name].wait_ready(BROKER_S)

        def whole() -> bool:
            with contextlib.suppress(KafkaError), self._admin() as admin:
                described = admin.describe_topics(list(TOPICS))
                return all(len(part["isr_nodes"]) == 3 for topic in described for part in topic["partitions"])
            return False

        _until(whole, f"all replicas are in sync after {name} is back", BROKER_S)

    def _admin(self) -> KafkaAdminClient:
        return KafkaAdminClient(bootstrap_servers=self.feed.kafka.servers)

    def account(self, folder: Path) -> tuple[dict[str, Any], list[str]]:
        """Wait until all that Kafka holds is stored; the report, and what is wrong."""
        url, sent = self.service.stack.clickhouse_url, self.feed.sent
        held_now, deadline = held(self.feed.kafka, TOPICS), time.monotonic() + SETTLE_S
        while held_now - (rows := asking(url, stored)).keys() and time.monotonic() < deadline:
            time.sleep(0.5)
        lows = {where: low for where, (low, _) in watermarks(self.feed.kafka, TOPICS).items()}
        gone = sent.acknowledged - rows.keys()
        expired = {one for one in gone if one[2] < lows[one[:2]]}
        compacted = {one for one in gone - expired - held_now if one[0] == "comments"}
        missing = (held_now - rows.keys()) | (gone - expired - compacted)
        named = asking(url, _named_as_lost)
        audit, problems = self.audited(folder)
        unproven = _offsets(audit, "unproven")
        missing |= (unproven | _offsets(audit, "missing")) & sent.acknowledged
        problems += [
            f"{what}: {len(found)}, such as {min(found)}"
            for what, found in {
                "missing": missing,
                "aborted, and stored": sent.aborted & rows.keys(),
                "stored, but never acknowledged": rows.keys() - sent.acknowledged - sent.aborted - held_now,
                "expired, and not named as lost": expired - named,
                "malformed, but no bad record": {one for one in sent.bad & rows.keys() if not rows[one]},
                "bad record, but not malformed": {one for one, bad in rows.items() if bad} - sent.bad,
            }.items()
            if found
        ]
        counts = {"aborted": len(sent.aborted), "expired": len(expired), "compacted": len(compacted)}
        names = ("stored", "dead_lettered", "tombstones", "doubled", "repeats")
        counts |= {"missing": len(missing), "unproven": len(unproven)}
        return {**{name: audit[name] for name in names}, **counts}, problems


def _offsets(report: dict[str, Any], what: str) -> set[Position]:
    """The positions that ``finsent audit`` calls missing or unproven. It cannot know that an unproven one had no record
    to be stored, such as a transaction's marker; who sent the records does."""
    return {
        (row["topic"], row["partition"], offset)
        for row in report["partitions"]
        for first, last in row[f"{what}_ranges"]
        for offset in range(first, last + 1)
    }


def _named_as_lost(client: Any) -> set[Position]:
    losses = [found.loss for found in lost_ranges(client)]
    return {(one.topic, one.partition, offset) for one in losses for offset in range(one.first, one.end)}


def _until(condition: Callable[[], bool], what: str, seconds: float = BROKER_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(0.2)


def run(
    faults: dict[str, int], count: int, seed: int, texts: Path = TEXTS, depth: int = 1000, seconds: float = 900
) -> dict[str, Any]:
    """Deal ``faults`` and those of the cluster over ``count`` rounds, in the order of ``seed``, for ``seconds`` at
    most."""
    where_from, good = records(texts, random.Random(seed))
    deck = [name for name, often in faults.items() for _ in range(often)]
    dealer = random.Random(seed)
    dealer.shuffle(deck)
    hands = [[*deck[number::count], *EVERY_ROUND, *ONCE[number::count]] for number in range(count)]
    for hand in hands:
        dealer.shuffle(hand)

    def feeding(service: Service) -> KafkaFeed:
        feed = KafkaFeed(service.stack.kafka_bootstrap, good, random.Random(seed + 1), depth)
        ensure_topics(feed.kafka)
        with KafkaAdminClient(bootstrap_servers=feed.kafka.servers) as admin:
            admin.alter_configs([ConfigResource("topic", "comments", configs=COMPACTED)])
        return feed

    cluster: dict[str, Any] = {"broker": "kafka", "brokers": 3, "kafka_settings": BROKERS, "stuck_after_s": 90}
    with started(KafkaChaos, feeding, KafkaMonitor, seed, "disk full" in faults, **cluster) as chaos:
        report, problems = rounds(chaos, hands, seconds, EVERY_ROUND + ONCE)
        gone = ("expired", "compacted")
        return {
            "rounds": count,
            "texts": where_from,
            "forgotten_by_broker": 0,
            **summary(chaos, report, problems, chaos.feed.acknowledged, gone),
        }


def main() -> None:
    """Run the rounds and write the report."""

    def chosen(options: argparse.Namespace) -> dict[str, Any]:
        faults, depth = (SHORT, 400) if options.short else (OTHERS, 1000)
        return run(faults, options.rounds, options.seed, options.texts, depth, options.seconds)

    command("python -m benchmarks.chaos_kafka", __doc__, chosen, 6, 900)


if __name__ == "__main__":
    main()
