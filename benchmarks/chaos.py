"""Kills, cuts and fills under load, and after each round the audit: ``python -m benchmarks.chaos --json OUT``.

The real broker, the real ClickHouse and real workers; real text where ``--texts`` has any, else the recorded week;
1 % malformed records of every kind. Which faults come, in which order and after which waits, follows from ``--seed``.
Exit code 0 only if every round was clean: ``finsent audit`` agrees, what was produced is stored or dead-lettered,
and the minute windows made in Python from the raw rows equal those that people read.
"""

from __future__ import annotations

import random
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from benchmarks.chaos_faults import SETTLE_S, Chaos, Monitor, asking
from benchmarks.chaos_feed import LosableFeed, records
from benchmarks.chaos_rounds import TEXTS, command, rounds, started, summary
from cli import audit_report
from settings import KafkaSettings

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
COUNTED = ("stored", "dead_lettered", "tombstones", "missing", "doubled", "repeats")


class EmbeddedChaos(Chaos):
    """On the embedded broker, which forgets its topics when it is killed."""

    feed: LosableFeed
    forgotten = 0
    """Records that only a killed broker held."""

    def account(self, folder: Path) -> tuple[dict[str, Any], list[str]]:
        url = self.service.stack.clickhouse_url
        deadline = time.monotonic() + SETTLE_S
        while asking(url, audit_report)["lag"] != 0 and time.monotonic() < deadline:
            time.sleep(0.5)
        report, problems = self.audited(folder)
        if report["unproven"]:
            problems.append(f"{report['unproven']} offsets have no row, and the embedded broker has no transactions")
        if report["lag"]:
            problems.append(f"{report['lag']} records still wait after {SETTLE_S:g} s")
        problems += self._lives(report)
        return {name: report[name] for name in COUNTED}, problems

    def _lives(self, report: dict[str, Any]) -> list[str]:
        """Compare what was sent with what is stored, for each life of the broker's topics."""
        lost, undue = [], []
        for ids, count, bad in self.feed.epochs:
            rows = [row for row in report["partitions"] if ids.get(row["topic"]) == row["topic_id"]]
            lost.append(count - sum(row["stored"] + row["dead_lettered"] + row["tombstones"] for row in rows))
            undue.append(sum(row["dead_lettered"] + row["tombstones"] for row in rows) - bad)
        self.forgotten = sum(lost[:-1])
        found = []
        # Only what a killed broker took with it may be gone, and nothing may have come from nowhere.
        if lost[-1] or min(lost) < 0:
            found.append(f"produced less stored, by the lives of the broker's topics: {lost}")
        if undue[-1] or max(undue) > 0:
            found.append(f"bad records less malformed ones, by the lives of the broker's topics: {undue}")
        return found


def run(
    faults: dict[str, int], count: int, seed: int, texts: Path = TEXTS, depth: int = 1500, seconds: float = 560
) -> dict[str, Any]:
    """Deal ``faults`` (name: how often) over ``count`` rounds in the order of ``seed``, for ``seconds`` at most; the
    report has ``clean`` and what the module's head says."""
    where_from, good = records(texts, random.Random(seed))
    deck = [name for name, often in faults.items() for _ in range(often)]
    random.Random(seed).shuffle(deck)

    def feeding(service: Any) -> LosableFeed:
        kafka = KafkaSettings(bootstrap_servers=service.stack.kafka_bootstrap)
        feed = LosableFeed(kafka, good, random.Random(seed + 1), depth)
        feed.begin()
        return feed

    with started(EmbeddedChaos, feeding, Monitor, seed, "disk full" in faults) as chaos:
        report, problems = rounds(chaos, [deck[number::count] for number in range(count)], seconds)
        return {
            "rounds": count,
            "texts": where_from,
            "forgotten_by_broker": chaos.forgotten,
            **summary(chaos, report, problems, chaos.feed.acknowledged - chaos.forgotten),
        }


def main() -> None:
    """Run the rounds and write the report."""

    def chosen(options: Namespace) -> dict[str, Any]:
        if options.short:
            return run(SHORT, 1, options.seed, options.texts, 400, options.seconds)
        return run(FAULTS, options.rounds, options.seed, options.texts, seconds=options.seconds)

    command("python -m benchmarks.chaos", __doc__, chosen, 10, 560)


if __name__ == "__main__":
    main()
