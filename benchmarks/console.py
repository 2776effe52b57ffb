"""How soon a person sees something: ``python -m benchmarks.console URL`` opens the pages of a running console, and
``python -m benchmarks.console --json OUT`` those of one of its own, over 30 days of 10,000 companies.

Each page is loaded some times in a headless Chromium; told are the first paint (the page's frame), the moment at which
the first answer of ClickHouse is shown, and that at which all are: of the first load (cold), and the medians of the
others (warm). Of a console of its own, ClickHouse and the console have just been started when the first page is loaded,
and what the two took of a processor is told, too, which other work on the machine disturbs less. The documents are made
by SQL, as in ``benchmarks.scale``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from clickhouse_driver import Client
from playwright.sync_api import Browser, sync_playwright
from pydantic import SecretStr

from benchmarks.scale import fill
from deploy.demo import browser
from deploy.local import Service, Stack
from documents import Entity
from settings import ClickHouseSettings
from storage import connect, migrate, replace_entities
from storage.writes import settle_hours, write_alerts, write_holdings

PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
SECTORS = ("Energy", "Materials", "Industrials", "Consumer", "Health Care", "Financials", "Technology", "Utilities")
NOTE = """
new MutationObserver(() => {{
    if (document.querySelector("{answered}")) window.answered ??= performance.now();
    if (document.querySelector("#page[data-ready]")) window.ready ??= performance.now();
}}).observe(document, {{subtree: true, childList: true, attributes: true}});
"""
"""Notes in the page when something came: asking from outside costs the browser more than the pages do."""

ANSWERED = "#page h2, #page li, #page[data-ready]"
READY_MS = 120_000


def measure(url: str, pages: list[str], times: int, servers: Sequence[int] = ()) -> dict[str, Any]:
    """Page -> milliseconds of the first paint, the first answer and all answers: of the first load, and medians of
    ``times`` more. With the process ids ``servers``, also what these took of a processor."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        found = {}
        for path in pages:
            loads = [_load(chromium, url + path, servers) for _ in range(times + 1)]
            found[f"/{path}"] = {
                f"{name}_{when}_ms": round(statistics.median(load[n] for load in those))
                for when, those in (("cold", loads[:1]), ("warm", loads[1:]))
                for n, name in enumerate(("first_paint", "first_answer", "ready", "processor")[: 4 if servers else 3])
            }
        chromium.close()
    return found


def _load(chromium: Browser, address: str, servers: Sequence[int]) -> tuple[float, float, float, float]:
    page, before = chromium.new_page(), _processor_ms(servers)
    try:
        page.add_init_script(NOTE.format(answered=ANSWERED))
        page.goto(address)
        page.wait_for_selector("#page[data-ready]", timeout=READY_MS)
        answered, ready = page.evaluate("() => [window.answered, window.ready]")
        return page.evaluate(PAINT), answered, ready, _processor_ms(servers) - before
    finally:
        page.close()


def _processor_ms(servers: Sequence[int]) -> float:
    return 1000.0 * sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in servers)


@contextmanager
def filled(documents: int, companies: int, days: int) -> Iterator[tuple[str, list[int]]]:
    """A console over so many documents, spread evenly over the companies and the last days: its address, and the
    processes of ClickHouse and of itself."""
    for name in ("CLICKHOUSE_URL", "KAFKA_BOOTSTRAP_SERVERS"):
        os.environ.pop(name, None)
    entities = [
        Entity(ticker=f"T{n:05}", name=f"Company {n:05}", desk=f"desk {n % 5}", sector=SECTORS[n % len(SECTORS)])
        for n in range(companies)
    ]
    with tempfile.TemporaryDirectory(prefix="finsent-console-") as folder:
        with Stack(Path(folder)) as stack:
            client = connect(ClickHouseSettings(url=SecretStr(stack.clickhouse_url)))
            client.connection.send_receive_timeout = 900
            client.disconnect()
            migrate(client)
            replace_entities(client, entities)
            started = time.monotonic()
            fill(client, [one.ticker for one in entities], 0, documents, days)
            while settle_hours(client, datetime.now(UTC)):
                pass
            _alerts_and_positions(client, entities)
            deadline = time.monotonic() + 300
            while client.execute("SELECT count() FROM system.merges")[0][0] and time.monotonic() < deadline:
                time.sleep(1)
            print(f"{documents:,} documents in {time.monotonic() - started:.0f} s", flush=True)
        with Service(Path(folder), workers=0, console=True) as service:
            children = service.stack.children
            yield service.stack.console_url, [children[name].pid or 0 for name in ("clickhouse", "console")]


def _alerts_and_positions(client: Client, entities: list[Entity]) -> None:
    """60 alerts of the week, and what the desks hold of 200 companies."""
    now = datetime.now(UTC).replace(microsecond=0)
    titles = [{"title": f"title {n}", "source": "source 1", "sentiment": -0.8, "words": ["title"]} for n in range(5)]
    alert = {
        "kind": "sentiment_shift", "direction": "negative", "severity": "warning", "state": "firing",
        "before_mean": 0.1, "after_mean": -0.6, "before_documents": 90, "after_documents": 12, "model_version": "m1",
        "evidence": {"documents": titles},
    }  # fmt: skip
    at = [now - timedelta(hours=n * 2 + 1) for n in range(60)]
    rows = []
    for n, when in enumerate(at):
        told = dict.fromkeys(("fired_at", "at", "recorded_at", "began_at"), when)
        rows.append(alert | told | {"id": f"a{n}", "entity": entities[n * 7 % len(entities)].ticker})
    write_alerts(client, rows)
    write_holdings(client, [
        (one.desk, one.ticker, (-1) ** n * 1e6 * (n + 1), "USD", None, now) for n, one in enumerate(entities[:200])
    ])  # fmt: skip


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.console", description=__doc__)
    parser.add_argument("url", nargs="?", help="as 'finsent console --print-url' tells it; left out: one of its own")
    parser.add_argument("--pages", nargs="*", help="e.g. entity/WDI.DE")
    parser.add_argument("--times", type=int, default=7, help="loads of each page after the first")
    parser.add_argument("--millions", type=float, default=1.5, help="documents of a console of its own, in millions")
    parser.add_argument("--companies", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.url:
        found = measure(arguments.url, arguments.pages or ["", "alerts", "label", "health"], arguments.times)
    else:
        of_one = f"entity/T{arguments.companies // 2:05}"
        pages = arguments.pages or ["", of_one, "search?q=title+77", "alerts", "for-you", "health"]
        with filled(int(arguments.millions * 1e6), arguments.companies, arguments.days) as (url, servers):
            found = measure(url, pages, arguments.times, servers)
    text = json.dumps(found, indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
