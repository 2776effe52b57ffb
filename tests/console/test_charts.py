"""The charts, drawn by a real browser: no label lies on another or is cut off, however few or many points there are."""

from __future__ import annotations

from typing import Any

import pytest
from clickhouse_driver import Client

from tests.console.test_console import CHROMIUM, served

RECORD = """
const drawing = CanvasRenderingContext2D.prototype, { clearRect, fillText } = drawing;
drawing.boxes = function () { return this.written ??= []; };
drawing.clearRect = function (...area) { this.written = []; return clearRect.apply(this, area); };
drawing.fillText = function (text, x, y, ...more) {
  const size = this.measureText(text), at = this.getTransform().transformPoint({ x, y });
  this.boxes().push({ text, left: at.x - size.actualBoundingBoxLeft, right: at.x + size.actualBoundingBoxRight,
    top: at.y - size.actualBoundingBoxAscent, bottom: at.y + size.actualBoundingBoxDescent });
  return fillText.call(this, text, x, y, ...more);
};
"""
"""Remembers where each canvas has its texts. A canvas that is wiped has none."""

DRAW = """
async ({ points, hours, events }) => {
  const charts = await import("/static/charts.js");
  const end = Date.UTC(2026, 2, 2, 13), before = hours => new Date(end - hours * 3600e3).toISOString();
  const rows = [...Array(points).keys()], at = i => before((points - 1 - i) * hours), moment = before(0);
  const types = ["accounting_irregularities", "fine", "results_miss", "regulatory_approval"];
  const happened = [...Array(events).keys()].map(i => (
    { published_at: before(5 * i), severity: 1 + i % 5, polarity: i % 3 - 1, type: types[i % 4] }));
  const tones = rows.map(i => ({ start: at(i), sentiment: Math.sin(i) / 2, low: -0.6, high: 0.6, documents: i }));
  const volume = rows.map(i => ({ start: at(i), documents: 1e5 * i, usual: 3 }));
  const prices = rows.map(i => ({ date: at(i), close: 123456.5 + i, sentiment: 0.1, documents: 1 }));
  document.querySelector("main").replaceChildren(
    charts.sentimentChart("ACME", tones, [], happened, moment), charts.volumeChart("ACME", volume, [], moment),
    charts.priceChart("ACME", prices, [], moment),
    charts.topicsChart("ACME", rows.map(i => ({ day: at(i), topic: "debt", documents: i })), moment));
  const drawn = () => [...document.querySelectorAll("figure canvas")].map(one => one.getContext("2d"));
  while (drawn().length < 4 || drawn().some(one => one.boxes().length < 4)) await new Promise(requestAnimationFrame);
  const faults = [];
  for (const one of drawn()) {
    for (const [i, a] of one.boxes().entries()) {
      if (a.left < 0 || a.right > one.canvas.width) faults.push(`${a.text} is cut off`);
      for (const b of one.boxes().slice(i + 1))
        if (a.left < b.right + 2 && b.left < a.right + 2 && a.top < b.bottom && b.top < a.bottom)
          faults.push(`${a.text} and ${b.text} overlap`);
    }
  }
  return { faults, texts: drawn().flatMap(one => one.boxes()).map(box => box.text) };
}
"""

NAMES = {"accounting irregularities", "fine", "results miss", "regulatory approval"}


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: no 'chromium' on the PATH")
def test_no_label_of_a_chart_lies_on_another_or_beyond_the_edge(clickhouse_url: str, client: Client) -> None:
    from playwright.sync_api import sync_playwright

    with (
        served(clickhouse_url, "127.0.0.1:1") as url,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) as browser,
    ):
        page = browser.new_page(locale="en-GB", timezone_id="Europe/Zurich")
        page.add_init_script(RECORD)
        page.goto(f"{url}api")

        def drawn(width: int, **data: int) -> dict[str, Any]:
            page.set_viewport_size({"width": width, "height": 900})
            return page.evaluate(DRAW, data)

        for width in (360, 800, 1250):
            for points, hours in ((1, 3), (2, 3), (56, 3), (200, 1), (60, 24), (400, 24), (60, 24 * 20)):
                for events in (0, 1, 40):
                    data = {"points": points, "hours": hours, "events": events}
                    found = drawn(width, **data)
                    assert found["faults"] == [], (width, data)
                    assert not events or NAMES & set(found["texts"]), "nothing was looked at"
