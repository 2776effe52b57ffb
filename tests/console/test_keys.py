"""The console by the keyboard alone, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from clickhouse_driver import Client

from storage.reads import alerts_now
from storage.writes import write_alerts
from tests.console.test_console import CHROMIUM, Console, add_incident, fill, served
from tests.support import eventually

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: no 'chromium' on the PATH")


@pytest.fixture
def console(clickhouse_url: str, client: Client) -> Iterator[Console]:
    fill(client)
    add_incident(client)
    with served(clickhouse_url, "127.0.0.1:1") as url:
        yield Console(url, client, "")


def add_alert(client: Client) -> None:
    at = datetime.now(UTC).replace(microsecond=0)
    write_alerts(client, [
        {"id": "a4", "kind": "buzz", "entity": "THIRD", "direction": "up", "state": "firing", "severity": "notice",
         "fired_at": at, "at": at, "recorded_at": at, "before_mean": 1.0, "after_mean": 9.0, "before_documents": 5,
         "after_documents": 9, "began_at": at, "model_version": "m1", "evidence": {"documents": []}},
    ])  # fmt: skip


def test_keys_lead_through_lists_and_pages_and_rest_while_one_types(console: Console) -> None:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import expect, sync_playwright

    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(locale="en-GB")
        page.on("pageerror", lambda error: complaints.append(str(error)))

        def ready() -> None:
            page.wait_for_selector("#page[data-ready]")

        def press(*keys: str) -> None:
            for key in keys:
                page.keyboard.press(key)

        def leads(path: str, *keys: str) -> None:
            press(*keys)
            page.wait_for_url(console.url + path)
            ready()

        page.goto(console.url)
        ready()
        leads("health", "g", "h")
        leads("for-you", "g", "f")
        leads("label", "g", "l")
        leads("audit", "g", "u")  # and on the page Label, u alone takes a label back
        leads("alerts", "g", "a")

        # Incidents: down, up, open; the arrows scroll until one stands on something.
        press("ArrowDown")
        assert page.evaluate("document.activeElement === document.body")
        incidents = page.locator("#page > .incident, #page > .card")
        expect(incidents).to_have_count(2)
        press("j")
        expect(incidents.nth(0)).to_be_focused()
        press("ArrowDown")
        expect(incidents.nth(1)).to_be_focused()
        press("j")  # it is the last
        expect(incidents.nth(1)).to_be_focused()
        press("k")
        expect(incidents.nth(0)).to_be_focused()
        press("ArrowDown", "ArrowUp")
        hack = page.get_by_role("region", name=re.compile("Incident at Acme"))
        press(*(["j"] if hack.evaluate("one => one !== document.activeElement") else []))
        expect(hack).to_be_focused()
        assert Axe().run(page).violations_count == 0

        # All of an incident is acknowledged, and one stands where one stood.
        press("a")
        expect(hack.get_by_role("button", name="Reopen")).to_have_count(2)
        expect(hack).to_be_focused()
        acknowledged = {"a1", "a2"}
        eventually(
            lambda: {row["id"] for row in alerts_now(console.client) if row["acknowledged_by"]} == acknowledged,
            10,
            "the acknowledgements",
        )
        press("a")  # it takes nothing back

        # New alerts are shown although one stands on an incident, and one stands on the same one.
        add_alert(console.client)
        expect(incidents).to_have_count(3, timeout=15_000)
        expect(hack).to_be_focused()
        leads("alerts/a2", "Enter")
        expect(page.get_by_role("button", name="Reopen")).to_have_count(2)

        # The search, from any page; in the field, keys are letters.
        press("/")
        page.wait_for_url(f"{console.url}search")
        words = page.get_by_label("Words")
        expect(words).to_be_focused()
        page.keyboard.type("debt j?ga/")
        expect(words).to_have_value("debt j?ga/")
        expect(page.get_by_role("dialog")).to_have_count(0)
        words.fill("debt")
        leads("search?q=debt", "Enter")
        press("/")
        expect(words).to_be_focused()
        page.locator("h1").click()
        documents = page.locator(".documents").first.locator("> li")
        press("j", "j")
        expect(documents.nth(1)).to_be_focused()
        with page.expect_response("**/api/explain*"):
            press("Enter")
        expect(documents.nth(1)).to_be_focused()
        press("Control+j", "Alt+g", "h")
        expect(documents.nth(1)).to_be_focused()

        # Companies.
        leads("", "g", "m")
        tile = page.locator(".heat a", has_text="ACME")
        for _ in range(20):
            press("j")
            if tile.evaluate("one => one === document.activeElement"):
                break
        expect(tile).to_be_focused()
        leads("entity/ACME", "Enter")

        # A document's topics are links, too; Enter asks why it is scored so.
        of_company = page.locator(".documents").first.locator("> li")
        for _ in range(40):
            press("j")
            if of_company.first.evaluate("one => one === document.activeElement"):
                break
        expect(of_company.first).to_be_focused()
        with page.expect_response("**/api/explain*"):
            press("Enter")
        browser.close()
    assert complaints == []


def test_a_dialog_shows_the_keys_and_can_switch_them_off(console: Console) -> None:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(locale="en-GB")
        page.goto(f"{console.url}alerts")
        page.wait_for_selector("#page[data-ready]")
        dialog = page.get_by_role("dialog", name="Keys")
        page.keyboard.press("j")
        page.keyboard.press("?")
        expect(dialog.get_by_role("button", name="Close")).to_be_focused()
        assert "to the page Alerts" in dialog.inner_text() and "acknowledges" in dialog.inner_text()
        for theme in ("light", "dark"):
            page.evaluate("name => { document.documentElement.dataset.theme = name }", theme)
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
        page.keyboard.press("k")
        page.keyboard.press("g")
        page.keyboard.press("h")  # nothing happens behind the dialog
        for _ in range(6):
            page.keyboard.press("Tab")
            inside = "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
            assert page.evaluate(inside), "the focus left the dialog"
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        assert (
            page.url.endswith("/alerts") and page.locator("#page > .incident:focus, #page > .card:focus").count() == 1
        )

        page.get_by_role("button", name="Keys").click()
        dialog.get_by_label("Keys of one letter work").uncheck()
        dialog.get_by_role("button", name="Close").click()
        page.reload()
        page.wait_for_selector("#page[data-ready]")
        page.keyboard.press("j")
        page.keyboard.press("?")
        assert page.evaluate("document.activeElement === document.body") and dialog.count() == 0
        page.get_by_role("button", name="Keys").click()
        dialog.get_by_label("Keys of one letter work").check()
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Keys")).to_be_focused()
        page.keyboard.press("?")
        expect(dialog).to_be_visible()
        browser.close()
