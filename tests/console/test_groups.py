"""Pages about several companies: a sector, a topic, and companies side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote

import pytest

from console.context import as_json
from documents import Entity, Mention, Position
from documents.events import Event, EventRole, EventState
from storage import replace_entities, write_documents
from storage.writes import write_holdings
from tests.console.test_as_of import BAD, GOOD, NOW, console
from tests.console.test_console import CHROMIUM, Console, document

__all__ = ["console"]


def test_a_sector_has_its_companies_its_tone_and_its_events(console: Console) -> None:
    told = document(60, NOW - timedelta(hours=3), -0.9, "Acme is raided")
    raid = Event("ACME", "raid", 0.9, EventRole.SUBJECT, EventState.HAPPENED, 100, 4, -1)
    routine = Event("ACME", "stake", 0.9, EventRole.SUBJECT, EventState.HAPPENED, 100, 2, 0)
    told.events = [routine, raid]
    write_documents(console.client, [told])
    base = "api/sectors/Tools/"
    companies = console.ask(base + "companies").json
    assert [row["entity"] for row in companies["rows"]] == ["ACME", "LONE"]
    assert console.client.execute(companies["sql"].replace("%", "%%"))
    assert sum(row["documents"] for row in console.ask(base + "sentiment").json["rows"]) == 38
    events = console.ask(base + "events").json["rows"]
    assert [(row["entity"], row["type"], row["severity"]) for row in events] == [
        ("ACME", "raid", 4),
        ("ACME", "stake", 2),
    ]
    assert console.ask(f"{base}events?as_of={quote(BAD.isoformat())}").json["rows"] == events
    assert console.ask(f"{base}events?as_of={quote(GOOD.isoformat())}").json["rows"] == []
    assert all(
        console.ask(f"api/sectors/None/{what}").json["rows"] == [] for what in ("companies", "sentiment", "events")
    )


def test_a_topic_has_its_companies_its_days_and_its_documents(console: Console) -> None:
    again = document(61, NOW - timedelta(hours=4), -0.4, "Nobody is named here")
    again.mentions = []
    copy = document(62, NOW - timedelta(hours=4), -0.4, "Nobody is named here")
    copy.mentions, copy.document_id, copy.position = [], "d/61", Position("news", "id", 1, 62)
    write_documents(console.client, [again, copy])
    base = "api/topics/debt/"
    (acme,) = console.ask(base + "companies").json["rows"]
    assert (acme["entity"], acme["name"], acme["documents"]) == ("ACME", "Acme & Sons", 12)
    # 36 of Acme, one of the lonely, and one of nobody, which was sent twice.
    assert sum(row["documents"] for row in console.ask(base + "days").json["rows"]) == 38
    pages = [console.ask(f"{base}documents?page={page}").json["rows"] for page in range(3)]
    assert [len(page) for page in pages] == [20, 18, 0]
    assert sum(row["document_id"] == "d/61" for page in pages for row in page) == 1
    before = console.ask(f"{base}documents?as_of={quote(GOOD.isoformat())}").json["rows"]
    assert before and all(row["sentiment"] > 0 for row in before)
    assert console.ask("api/topics/none/days").json["rows"] == []


def test_companies_are_compared(console: Console) -> None:
    told = [document(60 + n, NOW - timedelta(hours=3 + n), -0.9, f"Acme is raided {n}") for n in range(2)]
    told[0].events = [
        Event("ACME", "deal", 0.9, EventRole.SUBJECT, EventState.HAPPENED, 100, 5, 1),
        Event("ACME", "raid", 0.9, EventRole.SUBJECT, EventState.HAPPENED, 100, 4, -1),
    ]
    write_documents(console.client, told)
    acme, lone = console.ask("api/compared?entity=ACME&entity=LONE&entity=NOBODY").json["rows"]
    assert (acme["entity"], acme["sector"], acme["topics"], acme["worst"]) == ("ACME", "Tools", ["debt"], "raid")
    assert acme["moved"] and acme["change"] < -1 and acme["z"] < -3 and acme["negative_share"] > 0.5
    assert (lone["entity"], lone["moved"], lone["documents"]) == ("LONE", 0, 0)
    too_many = "&".join(f"entity=E{n}" for n in range(9))
    assert console.ask(f"api/compared?{too_many}").status == 422


@pytest.fixture
def held(console: Console) -> Iterator[None]:
    """Two desks are long and short of one company; a third holds what nobody speaks of."""
    rows = [("funds", "ACME", -9e6), ("rates", "ACME", 3e6), ("funds", "SILENT", 2e6)]
    write_holdings(console.client, [(*row, "USD", None, NOW - timedelta(hours=2)) for row in rows])
    yield
    write_holdings(console.client, [(desk, ticker, 0.0, "USD", None, NOW) for desk, ticker, _ in rows])


def test_what_the_desks_hold_is_told_with_its_tone(console: Console, held: None) -> None:
    found = console.ask("api/exposure").json
    acme, silent = found["rows"]
    assert (acme["entity"], acme["exposure"], acme["currency"], acme["told"]) == ("ACME", -6e6, "USD", 1)
    assert (silent["entity"], silent["exposure"], silent["told"]) == ("SILENT", 2e6, 0)
    assert console.client.execute(found["sql"].replace("%", "%%"))
    before = quote((NOW - timedelta(days=2)).isoformat())
    assert console.ask(f"api/exposure?as_of={before}").json["rows"] == []


@pytest.mark.parametrize("name", ["market", "sectors", "others", "exposure"])
def test_charts_that_share_the_indices_answer_what_their_own_sql_does(console: Console, held: None, name: str) -> None:
    entities = [Entity(ticker="ACME", name="Acme & Sons", desk="Industry", sector="Tools"),
                Entity(ticker="LONE", name="Lone", desk="Industry", sector="Tools"),
                Entity(ticker="currency:ISK", name="Icelandic crown", desk="macro", entity_type="currency"),
                Entity(ticker="currency:SEK", name="Swedish crown", desk="macro", entity_type="currency")]  # fmt: skip
    replace_entities(console.client, entities)
    told = [document(80 + n, NOW - timedelta(hours=5 + n), 0.4, f"The crown falls {n}") for n in range(4)]
    for one, ticker in zip(told, ("currency:SEK", "currency:ISK", "currency:SEK", "GONE"), strict=True):
        one.mentions = [Mention(ticker, "crown", "name", "positive", 0.0, 0.6, 0.4, 0.4, entity_type="currency")]
    write_documents(console.client, told)
    found = console.ask(f"api/{name}?as_of={quote(NOW.isoformat())}").json
    rows, columns = console.client.execute(found["sql"].replace("%", "%%"), with_column_types=True)
    expected = [dict(zip([column for column, _ in columns], row, strict=True)) for row in rows]

    def rounded(text: str | bytes) -> object:
        return json.loads(text, parse_float=lambda digits: round(float(digits), 9))

    assert expected and rounded(json.dumps(found["rows"])) == rounded(bytes(as_json(expected).body))


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: no 'chromium' on the PATH")
def test_the_market_shows_the_busiest_companies_of_a_large_sector(console: Console) -> None:
    from playwright.sync_api import sync_playwright

    tickers = [f"M{n:02}" for n in range(62)]
    mines = [Entity(ticker=one, name=f"Mine {one}", desk="Industry", sector="Mines") for one in tickers]
    replace_entities(console.client, mines)
    told = [document(100 + n, NOW - timedelta(minutes=60 + n), 0.4, f"A mine opens {n}") for n in range(2 * 62 - 2)]
    for n, one in enumerate(told):
        one.mentions = [Mention(tickers[n % 62], "mine", "name", "positive", 0.0, 0.6, 0.4, 0.4)]
    write_documents(console.client, told)
    assert sum(row["sector"] == "Mines" for row in console.ask("api/market").json["rows"]) == 62
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(locale="en-GB")
        page.goto(console.url)
        page.wait_for_selector("#page[data-ready]")
        # The last two have one document each, and all others two.
        assert page.locator(".heat a[href^='/entity/M']").count() == 60
        assert page.locator(".heat a[href='/entity/M61']").count() == 0
        assert page.get_by_role("link", name="2 more, with fewer documents").get_attribute("href") == "/sector/Mines"
        browser.close()


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: no 'chromium' on the PATH")
def test_the_market_shows_holdings_by_size(console: Console, held: None) -> None:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(locale="en-GB")
        page.goto(console.url)
        page.wait_for_selector("#page[data-ready]")
        areas = []
        for box in page.locator(".map li").all():
            place = box.bounding_box()
            assert place
            areas.append(place["width"] * place["height"])
        assert areas[0] / areas[1] == pytest.approx(3, rel=0.02)
        assert page.locator(".map a").all_inner_texts()[1].split() == ["SILENT", "quiet", "2m", "USD"]
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        page.locator(".map a", has_text="ACME").click()
        page.wait_for_url("**/entity/ACME")
        browser.close()


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: no 'chromium' on the PATH")
def test_pages_lead_from_the_market_to_companies_side_by_side(console: Console) -> None:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import expect, sync_playwright

    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(locale="en-GB")
        page.on("console", lambda message: message.type in ("error", "warning") and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))

        def shown(address: str) -> None:
            page.wait_for_url(address)
            page.wait_for_selector("#page[data-ready]")
            expect(page.locator("#live")).not_to_have_text("connecting ...")
            found = Axe().run(page)
            assert found.violations_count == 0, (page.url, found.generate_report())

        page.goto(console.url)
        page.locator(".sectors a", has_text="Tools").click()
        shown("**/sector/Tools")
        expect(page.locator("figure canvas")).to_have_count(1)
        page.get_by_role("link", name="Compare them").click()
        shown("**/compare?entity=ACME&entity=LONE")
        expect(page.locator("figure canvas")).to_have_count(1)
        expect(page.get_by_label("Tickers")).to_have_value("ACME, LONE")
        page.get_by_label("Tickers").fill("acme; ACME,LONE NOBODY")
        page.get_by_role("button", name="Compare", exact=True).click()
        shown("**/compare?entity=acme*")
        page.get_by_text("Nothing was said of acme, NOBODY in the last 4 days").wait_for()
        page.get_by_role("link", name="debt").first.click()
        shown("**/topic/debt")
        expect(page.locator("figure canvas")).to_have_count(1)
        page.get_by_role("link", name="Older").click()
        shown("**/topic/debt?page=1")
        page.goto(console.url + f"sector/Tools?as_of={GOOD:%Y-%m-%dT%H:%M:%SZ}")
        shown("**/sector/Tools?as_of=*")
        assert "As of" in page.locator("#banner").inner_text()
        page.goto(console.url + "compare")
        shown("**/compare")
        browser.close()
    assert complaints == []
