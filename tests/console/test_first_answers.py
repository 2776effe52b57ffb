"""What a person sees first, and that it does not wait for all of history to be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_driver import Client
from fastapi.testclient import TestClient

from console import create_app, sql
from console.access import Access
from console.api import charts
from console.context import Context
from console.pool import Pool
from console.shared import Shared
from settings import ClickHouseSettings, ConsoleSettings
from storage import write_documents
from tests.console.test_console import CHROMIUM, document, fill, served

NOW = datetime.now(UTC).replace(microsecond=0)


class Noting(Pool):
    """Notes what it is asked."""

    def __init__(self, url: str) -> None:
        super().__init__(ClickHouseSettings(url=url))
        self.asked: list[str] = []

    def rows(self, sql: str, parameters: dict[str, Any] | None = None) -> tuple[list[str], list[tuple[Any, ...]]]:
        self.asked.append(sql)
        return super().rows(sql, parameters)


@pytest.fixture
def pool(clickhouse_url: str, client: Client) -> Iterator[Noting]:
    made = Noting(clickhouse_url)
    yield made
    made.close()


def found(pool: Pool, path: str) -> list[str]:
    """The ids of the documents of an answer."""
    with TestClient(create_app(pool, ConsoleSettings()), base_url="http://127.0.0.1") as asking:
        return [row["document_id"] for row in asking.get(f"/api/{path}").json()["rows"]]


def test_the_newest_document_is_known_however_old_it_is_and_history_is_read_once(pool: Noting, client: Client) -> None:
    context = Context(pool, Access(ConsoleSettings()), shared=Shared(0.0))
    assert context.state()["published_at"].year == 1970 and context.state()["live"]
    for number, age in enumerate((timedelta(days=400), timedelta(days=30), timedelta(hours=7), timedelta(minutes=7))):
        write_documents(client, [document(number, NOW - age, 0.5, "Acme")])
        pool.asked.clear()
        states = [context.state() for _ in range(3)]
        assert [one["published_at"] for one in states] == 3 * [NOW - age]
        assert states[0]["live"] == (age < timedelta(days=1)) and states[0]["records"] == number + 1
        assert pool.asked.count(sql.NEWEST_OF_ALL) == (age > timedelta(days=1))


def test_a_list_is_the_same_whether_its_newest_documents_fill_the_page_or_not(pool: Noting, client: Client) -> None:
    # 30 of this week, 30 older ones.
    ages = [timedelta(hours=5 * n) for n in range(30)] + [timedelta(days=30 + n) for n in range(30)]
    write_documents(client, [document(n, NOW - age, 0.5, f"Acme {n}") for n, age in enumerate(ages)])
    # The first page of a company's documents is of a week. A search looks at two days alone, which have ten.
    for path, asked_of_all in (("entities/ACME/documents?", 3), ("search?q=acme&", 4)):
        pool.asked.clear()
        pages = [found(pool, f"{path}page={page}") for page in range(4)]
        assert pages == [[f"d/{n}" for n in range(20 * page, 20 * page + 20)] for page in range(3)] + [[]]
        assert sum(query in sql.NEWEST_OF for query in pool.asked) == asked_of_all


def test_similar_documents_are_looked_for_among_the_latest_ones(
    pool: Noting, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_documents(client, [document(n, NOW - timedelta(days=n), 0.5, f"Acme {n}") for n in range(50)])
    assert len(found(pool, "similar?document=d/40")) == charts.PAGE_SIZE
    monkeypatch.setattr(charts, "CANDIDATES", 5)
    assert sorted(found(pool, "similar?document=d/40")) == [f"d/{n}" for n in range(5)]
    monkeypatch.setattr(charts, "CANDIDATES", 60)
    assert "d/49" in found(pool, "similar?document=d/48"), "where there are fewer, all are compared"


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: no 'chromium' on the PATH")
def test_what_is_known_first_is_shown_first_and_stays_as_it_is_when_the_rest_comes(
    clickhouse_url: str, client: Client
) -> None:
    from playwright.sync_api import Page, Route, expect, sync_playwright

    fill(client)
    held: list[Route] = []
    with served(clickhouse_url, "127.0.0.1:1") as url, sync_playwright() as playwright:
        page: Page = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]).new_page()
        for last in ("market?*", "entities/ACME/volume?*"):
            page.route(f"**/api/{last}", lambda route: held.append(route))
        shown, waits = page.locator("#page"), page.locator("#page[aria-busy]")

        def opened(path: str, first: str) -> None:
            held.clear()
            page.goto(url + path)
            expect(shown).to_contain_text(first)
            expect(waits).to_contain_text("Reading the rest")
            assert page.locator("#page[data-ready]").count() == 0

        def whole() -> None:
            for route in held:
                route.continue_()
            page.wait_for_selector("#page[data-ready]:not([aria-busy])")
            expect(shown).not_to_contain_text("Reading the rest")

        opened("", "Acme & Sons (ACME) turned negative")
        page.locator("summary", has_text="The alert, with its documents").click()
        whole()
        expect(page.get_by_role("button", name="Acknowledge")).to_be_visible()  # what was unfolded stays so
        expect(page.locator(".incident svg")).to_have_count(1)

        moment = f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
        opened(f"entity/ACME?as_of={moment}", "Acme debt 30")
        similar = page.get_by_role("link", name="Similar to: Acme debt 30")
        assert f"as_of={NOW:%Y-%m-%d}" in str(similar.get_attribute("href"))
        why = page.get_by_role("button", name="Why: Acme debt 30")
        why.focus()
        whole()
        expect(why).to_be_focused()
        expect(why).to_be_in_viewport()

        opened("entity/ACME", "Acme debt 30")
        page.get_by_role("link", name="Older").click()
        expect(shown).to_contain_text("Acme wins order 0")
        whole()
        expect(shown).to_contain_text("Acme wins order 0")  # and not the page that was asked for before it
        expect(shown).not_to_contain_text("Acme debt 30")

        opened("entity/ACME", "Acme debt 30")
        held.pop().fulfill(status=503, json={"detail": "ClickHouse is away"})
        expect(page.get_by_role("alert")).to_contain_text("ClickHouse is away")
        expect(shown).to_contain_text("Acme debt 30")

        opened("", "Acme & Sons (ACME) turned negative")
        expect(page.locator("#live")).to_contain_text("Last record stored")
        write_documents(client, [document(50, datetime.now(UTC), 0.5, "Acme has news")])
        # It is told every two seconds, and the page that is on its way is not begun anew; it is shown again when whole.
        expect(page.locator("#live")).to_have_text(re.compile(r"stored [0-3] s ago"))
        assert len(held) == 1
        page.unroute("**/api/market?*")
        with page.expect_request("**/api/market?*"):
            whole()
