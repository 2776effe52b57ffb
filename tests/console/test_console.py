"""The console as its users meet it: the real process over a real ClickHouse, and a real browser."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest
from clickhouse_driver import Client

from console.explainer import MOST_WAITING
from deploy.local import BrokerKind, kafka
from documents import Document, Entity, Mention, Position, Topic
from documents.events import Event, EventRole, EventState
from storage import replace_entities, write_documents
from storage.reads import alerts_now, looked_at, silences_at
from storage.writes import FeedPoll, write_alerts, write_feed_polls, write_holdings, write_prices
from stream.kafka import ensure_topics, watermarks
from tests.support import eventually, kafka_at

ROOT = Path(__file__).parent.parent.parent
HOSTILE = "<img src=x onerror=document.title='taken'> </script><script>document.title='taken'</script>"
FORMULA = '=HYPERLINK("http://example.com")'
CHROMIUM = shutil.which("chromium")


def document(number: int, at: datetime, sentiment: float, title: str) -> Document:
    position = Position("news", "id", 0, number)
    record = Document(position, document_id=f"d/{number}", story_id=number, source="wire")
    record.published_at, record.title, record.model_version = at, title, "m1"
    record.label = "negative" if sentiment < 0 else "positive"
    record.sentiment = sentiment
    record.p_negative, record.p_neutral, record.p_positive = max(0, -sentiment), 1 - abs(sentiment), max(0, sentiment)
    chances = record.p_negative, record.p_neutral, record.p_positive
    record.mentions = [Mention("ACME", "Acme", "name", record.label, *chances, sentiment)]
    record.topics = [Topic("debt", 0.9)]
    record.embedding = bytes([number % 100 + 1, 7, 9]) * 128
    return record


def fill(client: Client) -> None:
    """Four good days of Acme, a bad one, and the alert about it."""
    now = datetime.now(UTC).replace(microsecond=0)
    records = [document(n, now - timedelta(hours=120 - 4 * n), 0.6, f"Acme wins order {n}") for n in range(24)]
    records += [document(n, now - timedelta(hours=14 - n % 12), -0.8, f"Acme debt {n}") for n in range(24, 34)]
    records.append(document(34, now - timedelta(minutes=3), -0.7, HOSTILE))
    records.append(document(35, now - timedelta(minutes=2), -0.7, FORMULA))
    write_documents(client, records)
    replace_entities(client, [Entity(ticker="ACME", name="Acme & Sons", desk="Industry", sector="Tools")])
    last, following = now - timedelta(minutes=3), now + timedelta(minutes=5)
    write_feed_polls(client, [FeedPoll("wire", "url", now, last, following, 12, 2, HOSTILE)])
    evidence = {"documents": [{"title": HOSTILE, "source": "wire", "sentiment": -0.8, "words": ["debt"]}]}
    at = now - timedelta(hours=10)
    write_alerts(client, [{
        "id": "a1", "kind": "sentiment_shift", "entity": "ACME", "direction": "negative", "severity": "warning",
        "state": "firing", "fired_at": at, "at": at, "recorded_at": at, "before_mean": 0.6, "after_mean": -0.8,
        "before_documents": 24, "after_documents": 9, "began_at": at, "model_version": "m1", "evidence": evidence,
    }])  # fmt: skip


@dataclass
class Answer:
    status: int
    headers: Any
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Console:
    url: str
    client: Client
    kafka: str

    def ask(self, path: str, body: Any = None, **headers: str) -> Answer:
        """GET, or POST of ``body``; in the names of headers an underscore stands for a hyphen."""
        data = None if body is None else json.dumps(body).encode()
        names = {"Content-Type": "application/json"} | {name.replace("_", "-"): v for name, v in headers.items()}
        try:
            with urlopen(Request(self.url + path, data, names), timeout=60) as answer:
                return Answer(answer.status, answer.headers, answer.read().decode())
        except HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read().decode())

    def post(self, path: str, body: Any) -> Answer:
        token = self.ask("").body.partition('name="csrf-token" content="')[2].partition('"')[0]
        return self.ask(path, body, X_CSRF_Token=token)


@contextmanager
def served(clickhouse: str, kafka: str, how: signal.Signals = signal.SIGINT, **settings: str) -> Iterator[str]:
    """The address of a `finsent console` over the two services. ``how`` is the signal that ends it."""
    environment = os.environ | {"CLICKHOUSE_URL": clickhouse, "KAFKA_BOOTSTRAP_SERVERS": kafka} | settings
    command = [sys.executable, "-m", "finsent", "console", "--port", "0", "--print-url"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.send_signal(how)
            try:
                assert process.wait(20) == (0 if how == signal.SIGINT else -how)
            finally:
                process.kill()  # Popen would wait for it without a limit


@pytest.fixture(scope="module")
def broker(request: pytest.FixtureRequest) -> BrokerKind:
    """The embedded one, but for tests of what is asked of the broker or sent to it: no other page knows of it."""
    kind: BrokerKind = getattr(request, "param", "embedded")
    if kind == "kafka" and (reason := kafka.problem()):
        pytest.skip(reason)
    return kind


on_each_broker = pytest.mark.parametrize("broker", ["embedded", "kafka"], indirect=True)


@pytest.fixture
def console(clickhouse_url: str, client: Client, kafka_bootstrap: str) -> Iterator[Console]:
    fill(client)
    with served(clickhouse_url, kafka_bootstrap) as url:
        yield Console(url, client, kafka_bootstrap)


@on_each_broker
def test_the_api_answers_from_clickhouse(console: Console) -> None:
    assert console.ask("healthz").json == {"ok": True}
    state = console.ask("api/state").json
    assert state["live"] and (state["records"], state["alerts"]) == (36, 1)
    (company,) = console.ask("api/market").json["rows"]
    assert (company["entity"], company["name"], company["desk"]) == ("ACME", "Acme & Sons", "Industry")
    assert company["sentiment"] < 0
    (mover,) = console.ask("api/movers").json["rows"]
    assert mover["before"] > 0.5 > 0 > mover["after"]
    base = "api/entities/ACME/"
    tones = console.ask(base + "sentiment").json
    assert sum(row["documents"] for row in tones["rows"]) == 36
    assert console.client.execute(tones["sql"].replace("%", "%%"))
    assert {row["topic"] for row in console.ask(base + "topics").json["rows"]} == {"debt"}
    assert [row["name"] for row in console.ask("api/sectors").json["rows"]] == ["*", "Tools"]
    now = {row["kind"]: row for row in console.ask(base + "now").json["rows"]}
    assert now["all"]["sector"] == "Tools" and now["all"]["documents"] == now["news"]["documents"] > 0
    volume = console.ask(base + "volume").json["rows"]
    assert sum(row["documents"] for row in volume) == 36 and all(row["usual"] == 0 for row in volume)
    assert [row["model_version"] for row in console.ask(base + "models").json["rows"]] == ["m1"]
    pages = [console.ask(f"{base}documents?page={page}").json["rows"] for page in range(3)]
    assert [len(page) for page in pages] == [20, 16, 0] and pages[0][0]["document_id"] == "d/35"
    assert len(console.ask("api/search?q=acme%20ORDER").json["rows"]) == 20
    assert console.ask("api/search?q=100%25").json["rows"] == []
    assert "d/3" not in {row["document_id"] for row in console.ask("api/similar?document=d/3").json["rows"]}
    (alert,) = console.ask("api/alerts").json["rows"]
    assert (alert["id"], alert["name"], alert["acknowledged_by"]) == ("a1", "Acme & Sons", "")
    assert console.ask("api/alerts?id=a1").json["rows"] == [alert]
    assert console.ask("api/alerts?id=a2").json["rows"] == console.ask("api/alerts?page=1").json["rows"] == []
    ensure_topics(kafka_at(console.kafka))
    health = console.ask("api/health").json
    assert health["feeds"][0]["records"] == 36 and health["problems"] == []
    (source,) = health["sources"]
    assert (source["feed"], source["sent"], source["errors"], source["error"]) == ("wire", 12, 2, HOSTILE)
    assert health["backlog_unknown"] == "" and set(health["backlog"]) == {"news", "comments", "labels"}
    assert len(console.ask("api/queue?limit=5").json["rows"]) == 5
    assert (health["drift"], health["shadow"], health["events"]) == ([], [], [])
    assert console.ask("api/emerging").json["rows"] == []
    assert console.ask("api/entities/ACME/secrets").status == 422
    assert console.ask("api/explain?document=nope").status == 404
    assert console.ask("nope").status == 404
    assert "/api/market" in console.ask("api").body


def test_a_company_has_its_prices_beside_its_sentiment(console: Console) -> None:
    base = "api/entities/ACME/prices"
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=n) for n in (80, 50, 3, 2, 0)]
    write_prices(console.client, [("ACME", day, 100.0 + n) for n, day in enumerate(days)] + [("OTHER", days[2], 5.0)])
    rows = console.ask(base).json["rows"]
    # The close of the day of the moment is not known yet.
    assert [(row["date"], row["close"]) for row in rows] == [(str(day), 101.0 + n) for n, day in enumerate(days[1:4])]
    assert rows[0]["sentiment"] is None and rows[0]["documents"] == 0
    assert rows[1]["sentiment"] == pytest.approx(0.6) and rows[1]["documents"] > 0
    earlier = console.ask(f"{base}?as_of={days[3]}T12:00:00Z").json["rows"]
    assert [row["date"] for row in earlier] == [str(day) for day in days[1:3]]
    assert console.ask("api/entities/NOBODY/prices").json["rows"] == []


def test_other_entities_stand_beside_companies_and_not_among_them(console: Console) -> None:
    entities = [
        Entity("ACME", "Acme & Sons", "Industry", "Tools"),
        Entity("currency:USD", "US dollar", "macro", entity_type="currency"),
        Entity("person:ROE", "Jane Roe", "people", entity_type="person", leads="ACME"),
    ]
    replace_entities(console.client, entities)
    now = datetime.now(UTC).replace(microsecond=0)
    records = [
        document(200 + n, now - timedelta(hours=5 * n + 1), 0.5 if n < 4 else -0.5, f"dollar {n}") for n in range(12)
    ]
    for record in records:
        record.mentions[0].entity = "currency:USD"
    records[0].mentions.append(Mention("person:ROE", "Roe", "name", "neutral", 0.1, 0.8, 0.1, 0.0))
    write_documents(console.client, records)
    others = {row["entity"]: row for row in console.ask("api/others").json["rows"]}
    assert set(others) == {"currency:USD", "person:ROE"}
    assert (others["currency:USD"]["entity_type"], others["currency:USD"]["name"]) == ("currency", "US dollar")
    assert [row["entity"] for row in console.ask("api/market").json["rows"]] == ["ACME"]
    assert [row["entity"] for row in console.ask("api/movers").json["rows"]] == ["ACME"]
    (mover,) = console.ask("api/movers?entity_type=currency").json["rows"]
    assert mover["entity"] == "currency:USD" and mover["change"] > 0
    assert console.ask("api/movers?entity_type=planet").status == 422
    dollar = console.ask("api/entities/currency:USD/now").json["rows"][0]
    assert (dollar["entity_type"], dollar["leads"], dollar["led_by"]) == ("currency", "", [])
    assert console.ask("api/entities/person:ROE/now").json["rows"][0]["leads"] == "ACME"
    acme = console.ask("api/entities/ACME/now").json["rows"][0]
    assert (acme["entity_type"], acme["led_by"]) == ("company", [["person:ROE", "Jane Roe"]])
    assert sum(row["documents"] for row in console.ask("api/entities/currency:USD/sentiment").json["rows"]) == 12
    found = {
        name: len(console.ask(f"api/search?q=dollar&entity_type={name}").json["rows"])
        for name in ("", "person", "country")
    }
    assert found == {"": 12, "person": 1, "country": 0}
    if CHROMIUM is None:
        return
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(locale="en-GB")
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))

        def visit(path: str) -> None:
            page.goto(console.url + path)
            page.wait_for_selector("#page[data-ready]")
            found = Axe().run(page)
            assert found.violations_count == 0, (path, found.generate_report())

        visit("")
        page.get_by_role("heading", name="Currencies").wait_for()
        movers = page.get_by_role("region", name="Movers")
        assert movers.get_by_role("link").all_inner_texts() == ["Acme & Sons (ACME)"]
        page.get_by_label(re.compile("^Of ")).select_option("currency")
        movers.get_by_role("link", name="US dollar").wait_for()
        assert movers.get_by_role("link").count() == 1
        visit("entity/currency:USD")
        page.get_by_role("heading", name="US dollar (currency:USD)").wait_for()
        page.get_by_text("Currency, desk macro.").wait_for()
        visit("entity/ACME")
        assert page.get_by_role("link", name="Jane Roe").get_attribute("href") == "/entity/person%3AROE"
        visit("search?q=dollar")
        page.get_by_label("Naming").select_option("person")
        page.get_by_role("button", name="Search", exact=True).click()
        page.wait_for_url("**/search?q=dollar&entity_type=person")
        page.wait_for_selector("#page[data-ready]")
        assert page.locator("ul.documents > li").count() == 1
        browser.close()
    assert complaints == []


def test_a_person_s_own_order_learns_from_what_they_open(console: Console) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    others = [document(70 + n, now - timedelta(hours=1, minutes=n), 0.3, f"Lonely opens shop {n}") for n in range(3)]
    for record in others:
        record.mentions = [Mention("LONE", "Lonely", "name", "positive", 0.1, 0.3, 0.6, 0.5)]
        record.topics = [Topic("expansion", 0.9)]
    write_documents(console.client, others)
    desks = {"ACME": "Industry", "LONE": "Shops"}
    companies = [Entity(ticker=name, name=name, desk=desk, sector="Tools") for name, desk in desks.items()]
    replace_entities(console.client, companies)
    write_holdings(console.client, [("Industry", "ACME", -5e6, "USD", None, now - timedelta(days=1))])

    def best(desk: str = "") -> str:
        found = console.ask(f"api/for-you?desk={desk}").json
        assert found["desks"] == ["Industry", "Shops"] and console.client.execute(found["sql"].replace("%", "%%"))
        for row in found["rows"]:
            points = sum(reason["points"] for reason in row["reasons"])
            assert row["score"] == pytest.approx(row["freshness"] * points), row
        return str(found["rows"][0]["entity"])

    assert best() == best("Industry") == "ACME"  # it is held
    assert best("Shops") == "LONE"
    for body in ({"document_id": "nope"}, {"entity": "NOPE"}, {"document_id": "d/70", "entity": "NOPE"}, {}):
        assert console.post("api/opened", body).status == 404
    assert console.ask("api/opened", {"entity": "LONE"}).status == 403  # without the page's token
    for n in range(12):
        assert console.post("api/opened", {"document_id": f"d/{70 + n % 3}", "entity": "LONE"}).status == 200
    console.post("api/opened", {"entity": "LONE"})
    console.post("api/alerts/a1/acknowledge", {})
    found = console.ask("api/for-you").json
    assert found["acts"] == 14 and found["rows"][0]["entity"] == "LONE"
    assert "you looked at LONE 13 times, expansion 12 times" in [one["text"] for one in found["rows"][0]["reasons"]]
    yesterday = (now - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    assert console.ask(f"api/for-you?as_of={yesterday}").json["acts"] == 0
    own = looked_at(console.client, "somebody else", now - timedelta(days=1), now + timedelta(days=1))
    assert own == [] and console.ask("api/audit").json["rows"][0]["action"] == "acknowledged"


def test_companies_on_no_list_are_shown(console: Console) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    said = ("Zyxtron shares fall as regulator looks in", "Zyxtron CEO leaves", "Why Zyxtron shares may rise again")
    records = [document(60 + n, now - timedelta(hours=30 + n), 0.1, title) for n, title in enumerate(said)]
    for record in records:
        record.mentions, record.lang = [], "en"
    write_documents(console.client, records)
    (row,) = console.ask("api/unknown").json["rows"]
    assert (row["name"], row["stories"], row["sources"]) == ("Zyxtron", 3, 1) and "Zyxtron" in row["example"]
    before = (now - timedelta(hours=31)).isoformat().replace("+00:00", "Z")
    assert console.ask(f"api/unknown?as_of={before}").json["rows"] == []  # only two were told by then


def test_what_comes_from_the_feed_stays_text(console: Console) -> None:
    rows = list(csv.DictReader(io.StringIO(console.ask("api/entities/ACME/documents?format=csv").body)))
    assert [row["title"] for row in rows[:2]] == ["'" + FORMULA, HOSTILE]
    for path in (
        "market?",
        "movers?",
        "health?",
        "search?q=acme&",
        "similar?document=d/3&",
        "entities/ACME/sentiment?",
    ):
        found = console.ask(f"api/{path}format=csv")
        assert found.status == 200 and len(list(csv.reader(io.StringIO(found.body)))) > 1, path
    answer = console.ask("api/entities/ACME/documents")
    assert (
        answer.headers["Content-Type"] == "application/json" and answer.headers["X-Content-Type-Options"] == "nosniff"
    )
    assert "<script>alert" not in console.ask("entity/%3Cscript%3Ealert(1)%3C%2Fscript%3E").body
    assert console.ask("api/entities/x'%20OR%20'1'='1/documents").json["rows"] == []


def test_what_there_is_not_has_no_page(console: Console) -> None:
    gone = document(80, datetime.now(UTC), 0.5, "Formerly watched")
    gone.mentions = [Mention("GONE", "Gone", "name", "positive", 0.1, 0.3, 0.6, 0.5)]
    write_documents(console.client, [gone])
    for path, other in (
        ("entity/ACME", "entity/NOSUCH"), ("entity/GONE", "entity/acme%20"), ("sector/Tools", "sector/x"),
        ("topic/debt", "topic/x"), ("topic/litigation", "topic/Debt"), ("alerts/a1", "alerts/x"),
    ):  # fmt: skip
        assert (console.ask(path).status, console.ask(other).status) == (200, 404), path
        what, _, name = other.partition("/")
        assert (
            f'data-page="unknown" data-entity="{name.replace("%20", " ")}" data-what="{what}"'
            in console.ask(other).body
        )


def test_every_answer_has_a_strict_policy_and_only_loopback_is_served(console: Console) -> None:
    for path in ("", "api/state", "static/app.js", "nope"):
        headers = console.ask(path).headers
        assert "default-src 'none'; script-src 'self'; style-src 'self';" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert "<script>" not in console.ask("").body
    # A name that was made to point here (DNS rebinding).
    assert console.ask("api/state", Host="evil.example").status == 400


def test_a_post_without_the_page_s_token_is_refused(console: Console) -> None:
    for headers in ({}, {"X_CSRF_Token": "guessed"}, {"X_CSRF_Token": "\xe9"}):
        assert console.ask("api/alerts/a1/acknowledge", {}, **headers).status == 403
    assert alerts_now(console.client)[0]["acknowledged_by"] == ""
    assert console.post("api/alerts/a1/acknowledge", {"note": "hedged"}).status == 200
    assert alerts_now(console.client)[0]["acknowledged_by"]
    assert console.post("api/alerts/a1/acknowledge", {"undo": True}).json == {"by": ""}
    assert alerts_now(console.client)[0]["acknowledged_by"] == ""
    assert console.post("api/alerts/nope/acknowledge", {}).status == 404
    assert console.post("api/silences", {"entity": "ACME", "minutes": 5}).status == 200
    assert [row["entity"] for row in silences_at(console.client, datetime.now(UTC))] == ["ACME"]


def test_without_its_services_it_says_so(console: Console, clickhouse_url: str) -> None:
    with served("clickhouse://127.0.0.1:1/default", "127.0.0.1:1") as url:
        away = Console(url, console.client, "").ask("api/market")
        assert away.status == 503 and "127.0.0.1" in away.json["detail"]
    console.client.execute("DROP TABLE alerts SYNC")
    refused = console.ask("api/alerts")
    assert refused.status == 502 and "alerts" in refused.json["detail"]


@on_each_broker
def test_a_label_reaches_the_topic(console: Console) -> None:
    ensure_topics(kafka_at(console.kafka), topics=["labels"])

    def sent() -> int:
        return sum(high for _, high in watermarks(kafka_at(console.kafka), ["labels"]).values())

    before = sent()
    assert console.post("api/labels", {"document_id": "nope", "label": "neutral"}).status == 404
    assert console.post("api/labels", {"document_id": "d/3", "label": "great"}).status == 422
    answer = console.post("api/labels", {"document_id": "d/3", "label": "neutral"})
    assert answer.status == 200, answer.body
    assert sent() == before + 1


def test_the_words_behind_a_score_are_told(console: Console) -> None:
    answer = console.ask("api/explain?document=d/25&entity=ACME")
    assert answer.status == 200, answer.body
    assert [word["text"] for word in answer.json["words"]] == ["Acme", "debt", "25"]
    answer = console.ask("api/explain?document=d/34&entity=ACME")
    assert answer.status == 200 and answer.json["words"] == [] and "no text" in answer.json["reason"]


def test_explaining_yields_to_live_scoring_and_starts_again_when_its_process_was_ended(console: Console) -> None:
    path = "api/explain?document=d/25&entity=ACME"
    assert console.ask(path).status == 200
    (process,) = explainers()
    assert process.nice() >= 10 and os.getsid(process.pid) == process.pid
    process.kill()
    eventually(lambda: console.ask(path).status == 200, 60, "another process explains")
    assert [one.pid for one in explainers()] != [process.pid]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_process_that_explains_ends_with_its_console(
    client: Client, clickhouse_url: str, kafka_bootstrap: str, how: signal.Signals
) -> None:
    fill(client)
    with served(clickhouse_url, kafka_bootstrap, how) as url:
        assert Console(url, client, kafka_bootstrap).ask("api/explain?document=d/25&entity=ACME").status == 200
        (process,) = explainers()
    gone = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    eventually(lambda: not process.is_running() or process.status() in gone, 30, "it has ended")


def test_a_console_that_ends_waits_for_no_explanation(
    client: Client, clickhouse_url: str, kafka_bootstrap: str
) -> None:
    fill(client)
    path = "api/explain?document=d/25&entity=ACME"
    with ThreadPoolExecutor(MOST_WAITING + 1) as people:
        with served(clickhouse_url, kafka_bootstrap) as url:
            console = Console(url, client, kafka_bootstrap)
            assert console.ask(path).status == 200
            (process,) = explainers()
            process.suspend()  # it takes longer than anybody waits
            asked = [people.submit(console.ask, path) for _ in range(MOST_WAITING + 1)]
            eventually(
                lambda: any(one.done() and one.result().status == 503 for one in asked),
                60,
                "so many wait that one is refused",
            )
        assert not process.is_running()


def explainers() -> list[psutil.Process]:
    started = psutil.Process().children(recursive=True)
    return [one for one in started if "spawn_main" in " ".join(one.cmdline())]


def add_incident(client: Client) -> None:
    """A hack at Acme, told by two sources; the alert about it is of one incident with the one about the tone."""
    now = datetime.now(UTC).replace(microsecond=0)
    records = [
        document(40 + n, now - timedelta(hours=11 - n), -0.8, f"Acme {what} by hackers")
        for n, what in enumerate(("hacked", "systems stolen", "is said to be hit"))
    ]
    states = EventState.HAPPENED, EventState.HAPPENED, EventState.RUMOURED
    for record, state, source in zip(records, states, ("wire", "paper", "board"), strict=True):
        record.source = source
        record.events = [Event("ACME", "hack", 0.9, EventRole.SUBJECT, state, 90, 4, -1)]
    records[2].events.append(Event("ACME", "dividend_raised", 0.9, EventRole.SUBJECT, EventState.HISTORIC, 90, 2, 1))
    write_documents(client, records)
    at = now - timedelta(hours=11)
    told = {"title": records[0].title, "source": "wire", "sentiment": -0.8, "words": ["hacked by hackers", "stolen"]}
    event = {"type": "hack", "group": "cyber", "state": "happened", "severity": 4, "role": "subject", "stories": 2,
             "sources": ["wire", "paper"]}  # fmt: skip
    write_alerts(client, [
        {"id": "a2", "kind": "event", "entity": "ACME", "topic": "hack", "direction": "negative", "state": "firing",
         "severity": "critical", "fired_at": at, "at": at, "recorded_at": at, "before_mean": 0.0, "after_mean": 1.5,
         "before_documents": 0, "after_documents": 2, "began_at": at, "model_version": "m1", "incident": "a1",
         "evidence": {"event": event, "documents": [told]}},
        {"id": "a3", "kind": "buzz", "entity": "OTHER", "direction": "up", "state": "firing", "severity": "notice",
         "fired_at": now, "at": now, "recorded_at": now, "before_mean": 1.0, "after_mean": 9.0, "before_documents": 5,
         "after_documents": 9, "began_at": now, "model_version": "m1", "evidence": {"documents": []}},
    ])  # fmt: skip
    write_holdings(client, [("funds", "ACME", -12_500_000.0, "USD", None, at)])


def test_an_incident_is_told_with_its_events_and_the_exposure(console: Console) -> None:
    add_incident(console.client)
    told = console.ask("api/entities/ACME/events").json["rows"]
    assert [(row["type"], row["state"], row["novelty"]) for row in told] == [
        ("hack", "rumoured", "development"), ("hack", "happened", "first"),
    ]  # fmt: skip
    assert console.ask("api/entities/ACME/events?format=csv").status == 200
    (line,) = console.ask("api/lines?entity=ACME&entity=OTHER").json["rows"]
    assert line["entity"] == "ACME" and len(line["times"]) == len(line["tones"]) > 10 and line["tones"][-1] < 0
    rows = console.ask("api/alerts?id=a2").json["rows"]
    assert [row["id"] for row in rows] == ["a2", "a1"]
    assert [(one["desk"], one["exposure"]) for one in rows[0]["exposure"]] == [("funds", -12_500_000)]
    if CHROMIUM is None:
        return
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(locale="en-GB")
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))

        def visit(path: str) -> None:
            page.goto(console.url + path)
            page.wait_for_selector("#page[data-ready]")
            for theme in ("light", "dark"):
                page.evaluate("name => { document.documentElement.dataset.theme = name }", theme)
                found = Axe().run(page)
                assert found.violations_count == 0, (path, theme, found.generate_report())

        visit("")
        incidents = page.locator("section.incident")
        assert incidents.count() == 2  # the worst first, though the other is newer
        shown = incidents.first.inner_text()
        assert "hack" in shown and "critical" in shown and "2 sources" in shown
        assert "hacked by hackers" in shown and "funds \u221212,500,000 USD" in shown
        assert "sentiment turned negative" in shown and "2 alerts" in shown
        assert incidents.first.locator("svg polyline").count() == 1 and incidents.last.locator("svg").count() == 0
        visit("alerts/a2")
        assert page.get_by_role("article").count() == 2 and page.get_by_text("Other parts of the incident").count() == 1
        assert page.locator("mark", has_text="hacked by hackers").count() == 1
        visit("entity/ACME")
        assert page.get_by_role("region", name="Events").get_by_role("row").count() == 3
        assert page.locator("section.incident").count() == 1
        browser.close()
    assert complaints == []


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: no 'chromium' on the PATH")
def test_pages_in_a_browser(console: Console) -> None:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import expect, sync_playwright

    complaints: list[str] = []
    ensure_topics(kafka_at(console.kafka), topics=["labels"])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(locale="en-GB")
        page.on("console", lambda message: message.type in ("error", "warning") and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))

        def visit(path: str) -> None:
            page.goto(console.url + path)
            page.wait_for_selector("#page[data-ready]")
            expect(page.locator("#live")).not_to_have_text(re.compile("^connecting"))
            for theme in ("light", "dark"):
                page.evaluate("name => { document.documentElement.dataset.theme = name }", theme)
                found = Axe().run(page)
                assert found.violations_count == 0, (path, theme, found.generate_report())
            assert page.locator("#page img, #page script").count() == 0 and page.title().endswith("- finsent")

        visit("")
        page.get_by_role("heading", name="Unknown companies this week").wait_for()
        expect(page.get_by_text("Looking for them")).to_have_count(0)
        page.get_by_text("The alert, with its documents").click()
        assert page.get_by_role("article", name="Alert about Acme & Sons").count() == 1
        page.locator(".heat a", has_text="ACME").click()
        page.wait_for_url("**/entity/ACME")
        visit("entity/ACME")
        expect(page.locator("figure canvas")).to_have_count(3)  # sentiment, volume, topics
        assert page.get_by_text(HOSTILE).count() >= 2
        page.get_by_role("button", name="Acknowledge").click()
        page.get_by_role("button", name="Reopen").wait_for()
        eventually(lambda: alerts_now(console.client)[0]["acknowledged_by"], 10, "the acknowledgement")
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        closes = [("ACME", yesterday - timedelta(days=n), 100.0 - n) for n in range(30)]
        write_prices(console.client, closes)
        visit("entity/ACME?as_of=" + datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        expect(page.locator("figure canvas")).to_have_count(4)  # and the price
        page.get_by_role("heading", name="Price", exact=True).wait_for()
        page.get_by_text("finsent prices study --entity ACME").wait_for()
        visit("entity/ACME")
        page.get_by_role("link", name="Older").click()
        page.get_by_text("Acme wins order 3", exact=False).first.wait_for()
        page.get_by_role("button", name="Why: Acme wins order 3", exact=True).click()
        page.get_by_text("Green speaks for positive").wait_for(timeout=60_000)
        assert page.locator("mark").count() > 0
        # The browser tells it in the background: the page, and what was asked about; nothing as of a moment.
        told = {("", "ACME"), ("d/3", "ACME")}
        opened = "SELECT DISTINCT document_id, entity FROM opened_log"
        eventually(lambda: set(console.client.execute(opened)) == told, 10, "what was opened is noted")
        visit("for-you")
        page.get_by_label("Desk").select_option("Industry")
        page.get_by_text("on the desk's watch list").first.wait_for()
        for path in ("for-you", "alerts", "label", "search", "search?q=acme", "search?similar=d/3", "health"):
            visit(path)
        assert page.get_by_text("No worker scores now; the newest document was scored by m1.").count() == 1
        assert page.get_by_text("Model events: none yet.").count() == 1
        for path, told in (
            ("entity/NOSUCH", 'with the ticker "NOSUCH" is watched'), ("sector/x", 'of the sector "x"'),
            ("topic/x", 'no topic "x"'), ("alerts/x", "no such alert"),
        ):  # fmt: skip
            visit(path)
            assert told in page.get_by_role("alert").inner_text()
            assert "404" in complaints.pop()  # the browser says so of the page itself
        visit("alerts")
        page.get_by_role("button", name="Silence 2 hours").click()
        page.get_by_role("cell", name="ACME").wait_for()
        visit("label")
        shown = page.locator("#page .big")
        first = shown.inner_text()
        page.keyboard.press("3")
        expect(shown).not_to_have_text(first)
        page.keyboard.press("u")
        expect(shown).to_have_text(first)
        with page.expect_response("**/api/labels") as labelled:
            page.keyboard.press("1")
            page.keyboard.press("2")
        # The label that was taken back was never sent.
        assert labelled.value.ok and json.loads(labelled.value.request.post_data or "")["label"] == "negative"
        page.goto(console.url + "api")
        assert page.get_by_text("/api/market").count() == 1 and Axe().run(page).violations_count == 0
        browser.close()
    assert complaints == []
