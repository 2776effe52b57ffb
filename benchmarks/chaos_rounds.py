"""Rounds of faults over a running service, and the report: what the chaos of both brokers has in common."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import logging
import os
import random
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

import model
from benchmarks.chaos_faults import DISK_BYTES, Chaos, Monitor, asking, small_disk
from benchmarks.proxy import Proxy
from deploy.local import Service
from model.encoder import default_folders
from model.registry import publish

TEXTS = Path(__file__).resolve().parents[2] / "shared" / "data" / "stream"
C = TypeVar("C", bound=Chaos)


@contextlib.contextmanager
def started(
    kind: type[C],
    feeding: Callable[[Service], Any],
    monitoring: Callable[[Service, Any], Monitor],
    seed: int,
    fills_disk: bool,
    stuck_after_s: int = 60,
    **broker: Any,
) -> Iterator[C]:
    """A service whose workers reach ClickHouse through a proxy, with its feed (``feeding``) and what watches it
    (``monitoring``). ``broker`` is for ``Service``."""
    for name in ("kafka", "clickhouse_driver"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="finsent-chaos-")))
        disk = stack.enter_context(small_disk(folder / "data" / "clickhouse")) if fills_disk else None
        proxy = stack.enter_context(Proxy(lambda: service.stack.clickhouse_url))
        extra = {
            "CLICKHOUSE_URL": f"clickhouse://finsent@127.0.0.1:{proxy.port}/default",
            "CLICKHOUSE_SEND_RECEIVE_TIMEOUT_S": "3",
            "STREAM_BATCH_RECORDS": "128",
            "STREAM_STUCK_AFTER_S": str(stuck_after_s),
        }
        service = Service(folder / "data", extra=extra, **broker)
        stack.enter_context(service)
        before = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
        os.environ["KAFKA_BOOTSTRAP_SERVERS"] = service.stack.kafka_bootstrap
        if before is None:
            stack.callback(os.environ.pop, "KAFKA_BOOTSTRAP_SERVERS")
        registry = service.stack.environment()["MODEL_REGISTRY"]
        another = publish(registry, default_folders(), facts={"purpose": "another version of the same"})
        versions = itertools.cycle([another, model.champion_name(registry)])
        feed = feeding(service)
        monitor = monitoring(service, feed)
        feed.waiting = monitor.waiting
        for thread in (feed, monitor):
            thread.start()
            stack.callback(thread.join, 20)
            stack.callback(thread.ended.set)
        yield kind(service, proxy, feed, monitor, random.Random(seed), versions, disk)


def rounds(
    chaos: Chaos, hands: Sequence[Sequence[str]], seconds: float, always: Collection[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """Deal each hand of faults, and settle the account after it: the last report, and all problems.

    After ``seconds`` only faults of ``always`` are dealt. Raises RuntimeError if the service itself fails.
    """
    console, began = Console(stderr=True), time.monotonic()
    problems: list[str] = []
    report: dict[str, Any] = {}
    for number, hand in enumerate(hands, start=1):
        chaos.feed.running.set()
        chaos.monitor.forgive()
        for name in hand:
            now = time.monotonic() - began
            if now < seconds or name in always:
                console.print(f"{now:.0f} s: {name}", style="dim")
                chaos.deal(name)
            if failure := chaos.feed.failure or chaos.service.stack.failure:
                raise RuntimeError(f"round {number}, {name}: {failure}")
        with chaos.feed.sending:
            chaos.feed.running.clear()
        report, found = chaos.account(Path(chaos.service.stack.data))
        problems += [f"round {number}: {problem}" for problem in found]
        after = f"round {number}/{len(hands)}, {time.monotonic() - began:.0f} s"
        console.print(f"{after}: produced {chaos.feed.acknowledged}, {report}; {dict(chaos.kills)}", *found, sep="\n")
    return report, problems


def summary(
    chaos: Chaos, report: Mapping[str, Any], problems: Sequence[str], produced: int, gone: Sequence[str] = ()
) -> dict[str, Any]:
    """What both reports say. It is clean if nothing is wrong and each of the ``produced`` records is stored, or counted
    in one of the columns ``gone`` of the report."""
    versions = asking(
        chaos.service.stack.clickhouse_url, lambda c: c.execute("SELECT uniqExact(model_version) FROM documents")
    )
    accounted = sum(report[name] for name in ("stored", "dead_lettered", "tombstones", *gone))
    return {
        "kills": dict(chaos.kills),
        "faults": dict(chaos.faults),
        "faults_missed": dict(chaos.missed),
        "produced": produced,
        **report,
        "views_equal": not any("windows" in problem for problem in problems),
        "model_versions": versions[0][0],
        "longest_gap_s": round(chaos.monitor.longest_gap, 1),
        "peak_rss_mb": round(chaos.monitor.peak_rss / 1e6),
        "disk": f"tmpfs of {DISK_BYTES // 1_000_000} MB" if chaos.disk else "not filled",
        "problems": list(problems),
        "clean": not problems and produced == accounted,
    }


def command(
    prog: str, doc: str | None, run: Callable[[argparse.Namespace], dict[str, Any]], count: int, seconds: float
) -> None:
    """The command line: ``run`` gets its options, and gives the report. Exit code 1 unless that is clean."""
    parser = argparse.ArgumentParser(prog=prog, description=doc)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=count)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=seconds, help="no further faults of the deck after so long")
    parser.add_argument("--texts", type=Path, default=TEXTS, help="folder of CSV files of real text")
    parser.add_argument("--short", action="store_true", help="a few faults only")
    arguments = parser.parse_args()
    began = time.monotonic()
    result = {"seed": arguments.seed, **run(arguments), "seconds": round(time.monotonic() - began)}
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    raise SystemExit(0 if result["clean"] else 1)
