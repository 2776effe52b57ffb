"""The console as of an earlier moment: what was known of the market then, and where there is no past to show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from clickhouse_driver import Client

from documents import Entity, Mention
from storage import replace_entities, write_documents
from storage.reads import candidates, unlabelled_documents
from storage.writes import acknowledge, add_silence, write_drift, write_holdings, write_training_run, write_worker_ends
from storage.writes.drift import DriftRow
from storage.writes.shadow import ShadowRow, write_shadow_rows
from storage.writes.worker_ends import WorkerEnd
from tests.console.test_console import CHROMIUM, Console, document, fill, served
from tests.console.test_layout import OUTSIDE

NOW = datetime.now(UTC).replace(microsecond=0)
GOOD, BAD = NOW - timedelta(hours=24), NOW - timedelta(hours=2)
"""Before the bad day of Acme, and after the alert about it."""


@pytest.fixture
def console(clickhouse_url: str, client: Client) -> Iterator[Console]:
    fill(client)
    lonely = document(50, NOW - timedelta(hours=30), 0.5, "Lonely opens a shop")
    lonely.mentions = [Mention("LONE", "Lonely", "name", "positive", 0.1, 0.3, 0.6, 0.5)]
    write_documents(client, [lonely])
    names = {"ACME": "Acme & Sons", "LONE": "Lonely"}
    companies = [Entity(ticker=ticker, name=name, desk="", sector="Tools") for ticker, name in names.items()]
    replace_entities(client, companies)
    write_holdings(client, [("funds", "ACME", 5_000.0, "USD", None, NOW - timedelta(hours=5))])
    acknowledge(client, ["a1"], "ana", "", False)
    add_silence(client, "ACME", "", NOW - timedelta(hours=1), NOW + timedelta(hours=1), "ana", "")
    with served(clickhouse_url, "127.0.0.1:1") as url:
        yield Console(url, client, "")


def test_the_api_answers_as_of_a_moment(console: Console) -> None:
    def rows(path: str, moment: datetime | None) -> list[dict]:
        as_of = f"as_of={quote(moment.isoformat())}" if moment else ""
        return console.ask(f"api/{path}{'&' if '?' in path else '?'}{as_of}").json["rows"]

    assert rows("market", GOOD)[0]["sentiment"] > 0.5 and rows("market", None)[0]["sentiment"] < 0
    assert rows("alerts", GOOD) == [] == rows("alerts?id=a1", GOOD)
    (alert,) = rows("alerts", BAD)
    # Somebody looks after it, and there is a silence, but only since then.
    assert (alert["state"], alert["acknowledged_by"], [one["desk"] for one in alert["exposure"]]) == (
        "firing", "", ["funds"]
    )  # fmt: skip
    assert rows("alerts", None)[0]["acknowledged_by"] == "ana"
    silences = [len(console.ask(f"api/alerts?as_of={quote(at.isoformat())}").json["silences"]) for at in (BAD, NOW)]
    assert silences == [0, 1]
    for path, name in (("search?q=acme", "published_at"), ("similar?document=d/3", "published_at"),
                       ("entities/ACME/documents", "published_at"), ("entities/ACME/models", "first_at")):  # fmt: skip
        found = rows(path, GOOD)
        assert found and all(datetime.fromisoformat(row[name]) <= GOOD for row in found), path
    assert rows("entities/ACME/models", GOOD)[0]["documents"] < rows("entities/ACME/models", None)[0]["documents"]
    assert len(rows("search?q=debt", None)) == 10 and rows("search?q=debt", GOOD) == []


def test_a_moment_that_is_none_is_refused_in_words(console: Console) -> None:
    ahead = quote((NOW + timedelta(days=30)).isoformat())
    for given, why in (("soon", "'soon' is no time; one is 2024-01-31T12:00:00Z"), (ahead, "is in the future"),
                       ("1066-10-14", "is too long ago"), ("0001-01-01T00:00:00%2B14:00", "is no time")):  # fmt: skip
        for path in ("market", "entities/ACME/sentiment", "alerts", "search?q=a"):
            answer = console.ask(f"api/{path}{'&' if '?' in path else '?'}as_of={given}")
            assert answer.status == 422 and why in answer.json["detail"], (path, given)
    assert console.ask(f"api/market?as_of={NOW:%Y-%m-%d}").json["moment"] == f"{NOW:%Y-%m-%d}T00:00:00Z"


def test_documents_of_then_can_be_labelled(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2014, 5, 6, 12, tzinfo=UTC)
    write_documents(console.client, [document(60 + n, at + timedelta(days=n), 0.1 * n, f"Old {n}") for n in range(4)])

    def queue(asked: str) -> list[str]:
        return [row["title"] for row in console.ask(f"api/queue?{asked}").json["rows"]]

    assert queue("as_of=2014-05-08T23:00:00Z") == ["Old 2", "Old 1", "Old 0"]  # the least certain first
    assert queue("as_of=2014-05-08T23:00:00Z&limit=1") == ["Old 2"] and queue("as_of=2014-05-01") == []
    # The present offers what was stored last, however old it is.
    assert {"Old 0", "Old 3", "Lonely opens a shop"} <= set(queue("limit=200"))
    (stored,), (published,) = (unlabelled_documents(console.client, 1, at) for at in (None, GOOD))
    whole = unlabelled_documents(console.client, 9)
    monkeypatch.setattr(candidates, "PART", 2)
    assert unlabelled_documents(console.client, 9) == whole and len(whole) == 9
    assert stored["title"].startswith("Old") and GOOD - timedelta(hours=5) < published["published_at"] <= GOOD


def test_health_as_of_a_moment_is_what_was_stored_until_then(console: Console) -> None:
    past = fill_health(console.client)
    now, then = (console.ask(f"api/health?{asked}").json for asked in ("", f"as_of={quote(GOOD.isoformat())}"))
    assert [(row["topic"], row["records"]) for row in now["feeds"]] == [("news", 38)]
    (feed,) = then["feeds"]
    assert (feed["records"], feed["last_hour"], feed["delay_p50_s"]) == (1, 1, 600.0)
    assert datetime.fromisoformat(feed["stored_at"]) == past
    assert (
        console.ask(f"api/health?format=csv&as_of={quote(GOOD.isoformat())}").body.splitlines()[1].startswith("news,1,")
    )
    assert console.client.execute(then["sql"].replace("%", "%%"))
    assert (now["scored_by"], then["scored_by"]) == ("m1", "m0")
    assert [[row["version"] for row in found["events"]] for found in (now, then)] == [["m1", "m0"], ["m0"]]
    assert [[row["effect"] for row in found["drift"]] for found in (now, then)] == [[2.0], [1.0]]
    assert [[row["challenger"] for row in found["shadow"]] for found in (now, then)] == [["m2", "m1"], ["m1"]]
    runs = [[(row["state"], row["challenger"]) for row in found["runs"]] for found in (now, then)]
    assert runs == [[("started", ""), ("passed", "m1")], [("started", "")]]  # it ended later
    told = [one["text"] for one in then["problems"]]
    assert len(told) == 3 and told[0].startswith("workers ended 3 times") and "news/1: offsets 5 to 8" in told[1]
    assert "Kafka lost records: news/2" in told[2] and now["problems"] == []
    # What is known of the present alone is named, and not taken for that of then.
    assert then["unknown"] == ["backlog", "sources", "workers"] and now["unknown"] == []
    assert now["sources"] and not any(then[name] for name in ("backlog", "backlog_unknown", "sources", "workers"))
    assert then["state"]["moment"] == GOOD.isoformat().replace("+00:00", "Z")
    assert console.ask("api/health?as_of=soon").status == 422


def fill_health(client: Client) -> datetime:
    """Before ``GOOD`` a record, and all that the page of health shows; afterwards some more. Returns when that record
    was stored."""
    past = GOOD - timedelta(minutes=20)
    first = document(61, past - timedelta(minutes=10), 0.5, "Early")
    first.ingested_at, first.model_version = past, "m0"
    write_documents(client, [first], stamp=False)
    for at, version, effect in ((past, "m0", 1.0), (NOW, "m1", 2.0)):
        client.execute("INSERT INTO model_events (at, event, version) VALUES", [(at, "adopted", version)])
        write_drift(client, [DriftRow(at, "news", "", "tone", version, at, at, 9, 9, 0.0, 0.1, effect, "", at)])
        write_shadow_rows(client, [ShadowRow(
            "news", "id", 0, 0, at, "w", "news", "wire", "d/0", version, f"m{int(version[1:]) + 1}", "neutral",
            "neutral", [0.1, 0.8, 0.1], [0.1, 0.8, 0.1], 0.0, 0.0,
        )])  # fmt: skip
    run = {"cause": "by hand", "champion": "m0", "labels": 9, "labels_until": past, "detail": ""}
    write_training_run(client, run | {"id": "1", "started_at": past, "state": "passed", "challenger": "m1"})
    write_training_run(client, run | {"id": "2", "started_at": NOW, "state": "started", "challenger": ""})
    write_worker_ends(client, [
        WorkerEnd(f"w{n}", past, GOOD - timedelta(minutes=n), 75, f"reason {n}", "") for n in (1, 2, 3)
    ])  # fmt: skip
    client.execute("INSERT INTO ledger_setbacks VALUES", [("news", "id", 1, 5, 9, "w", past)])
    client.execute("INSERT INTO lost_ranges VALUES", [("news", "id", 2, 5, 9, "expired", past)])
    return past


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: no 'chromium' on the PATH")
def test_pages_as_of_a_moment(console: Console) -> None:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import expect, sync_playwright

    given = f"{GOOD:%Y-%m-%dT%H:%M:%SZ}"
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(locale="en-US", timezone_id="Asia/Kolkata")
        page.on("pageerror", lambda error: complaints.append(str(error)))

        def opened(path: str | None = None) -> None:
            if path is not None:
                page.goto(console.url + path)
            page.wait_for_selector("#page[data-ready]")

        def clean() -> None:
            found = Axe().run(page)
            assert found.violations_count == 0, (page.url, found.generate_report())

        def chosen() -> list[str] | None:
            return parse_qs(urlsplit(page.url).query).get("as_of")

        fill_health(console.client)
        opened("")
        there = GOOD + timedelta(hours=5, minutes=30)
        date, time = page.get_by_label("As of"), page.get_by_label("at", exact=True)
        date.fill(f"{there:%Y-%m-%d}")
        for wrong in ("2:05 PM", "24:00", "noon", ""):
            time.fill(wrong)
            page.get_by_role("button", name="Show").click()
            assert not time.evaluate("field => field.checkValidity()") and chosen() is None, wrong
        time.fill(f"{there:%H:%M:%S}")
        with page.expect_navigation():
            page.get_by_role("button", name="Show").click()
        opened()
        assert chosen() == [given]
        banner = page.locator("#banner")
        assert "As of" in banner.inner_text() and "No live updates" in banner.inner_text()
        expect(page.locator("#live")).to_have_text("Not live.")
        assert page.get_by_text("no alert fired").count() == 1 and page.get_by_text("Not known as of a moment").count()
        assert (date.input_value(), time.input_value()) == (f"{there:%Y-%m-%d}", f"{there:%H:%M:%S}")
        clean()
        # The moment stays while one goes from page to page.
        page.locator(".heat a", has_text="LONE").click()
        page.wait_for_url("**/entity/LONE*")
        opened()
        assert chosen() == [given] and page.locator("h1").inner_text() == "Lonely (LONE)"
        page.wait_for_selector("figure [data-to]")
        axis = page.locator("figure [data-to]").first
        first, last = (datetime.fromisoformat(axis.get_attribute(f"data-{end}") or "") for end in ("from", "to"))
        assert (first, last) == (GOOD - timedelta(days=7), GOOD)  # of one point alone, too
        clean()
        opened(f"alerts?as_of={BAD:%Y-%m-%dT%H:%M:%SZ}")
        assert page.get_by_role("article").count() == 1
        assert page.get_by_role("button", name="Acknowledge").count() == 0 == page.get_by_text("by ana").count()
        page.set_viewport_size({"width": 360, "height": 740})
        page.locator("header").get_by_role("link", name="Label").click()
        page.wait_for_url("**/label?as_of=*")
        opened()
        at = datetime.fromisoformat(page.locator("#page time").get_attribute("datetime") or "")
        assert at <= BAD and "is stored today" in banner.inner_text() and page.evaluate(OUTSIDE) == []
        clean()
        page.locator("header").get_by_role("link", name="Health").click()
        page.wait_for_url("**/health?as_of=*")
        opened()
        assert "by what was stored until then" in banner.inner_text()
        date.fill(f"{there:%Y-%m-%d}")
        time.fill(f"{there:%H:%M:%S}")
        with page.expect_navigation():
            page.get_by_role("button", name="Show").click()
        opened()
        told = page.get_by_role("alert").all_inner_texts()
        since = datetime.fromisoformat(page.get_by_role("alert").locator("time").first.get_attribute("datetime") or "")
        assert len(told) == 3 and "workers ended 3 times" in told[0] and since == GOOD - timedelta(minutes=3)
        headings = page.locator("#page h2").all_inner_texts()
        assert "Not known as of a moment" in headings and not {"Workers", "Public sources"} & set(headings)
        assert page.get_by_role("columnheader", name="Waiting in Kafka").count() == 0
        assert page.get_by_text("The newest document of then was scored by m0.").count() == 1
        assert page.get_by_role("region", name="Feeds").get_by_role("cell", name="10 min", exact=True).count() == 1
        shown = page.locator("#page time").all_inner_texts()  # 24 hours, though the browser is American
        assert shown and all(re.search(r"\b([01]\d|2[0-3]):[0-5]\d$", one) for one in shown), shown
        assert page.evaluate(OUTSIDE) == []
        clean()
        page.get_by_role("link", name="Back to now").click()
        page.wait_for_url("**/health")
        opened()
        assert chosen() is None and banner.count() == 0
        assert page.get_by_role("columnheader", name="Waiting in Kafka").count() == 1
        page.goto(console.url + "audit?as_of=" + given)
        opened()
        assert all(one in banner.inner_text() for one in ("This page shows the present", "sectors, topics, compare,"))
        assert page.get_by_label("As of").count() == 0
        clean()
        page.goto(console.url + "?as_of=soon")
        opened()
        assert page.get_by_role("alert").get_by_text("'soon' is no time").count() == 1
        assert 'the moment "soon", which is none. One is 2024-01-31T12:00:00Z.' in banner.inner_text()
        clean()
        browser.close()
    assert complaints == []
