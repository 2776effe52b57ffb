"""The pages on a telephone's screen and on paper."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from storage.writes import write_alerts
from tests.console.test_console import CHROMIUM, Console, console

__all__ = ["console"]

PAGES = ("", "for-you", "alerts", "compare", "compare?entity=ACME", "label", "search", "search?q=acme", "health",
         "entity/ACME", "sector/Tools", "topic/debt", "api")  # fmt: skip
OUTSIDE = """() => [...document.querySelectorAll("body *")].filter(one => !one.closest(".scroll"))
    .filter(one => one.scrollWidth > innerWidth || one.getBoundingClientRect().right > innerWidth + 1)
    .map(one => `${one.tagName} ${one.className} ${one.textContent.slice(0, 60)}`)"""
BRIGHTNESS = "element => Math.max(...getComputedStyle(element).color.match(/[0-9.]+/g).slice(0, 3).map(Number))"


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: no 'chromium' on the PATH")
def test_pages_fit_a_telephone_and_can_be_read_on_paper(console: Console) -> None:
    from playwright.sync_api import sync_playwright

    at = datetime.now(UTC) - timedelta(hours=2)
    write_alerts(console.client, [{
        "id": "a2", "kind": "event", "entity": "ACME", "topic": "bankruptcy", "direction": "negative",
        "severity": "critical", "state": "firing", "fired_at": at, "at": at, "recorded_at": at, "before_mean": 0.0,
        "after_mean": -0.8, "before_documents": 0, "after_documents": 1, "began_at": at,
        "model_version": f"default-{'0123456789abcdef' * 4}", "evidence": {"query": f"SELECT '{'x' * 200}'"},
    }])  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(locale="en-GB", viewport={"width": 360, "height": 740})
        page.set_default_timeout(90_000)  # thirteen pages, on a machine that may be busy

        def visit(path: str) -> None:
            page.goto(console.url + path)
            page.wait_for_selector("h1" if path == "api" else "#page[data-ready]")

        for path in PAGES:
            visit(path)
            page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
            assert page.evaluate(OUTSIDE) == [], path
        page.evaluate("localStorage.setItem('theme', 'dark')")
        page.emulate_media(media="print")
        for path in ("entity/ACME", "health"):
            visit(path)
            assert page.evaluate("document.documentElement.dataset.theme") == "dark"
            for text in page.locator("h1, main p, td, a:visible").all():
                assert text.evaluate(BRIGHTNESS) < 170, (path, text.inner_text())
            assert not page.locator("header nav, header button").first.is_visible()
        visit("entity/ACME")
        drawn = page.locator("figure canvas").first.evaluate("element => getComputedStyle(element).backgroundColor")
        assert drawn == "rgb(18, 24, 31)", "its labels are light"
        browser.close()
