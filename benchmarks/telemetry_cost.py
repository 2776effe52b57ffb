"""What OpenTelemetry costs a worker: ``python -m benchmarks.telemetry_cost --json OUT``.

Two workers with a scorer that costs nothing (``benchmarks.constant_worker``) share the partitions of one service. One
sends traces of 1 % of its records, metrics and logs to a collector, the other sends nothing; after each round they
change places. Both work on the same records at the same time, so that whatever else the machine does meets both. What
OpenTelemetry takes of the processor for a record is told as a share of what a record takes in such a worker, and in one
that scores (a last round). Exit code 0 if it is less than ``MOST`` of the latter.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import os
import statistics
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
from clickhouse_driver import Client
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import model
from benchmarks.pipeline_service import client_of, fill, log, stored, wait_for
from benchmarks.rolling_restart import by_turns
from deploy.local import Child, Service, free_port

MOST = 0.02
MOST_DEAD = 0.05
"""Of all records: the recorded week has some that are wrong."""

FLUSH_S = 12.0
"""Traces are sent every 5 s, metrics every 10 s; what is sent after the last record counts."""

PATIENCE_S = 600.0


class Collector(ThreadingHTTPServer):
    """Takes what comes over OTLP, and counts the spans and the posts to each address."""

    def __init__(self) -> None:
        self.spans, self.posts = 0, dict.fromkeys(("/v1/traces", "/v1/metrics", "/v1/logs"), 0)
        kept = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kept.posts[self.path] += 1
                if self.path == "/v1/traces":
                    plain = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
                    sent = ExportTraceServiceRequest.FromString(plain)
                    kept.spans += sum(len(scope.spans) for one in sent.resource_spans for scope in one.scope_spans)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Half:
    """One of the two workers."""

    def __init__(self, service: Service, name: str, collector: str, scores: bool) -> None:
        self._port = free_port()
        environment = {"OPENBLAS_NUM_THREADS": "1", **os.environ, **service.stack.environment()}
        environment |= {
            "STREAM_WEB_PORT": str(self._port),
            "STREAM_ALERTS": "false",
            "STREAM_TRACES": collector,
            "STREAM_TELEMETRY": collector,
            "MODEL_THREADS": "1",
            # The records come again and again; what a real feed brings is new.
            "MODEL_REPEATS": "0",
        }
        argv = [sys.executable, "-m", *(["finsent", "worker"] if scores else ["benchmarks.constant_worker"])]
        log = service.stack.logs / f"{name}.log"
        self.child = Child(name, argv, environment, lambda: bool(self.partitions()), log)
        service.stack.add(self.child)

    def partitions(self) -> list[tuple[str, int]]:
        """Those it has; none while it is not ready."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/ready", timeout=5) as answer:
                named = [one.rsplit("/", 1) for one in json.load(answer)["partitions"]]
        except (urllib.error.URLError, OSError):
            return []
        return [(topic, int(number)) for topic, number in named]

    def processor_s(self) -> float:
        """Seconds of a processor that it has taken so far."""
        times = psutil.Process(self.child.pid).cpu_times()
        return times.user + times.system


def one_round(
    service: Service, client: Client, number: int, collector: Collector, records: Any, scores: bool = False
) -> dict[str, Any]:
    """Milliseconds of a processor for a record, ``with`` and ``without``; with a scorer that ``scores``, or with one
    that costs nothing."""
    bootstrap = service.stack.kafka_bootstrap
    address = f"http://127.0.0.1:{collector.server_port}"
    places = ["with", "without"] if number % 2 == 0 else ["without", "with"]
    halves = {
        place: Half(service, f"worker-{number}-{place}", address if place == "with" else "", scores) for place in places
    }
    try:
        _until_shared(list(halves.values()))
        count = stored(client, bootstrap)
        fill(bootstrap, records[:2000])  # what is done once is over by then
        wait_for(client, bootstrap, count + 2000)
        shares = {place: half.partitions() for place, half in halves.items()}
        before, spans = {place: half.processor_s() for place, half in halves.items()}, collector.spans
        since = _positions(client)
        fill(bootstrap, records)
        wait_for(client, bootstrap, count + 2000 + len(records))
        time.sleep(FLUSH_S)
        after = _positions(client)
        taken = {place: half.processor_s() - before[place] for place, half in halves.items()}
        if shares != {place: half.partitions() for place, half in halves.items()}:
            raise RuntimeError("the partitions went to another worker meanwhile: measure again")
    finally:
        for half in halves.values():
            half.child.stop()
    handled = {
        place: sum(after[where] - since.get(where, 0) for where in shares[place] if where in after) for place in places
    }
    told = {place: round(taken[place] / handled[place] * 1000, 4) for place in places}
    ((dead, rows),) = client.execute("SELECT (SELECT count() FROM dead_letters), (SELECT count() FROM record_log)")
    if dead > MOST_DEAD * rows:
        raise RuntimeError(f"{dead} of {rows} records became dead letters, which cost less")
    return {**told, "records": handled, "spans": collector.spans - spans}


def _until_shared(halves: list[Half]) -> None:
    """Until each has half of each topic."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        first, second = (half.partitions() for half in halves)
        if first and len(first) == len(second) and not set(first) & set(second):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"the partitions are not shared after {PATIENCE_S:g} s")
        time.sleep(0.2)


def _positions(client: Client) -> dict[tuple[str, int], int]:
    """Records stored of each partition."""
    rows = client.execute("SELECT topic, partition, count() FROM record_log GROUP BY topic, partition")
    return {(topic, number): count for topic, number, count in rows}


def measure(folder: Path, rounds: int, count: int) -> dict[str, Any]:
    """All figures."""
    collector = Collector()
    found = []
    records = list(itertools.islice(by_turns(), count))
    with Service(folder / "service", workers=0) as service:
        client = client_of(service.stack.clickhouse_url)
        for number in range(rounds):
            found.append(one_round(service, client, number, collector, records))
            log(f"round {number + 1}: {found[-1]}")
        scored = one_round(service, client, rounds, collector, records[: count // 5], scores=True)
        log(f"with a scorer that scores: {scored}")
    # Of two rounds, in which they had each other's place.
    pairs = [(one, two) for one, two in zip(found[::2], found[1::2], strict=True)]
    ratios = [(one["with"] * two["with"] / one["without"] / two["without"]) ** 0.5 for one, two in pairs]
    without = statistics.median(one["without"] for one in found)
    more = statistics.median(ratios) - 1
    return {
        "share": 0.01,
        "with_ms": round(statistics.median(one["with"] for one in found), 4),
        "without_ms": round(without, 4),
        "scored_ms": scored["without"],
        "more": round(without * more / scored["without"], 4),
        "more_without_scoring": round(more, 4),
        "of_pairs": [round(one - 1, 4) for one in ratios],
        "posts": collector.posts,
        "rounds": found,
    }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.telemetry_cost", description=__doc__)
    parser.add_argument("--pairs", type=int, default=4, help="of rounds")
    parser.add_argument("--records", type=int, default=20_000, help="in a round")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to a file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="finsent-bench-") as folder:
        os.environ["MODEL_REGISTRY"] = str(Path(folder) / "models")
        model.ensure_default(Path(folder) / "models")
        found = measure(Path(folder), 2 * arguments.pairs, arguments.records)
    print(json.dumps(found, indent=1))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    raise SystemExit(0 if found["more"] < MOST else 1)


if __name__ == "__main__":
    main()
