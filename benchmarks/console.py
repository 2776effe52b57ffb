"""How soon a person sees something: ``python -m benchmarks.console URL`` opens the pages of a running console.

Each page is loaded some times in a headless Chromium; told are the medians of the first paint with content, and of the
moment at which all that the page asks ClickHouse for is shown.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from deploy.demo import browser

PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def measure(url: str, pages: list[str], times: int) -> dict[str, Any]:
    """Page -> milliseconds of the first paint and of the page being ready, medians of ``times`` loads."""
    found = {}
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        for path in pages:
            paints, ready = [], []
            for _ in range(times):
                page = chromium.new_page()
                page.goto(url + path)
                page.wait_for_selector("#page[data-ready]")
                ready.append(page.evaluate("() => performance.now()"))
                paints.append(page.evaluate(PAINT))
                page.close()
            found[f"/{path}"] = {
                "first_paint_ms": round(statistics.median(paints)),
                "ready_ms": round(statistics.median(ready)),
            }
        chromium.close()
    return found


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.console", description=__doc__)
    parser.add_argument("url", help="as 'finsent console --print-url' tells it")
    parser.add_argument("--pages", nargs="*", default=["", "alerts", "label", "health"], help="e.g. entity/WDI.DE")
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    text = json.dumps(measure(arguments.url, arguments.pages, arguments.times), indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
