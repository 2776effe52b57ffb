"""Searches by all that can be asked for, saved by each person for themselves, and the rules that they would make."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import yaml
from clickhouse_driver import Client

from alerts.rules_file import read_rules
from console import add
from console.api.searches import MOST
from documents import Mention, Search
from storage import write_documents
from storage.reads import saved_searches
from storage.writes import save_search
from tests.console.test_access import PASSWORD, Browser
from tests.console.test_console import CHROMIUM, Console, document, fill, served

WATCHED = [{"ticker": "ACME", "name": "Acme", "desk": "Industry", "sector": "Tools"}]


@pytest.fixture
def console(clickhouse_url: str, client: Client, tmp_path: Path) -> Iterator[Console]:
    fill(client)
    mixed = document(60, datetime.now(UTC), -0.5, "Lonely beats Acme")
    mixed.mentions.append(Mention("LONE", "Lonely", "name", "positive", 0.1, 0.2, 0.7, 0.6))
    mixed.topics = []
    twice = document(61, datetime.now(UTC), -0.5, "Acme twice")
    twice.mentions.append(Mention("ACME", "Acme", "name", "positive", 0.1, 0.2, 0.7, 0.6))
    write_documents(client, [mixed, twice])
    watched = tmp_path / "watched.json"
    watched.write_text(json.dumps(WATCHED))
    with served(clickhouse_url, "127.0.0.1:1", FINSENT_WATCHLIST=str(watched)) as url:
        yield Console(url, client, "")


def test_a_search_asks_for_company_desk_topic_and_tone(console: Console) -> None:
    def found(**parts: str) -> int:
        return len(console.ask(f"api/search?{urlencode(parts)}").json["rows"])

    assert found(q="beats") == 1 == found(q="beats", entity="LONE")
    # The tone is the document's, or else that about the company.
    assert [found(q="beats", tone=tone) for tone in ("negative", "positive")] == [1, 0]
    assert [found(q="beats", tone=tone, entity="LONE") for tone in ("negative", "positive")] == [0, 1]
    assert [found(q="debt", topic=topic) for topic in ("debt", "fraud")] == [10, 0]
    assert [found(q="debt", desk=desk) for desk in ("Industry", "funds")] == [10, 0]
    # Both mentions of a company that is named twice count, and a ticker may be written in small letters.
    assert [found(q="twice", tone=tone, entity=" acme ") for tone in ("negative", "positive")] == [1, 1]
    assert found(entity="LONE") == 1 and found(entity="LONE", topic="debt") == 0
    assert console.ask("api/search?tone=furious").status == 422


def test_each_page_of_a_search_is_what_its_sql_finds(console: Console) -> None:
    """The first ones are of the newest documents alone, of which some have the same source and id as others."""
    now = datetime.now(UTC)
    told = [document(200 + n, now - timedelta(hours=2 * n), 0.4, f"A mine opens {n}") for n in range(50)]
    for one in told[::7]:
        one.document_id = "d/again"
    write_documents(console.client, told)
    counts = []
    for page in range(4):
        found = console.ask(f"api/search?q=mine&page={page}").json
        rows = console.client.execute(found["sql"].replace("%", "%%"))
        assert [row["title"] for row in found["rows"]] == [row[7] for row in rows]
        counts.append(len(rows))
    assert counts == [20, 20, 3, 0]


def test_a_search_is_saved_opened_deleted_and_made_a_rule(console: Console) -> None:
    asked = {"words": "acme  recall", "tone": "negative"}
    assert console.ask("api/searches", {"name": "mine"} | asked).status == 403  # without the page's token
    assert console.post("api/searches", {"name": " mine \n x"} | asked).json == {"name": "mine x"}
    listed = console.ask("api/searches").json
    assert listed["desks"] == ["Industry"] and "litigation" in listed["topics"]
    (row,) = listed["rows"]
    assert (row["name"], row["words"], row["tone"], row["desk"]) == ("mine x", "acme recall", "negative", "")

    made = console.post("api/searches/rule", {"name": "mine x"}).json
    rules = read_rules(f"rules:\n{made['rule']}", desks={"ACME": "Industry"})
    assert rules.file.rules[0].entities == ["ACME"] and rules.file.rules[0].event_types == ["recall"]
    assert "come together" in made["left_out"][0] and '"acme" is taken for ACME.' in made["notes"]
    (user,) = {user for (user,) in console.client.execute("SELECT user FROM saved_searches")}
    save_search(console.client, user, "old", Search(entity="GONE"))
    refused = console.post("api/searches/rule", {"name": "old"})
    assert refused.status == 422 and "the watch list has no entity 'GONE'" in refused.json["detail"]

    console.post("api/searches", {"name": "mine x", "topic": "fraud"})  # in its place
    assert [one.search for one in saved_searches(console.client, user)] == [
        Search(topic="fraud"),
        Search(entity="GONE"),
    ]
    for name in ("mine x", "old"):
        assert console.post("api/searches/delete", {"name": name}).status == 200
        for path in ("delete", "rule"):
            assert console.post(f"api/searches/{path}", {"name": name}).status == 404
    assert console.ask("api/searches").json["rows"] == []
    assert console.client.execute("SELECT count() FROM saved_searches") == [(0,)]


def test_what_cannot_be_saved_is_told(console: Console) -> None:
    for body, said in (
        ({"name": "none", "words": " "}, "asks for nothing"),
        ({"name": " \n", "words": "a"}, "name: it is empty: give the search a name"),
        ({"name": "x" * 101, "words": "a"}, "name: "),
        ({"name": "x", "tone": "furious"}, "'neutral' or 'positive'"),
    ):
        answer = console.post("api/searches", body)
        assert answer.status == 422 and said in answer.json["detail"], answer
    console.post("api/searches", {"name": "0", "words": "a"})
    ((user,),) = console.client.execute("SELECT user FROM saved_searches")
    for n in range(1, MOST):
        save_search(console.client, user, str(n), Search("a"))
    assert f"has saved {MOST} searches" in console.post("api/searches", {"name": "more", "words": "a"}).json["detail"]
    assert console.post("api/searches", {"name": "0", "words": "b"}).status == 200


def test_everybody_has_their_own(clickhouse_url: str, client: Client, tmp_path: Path) -> None:
    users = tmp_path / "users.yaml"
    add(users, "ana", PASSWORD, ("annotator",))
    add(users, "eve", PASSWORD, ("admin",))
    with served(clickhouse_url, "127.0.0.1:1", CONSOLE_USERS=str(users)) as url:
        nobody, ana, eve = Browser(url), Browser(url), Browser(url)
        assert nobody.ask("api/searches")[0] == nobody.ask("api/searches", {"name": "x", "words": "y"})[0] == 401
        assert ana.sign_in("ana") == eve.sign_in("eve") == 200
        assert ana.ask("api/searches", {"name": "secret plan", "words": "merger"})[0] == 200

        def names(browser: Browser) -> list[Any]:
            return [row["name"] for row in json.loads(browser.ask("api/searches")[1])["rows"]]

        assert names(ana) == ["secret plan"] and names(eve) == []
        for path in ("delete", "rule"):
            assert eve.ask(f"api/searches/{path}", {"name": "secret plan"})[0] == 404
        assert "secret plan" not in eve.ask("api/audit")[1]
    assert [one.name for one in saved_searches(client, "ana")] == ["secret plan"]


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: no 'chromium' on the PATH")
def test_the_page_saves_opens_and_deletes_a_search_and_shows_its_rule(console: Console) -> None:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import expect, sync_playwright

    complaints: list[str] = []
    name = "Acme <b>'s debt"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(locale="en-GB", permissions=["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))

        def clean() -> None:
            found = Axe().run(page)
            assert found.violations_count == 0, (page.url, found.generate_report())

        page.goto(f"{console.url}search")
        page.get_by_text("None yet: search for something").wait_for()
        page.get_by_label("Words").fill("debt")
        page.get_by_label("Company (ticker)").fill("ACME")
        page.get_by_label("Tone").select_option("negative")
        page.get_by_role("button", name="Search", exact=True).click()
        asked = f"{console.url}search?q=debt&entity=ACME&tone=negative"
        page.wait_for_url(asked)
        expect(page.locator(".documents").first.locator("> li")).to_have_count(10)
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_role("button", name="Save this search").click()
        saved = page.get_by_role("link", name=name)
        saved.wait_for()
        clean()
        page.goto(f"{console.url}search")
        saved.click()
        page.wait_for_url(asked)
        expect(page.get_by_label("Words")).to_have_value("debt")
        page.get_by_role("button", name=f"Make {name} a rule").click()
        rule = page.locator(".saved pre")
        rule.wait_for()
        clean()
        assert page.locator(".saved .why li", has_text='the word "debt": rules watch').count() == 1
        page.get_by_role("button", name="Copy the rule").click()
        expect(page.locator("#live")).to_have_text("Copied.")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == rule.inner_text()
        (found,) = yaml.safe_load(f"rules:\n{copied}")["rules"]
        assert found["name"] == name and found["entities"] == ["ACME"] and found["tones"] == ["negative"]
        page.get_by_role("button", name=f"Delete {name}").click()
        expect(saved).to_have_count(0)
        page.goto(f"{console.url}search?q=debt&desk={quote('no more')}")
        expect(page.get_by_label("Desk")).to_have_value("no more")
        browser.close()
    assert complaints == []
