"""Whether people at the console slow the records down: ``python -m benchmarks.console_load --json OUT``.

One worker stores a steady feed, in turns alone and with 200 open pages and 50 requests a second at the console, so that
other work on the machine meets both. Told are the seconds from a record's making to its row in ClickHouse, what each
process took of a processor meanwhile, and how the console answered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
from kafka import KafkaProducer
from pydantic import SecretStr

from deploy.local import Service
from settings import ClickHouseSettings
from storage import connect

PATHS = (
    *("api/market", "api/movers", "api/sectors", "api/emerging", "api/alerts", "api/alerts?id=x", "api/health"),
    *("api/entities/AAPL/sentiment", "api/entities/AAPL/documents", "api/search?q=profit", "api/queue", "api/state"),
)
PATIENCE_S = 5.0
"""People who still wait so long after a turn's end give up."""

TITLE = "Apple raises its outlook after quarter {} beats expectations"


class Feed(threading.Thread):
    """Sends ``rate`` news a second until ``stop``."""

    def __init__(self, bootstrap: str, rate: float, name: str) -> None:
        super().__init__(daemon=True)
        self._servers, self._rate, self.of = bootstrap, rate, name
        self.stop, self.sent = threading.Event(), 0

    def run(self) -> None:
        """Send."""
        sender = KafkaProducer(bootstrap_servers=self._servers, enable_idempotence=False)
        begun = time.monotonic()
        while not self.stop.wait(max(0.0, begun + self.sent / self._rate - time.monotonic())):
            record = {"id": f"{self.of}-{self.sent}", "source": "load", "title": TITLE.format(self.sent),
                      "published_at": datetime.now(UTC).isoformat()}  # fmt: skip
            sender.send("news", json.dumps(record).encode())
            self.sent += 1
        sender.flush()
        sender.close()


async def keep_open(host: str, port: int, until: float) -> list[tuple[int, int]]:
    """(status, bytes) of each request for events of a page: when one ends, the page sends the next."""
    found = [await ask(host, port, "api/events", until)]
    while found[-1][0] == 200 and time.monotonic() < until:
        found.append(await ask(host, port, "api/events", until))
    return found


async def ask(host: str, port: int, path: str, until: float = 0.0) -> tuple[int, int]:
    """(status, bytes) of one request; with ``until``, of a stream that is read to that time."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET /{path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        status = int((await reader.readline()).split()[1])
        read = 0
        while until == 0.0 or time.monotonic() < until:
            try:
                chunk = await asyncio.wait_for(reader.read(65536), 5)
            except TimeoutError:
                break
            if not chunk:
                break
            read += len(chunk)
        return status, read
    finally:
        writer.close()


async def load(url: str, pages: int, rate: float, seconds: float) -> dict[str, Any]:
    """Keep ``pages`` open and send ``rate`` requests a second; how they were answered."""
    where = urlsplit(url)
    host, port = where.hostname or "", where.port or 0
    until, times, statuses = time.monotonic() + seconds, [], []

    async def one(path: str) -> None:
        started = time.monotonic()
        status, _ = await ask(host, port, path)
        times.append(time.monotonic() - started)
        statuses.append(status)

    streams = [asyncio.create_task(keep_open(host, port, until)) for _ in range(pages)]
    requests: list[asyncio.Task[None]] = []
    begun = time.monotonic()
    while time.monotonic() < until:
        requests.append(asyncio.create_task(one(PATHS[len(requests) % len(PATHS)])))
        await asyncio.sleep(max(0.0, begun + len(requests) / rate - time.monotonic()))
    _, late = await asyncio.wait(requests, timeout=PATIENCE_S)
    for request in late:
        request.cancel()
    failed = sum(isinstance(one, Exception) for one in await asyncio.gather(*requests, return_exceptions=True))
    events = [one for one in await asyncio.gather(*streams, return_exceptions=True) if isinstance(one, list)]
    return {
        "requests": len(requests),
        "failed": failed,
        "unanswered": len(late),
        "statuses": {str(status): statuses.count(status) for status in sorted(set(statuses))},
        "answer_s": _quantiles(times),
        "pages_served": sum(all(status == 200 and read > 0 for status, read in page) for page in events),
    }


def _quantiles(values: list[float]) -> dict[str, float]:
    return {f"p{q}": round(float(np.quantile(values, q / 100)), 3) for q in (50, 95, 99)} if values else {}


def latency(service: Service, names: Sequence[str], sent: int) -> dict[str, Any]:
    """Seconds from making to row of the feeds ``names`` together."""
    with connect(ClickHouseSettings(url=SecretStr(service.stack.clickhouse_url))) as client:
        query = (
            "SELECT count(), quantiles(0.5, 0.95, 0.99)(dateDiff('millisecond', published_at, ingested_at) / 1000) "
            "FROM documents WHERE extract(document_id, '^(.*)-') IN %(names)s"
        )
        deadline = time.monotonic() + 120
        while (found := client.execute(query, {"names": names})[0])[0] < sent and time.monotonic() < deadline:
            time.sleep(0.5)
    return {"records": found[0], "sent": sent, **dict(zip(("p50", "p95", "p99"), map(float, found[1]), strict=True))}


def processor_s(service: Service) -> dict[str, float]:
    """What each of the service's processes, with those that they started, and this one have taken so far."""
    found = {"benchmark": sum(psutil.Process().cpu_times()[:2])}
    for name, child in service.stack.children.items():
        process = psutil.Process(child.pid)
        found[name] = sum(sum(one.cpu_times()[:2]) for one in (process, *process.children(recursive=True)))
    return found


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--rate", type=float, default=50, help="requests a second at the console")
    parser.add_argument("--records", type=float, default=20, help="records a second")
    parser.add_argument("--seconds", type=float, default=30, help="of each turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.environ.setdefault("CONSOLE_REQUESTS", "1000000/minute")
    found: dict[str, Any] = {"pages": arguments.pages, "requests_a_second": arguments.rate, "console": []}
    feeds: dict[str, list[Feed]] = {"warm": [], "alone": [], "with people": []}
    taken = {kind: Counter[str]() for kind in feeds}
    with (
        tempfile.TemporaryDirectory(prefix="finsent-load-") as folder,
        Service(Path(folder) / "data", 1, console=True) as service,
    ):
        where = urlsplit(service.stack.console_url)
        host, port = where.hostname or "", where.port or 0
        for turn, kind in enumerate(("warm", *("alone", "with people") * arguments.turns)):
            feed = Feed(service.stack.kafka_bootstrap, arguments.records, f"{kind} {turn}")
            feeds[kind].append(feed)
            before = processor_s(service)
            feed.start()
            if kind == "with people":
                answered = load(service.stack.console_url, arguments.pages, arguments.rate, arguments.seconds)
                found["console"].append(asyncio.run(answered))
                print(json.dumps(found["console"][-1]), flush=True)
            else:
                time.sleep(arguments.seconds)
            feed.stop.set()
            feed.join(60)
            # What nobody waits for any more is not the next turn's.
            while kind == "with people" and asyncio.run(ask(host, port, "healthz"))[0] != 200:
                pass
            print(feed.of, json.dumps(latency(service, [feed.of], feed.sent)), flush=True)
            taken[kind].update({name: now - before.get(name, 0.0) for name, now in processor_s(service).items()})
        for kind, of in feeds.items():
            found[kind] = latency(service, [feed.of for feed in of], sum(feed.sent for feed in of))
            found[kind]["processor_s"] = {name: round(seconds, 1) for name, seconds in taken[kind].items()}
            print(kind, json.dumps(found[kind]), flush=True)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
