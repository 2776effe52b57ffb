"""Topics by the real model over a real ClickHouse: a share that rises is an alert, and what no topic fits emerges."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from clickhouse_driver import Client
from typer.testing import CliRunner

import model
from alerts import Evaluator, emerging
from alerts.rules_file import read_rules
from documents import Document, Linker, Pseudonymiser, load_watchlist
from documents.stories import story_key
from finsent import app
from settings import AlertSettings, ClickHouseSettings
from storage import connect, write_documents
from storage.reads import SampledDocument, alerts_now, emerging_documents, emerging_topics
from stream.kafka import Received
from stream.steps import Read, Score

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
USUAL = (
    "Boeing wins an order for {n} planes from a leasing firm",
    "Boeing delivers {n} aircraft this month",
    "Boeing hires {n} engineers in Seattle",
    "Boeing shares up {n} percent at noon",
    "Analyst sees {n} percent upside in Boeing",
    "Boeing shows a cabin for {n} passengers",
    "Boeing ramps up its output to {n} planes a month",
    "Boeing and an airline from Asia work together on training {n} pilots",
)
IN_COURT = (
    "{n} families sue Boeing",
    "Judge lets the lawsuit of {n} shareholders against Boeing go ahead",
    "Boeing faces {n} new claims for damages in court",
    "Court orders Boeing to hand over {n} documents to the plaintiffs",
    "{n} pilots join the class action against Boeing",
)
QUIET = (
    "The village choir of house {n} sings on Sunday",
    "Grandmother remembers {n} dances of her youth",
    "Readers send {n} pictures of their cats",
    "The baker on street {n} closes early",
    "A walk through {n} gardens in spring",
    "Chess club loses {n} games in a row",
    "Old radio number {n} plays again",
    "Painter shows {n} portraits of dogs",
)
STRANGE = (
    "Schoolboy dreams of a giant squid, diary page {n}",
    "Fishermen photograph a giant squid, picture {n}",
    "Riddles about the giant squid, answer {n}",
    "Museum would like to have the giant squid, says guide {n}",
    "Children draw the giant squid of the bay, sheet {n}",
    "Tourists flock to see the giant squid from pier {n}",
    "Song about a giant squid reaches place {n} of the charts",
    "The giant squid sighting that {n} neighbours talk about",
    "A giant squid and its {n} arms: what we know",
    "Night watchman heard the giant squid {n} times",
    "Giant squid named by vote of {n} pupils",
    "Postcards of the giant squid sold out at kiosk {n}",
)

pytestmark = pytest.mark.usefixtures("configured")


@pytest.fixture(scope="module")
def score(shipped: Path) -> Score:
    return Score(model.load(model.champion_folder(shipped)))


def evaluator(url: str, seconds: int = 1) -> Evaluator:
    settings = AlertSettings(clock="stream", emerging_s=seconds)
    return Evaluator(lambda: connect(ClickHouseSettings(url=url)), settings)


def scored(score: Score, headlines: list[tuple[datetime, str]], first: int = 0) -> list[Document]:
    """The headlines as a worker scores them, before it looks for their stories."""
    received = [
        Received(
            "news",
            0,
            first + n,
            json.dumps(
                {"id": f"d{first + n}", "source": "desk", "title": title, "published_at": at.isoformat()}
            ).encode(),
        )
        for n, (at, title) in enumerate(sorted(headlines))
    ]
    rows = Read(Linker(load_watchlist()), Pseudonymiser("k" * 32), lambda topic, partition: "id").run(received)
    score.run(rows)
    documents = [row for row in rows if isinstance(row, Document)]
    for row in documents:  # each tells a story of its own
        row.story_id = story_key(row.whole_text)
    return documents


def spread(
    texts: tuple[str, ...], begin: datetime, count: int, hours: float, number: int = 100
) -> list[tuple[datetime, str]]:
    """``count`` headlines made of ``texts``, evenly over the time; each has a number of its own."""
    return [
        (begin + timedelta(hours=hours * k / count), texts[k % len(texts)].format(n=number + k)) for k in range(count)
    ]


def test_the_pipeline_fills_in_topics(score: Score, client: Client):
    rows = scored(score, [(MONDAY, "Boeing is sued by 40 families"), (MONDAY, "Boeing shares rose 2 percent")])
    write_documents(client, rows)
    stored = dict(client.execute("SELECT title, `topics.name` FROM documents"))
    assert stored == {"Boeing is sued by 40 families": ["litigation"], "Boeing shares rose 2 percent": []}
    ((names, scores),) = client.execute("SELECT `topics.name`, `topics.score` FROM documents WHERE title LIKE '%sued%'")
    assert len(names) == len(scores) == 1 and 0.4 <= scores[0] <= 1


def test_litigation_about_a_company_is_a_topic_shift(score: Score, client: Client, clickhouse_url: str):
    court = MONDAY + timedelta(days=25)
    headlines = spread(USUAL, MONDAY, 100, 25 * 24) + spread(IN_COURT, court, 15, 36) + spread(USUAL, court, 6, 36, 900)
    write_documents(client, scored(score, headlines))
    others = evaluator(clickhouse_url)
    others.rules = read_rules("rules: [{name: all, topics: [fraud]}]")
    assert [row for row in others.advance() if row.topic == "litigation"] == []
    made = [row for row in evaluator(clickhouse_url).advance() if row.kind == "topic_shift"]
    told = [(row.entity, row.topic, row.direction) for row in made if row.state == "firing"]
    assert ("BA", "litigation", "up") in told
    (alert,) = [row for row in alerts_now(client) if row["topic"] == "litigation"]
    assert alert["before_mean"] < 0.1 and alert["after_mean"] > 0.2
    assert timedelta(0) < alert["fired_at"] - court <= timedelta(hours=36)
    assert abs(alert["began_at"] - court) <= timedelta(hours=12)
    assert 3 <= len(alert["evidence"]["documents"]) <= 5
    assert all("litigation" in names for (names,) in client.execute(
        "SELECT `topics.name` FROM documents WHERE document_id IN %(ids)s",
        {"ids": [document["document_id"] for document in alert["evidence"]["documents"]]},
    ))  # fmt: skip
    assert client.execute(alert["evidence"]["query"].replace("%", "%%"))
    shown = json.loads(
        CliRunner().invoke(app, ["topics", "--entity", "BA", "--since", "2026-03-27T00:00:00Z", "--json"]).stdout
    )
    assert shown[0]["topic"] == "litigation" and shown[0]["share"] > 0.5


def test_what_no_topic_fits_emerges_once_and_ends(score: Score, client: Client, clickhouse_url: str):
    begin = MONDAY + timedelta(days=6)
    headlines = spread(QUIET, MONDAY, 54, 7 * 24) + spread(STRANGE[:10], begin + timedelta(hours=4), 10, 12)
    write_documents(client, scored(score, headlines))
    known_topics = evaluator(clickhouse_url)
    known_topics.rules = read_rules("rules: [{name: all, topics: [fraud]}]")
    assert not [one for one in known_topics.advance() if one.topic.startswith("new: ")]
    made = evaluator(clickhouse_url).advance()
    (row,) = emerging_topics(client)
    assert "giant squid" in row["name"] and row["recent"] >= 10 and row["usual"] == 0
    documents = emerging_documents(client, row["id"], 100)
    assert len(documents) >= 10 and all("squid" in document["title"] for document in documents)
    (notice,) = [one for one in made if one.topic.startswith("new: ")]
    assert (notice.kind, notice.state, notice.severity) == ("topic_shift", "firing", "notice")
    assert "giant squid" in notice.topic and len(notice.evidence["documents"]) == 5
    assert client.execute(notice.evidence["query"])
    # Another worker finds the same, and tells nothing anew.
    assert not [one for one in evaluator(clickhouse_url).advance() if one.topic.startswith("new: ")]
    assert [one["id"] for one in emerging_topics(client)] == [row["id"]]
    shown = CliRunner().invoke(app, ["topics", "--emerging"], env={"COLUMNS": "300"}).stdout
    assert "giant squid" in shown
    # It goes on under its id, and ends when nobody speaks of it any more.
    later = spread(STRANGE[10:], begin + timedelta(hours=30), 2, 2) + spread(
        QUIET, begin + timedelta(days=4), 9, 20, 700
    )
    write_documents(client, scored(score, later, len(headlines)))
    ends = [one for one in evaluator(clickhouse_url).advance() if one.topic.startswith("new: ")]
    assert [(one.id, one.state) for one in ends] == [(notice.id, "resolved")]
    assert [one["id"] for one in emerging_topics(client)] == [row["id"]]
    assert [one["state"] for one in alerts_now(client) if one["topic"].startswith("new: ")] == ["resolved"]


def test_a_topic_is_followed_over_a_change_of_the_model(score: Score):
    """Two versions' vectors are not compared; terms hold the topic together."""
    begin = MONDAY + timedelta(days=6)
    rows = scored(score, spread(QUIET, MONDAY, 54, 7 * 24) + spread(STRANGE, begin, 12, 20))
    for number, row in enumerate(rows):
        row.model_version = f"v{number % 2}"
    told = [
        SampledDocument(msgspec.structs.astuple(row.position), row.published_at, row.lang,
                      row.model_version, row.title, row.text, [m.entity for m in row.mentions], row.embedding)
        for row in rows
    ]  # fmt: skip
    at = MONDAY + timedelta(days=7)
    late, early = [t for t in told if t.published_at > begin], [t for t in told if t.published_at <= begin]
    (found,) = emerging.cluster(late, early,
                             told, at, {})  # fmt: skip
    assert "giant squid" in found.name and len(found.members) >= 10
    assert emerging.cluster(told[::-1], [], told, at, {})[0].id == found.id


def test_templates_count_once_and_chinese_is_named():
    def told(number: int, text: str) -> SampledDocument:
        at = MONDAY + timedelta(minutes=number)
        return SampledDocument(("news", "id", 0, number), at, "en", "v", text, "", [], b"")

    spam = [
        told(n, f"Company info and bid for trader number {n}: click here http://t.co/{n} $ABC{n}") for n in range(30)
    ]
    assert emerging.cluster(spam, [], [], MONDAY + timedelta(days=1), {}) == []
    texts = (
        "量子猫咪走红网络",
        "为什么大家都养量子猫咪",
        "量子猫咪玩具卖断货",
        "孩子们画的量子猫咪",
        "量子猫咪表情包来了",
        "专家谈量子猫咪热",
    )
    others = [
        told(100 + n, text)
        for n, text in enumerate(["春天去哪里看花", "周末菜谱十则", "老城里的茶馆", "雨天读书笔记"] * 6)
    ]
    (found,) = emerging.cluster([told(n, t) for n, t in enumerate(texts)], [], others, MONDAY + timedelta(days=1), {})
    assert "量子猫咪" in found.name
