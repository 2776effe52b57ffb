"""The life of an alert over a real ClickHouse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from clickhouse_driver import Client

from alerts import Evaluator, Transition
from alerts.detection import NO_COMPANY, Series
from documents import Document, Entity, Mention, Position, Topic
from settings import AlertSettings, ClickHouseSettings
from storage import connect, replace_entities, write_documents
from storage.reads import alerts_now, moving_documents, sentiment_and_topic_windows
from storage.writes import write_alerts

MONDAY = datetime(2020, 6, 15, tzinfo=UTC)
STREAM = AlertSettings(clock="stream")


def evaluator(url: str, **options: object) -> Evaluator:
    return Evaluator(lambda: connect(ClickHouseSettings(url=url)), STREAM, **options)  # type: ignore[arg-type]


def document(number: int, entity: str, at: datetime, sentiment: float) -> Document:
    position = Position("news", "id", 0, number)
    record = Document(position, document_id=f"d{number}", story_id=number, source="s")
    record.published_at, record.label, record.sentiment = at, "neutral", sentiment
    record.title, record.model_version = f"story {number} about {entity}", "m1"
    record.mentions = [Mention(entity, entity, "name", "neutral", 0.3, 0.4, 0.3, sentiment)]
    return record


def week(crisis: bool) -> list[Document]:
    """Two companies, 30 documents a day each; on Thursday at 9 h one of them turns, until Friday 9 h."""
    rng = np.random.default_rng(3)
    records: list[Document] = []
    for hour in range(7 * 24):
        for entity in ("AAA", "BBB"):
            at = MONDAY + timedelta(hours=hour, minutes=int(rng.integers(60)))
            bad = crisis and entity == "AAA" and 81 <= hour < 105
            for _ in range(6 if bad else rng.poisson(1.25)):
                tone = -0.8 if bad else float(rng.choice([-0.7, 0.0, 0.0, 0.7]))
                records.append(document(len(records), entity, at, tone))
    records.sort(key=lambda record: record.published_at)
    for offset, record in enumerate(records):
        record.position = Position("news", "id", 0, offset)
    return records


def test_a_crisis_fires_once_and_is_resolved(client: Client, clickhouse_url: str):
    write_documents(client, week(crisis=True))
    sent: list[Transition] = []
    explained = evaluator(
        clickhouse_url, publish=sent.extend, explain=lambda text, entity: [("of", -0.1), ("(story),", -1.0)]
    )
    made = explained.advance()
    assert [row.state for row in made] == ["firing", "escalated_to_warning", "resolved"] and sent == made
    (alert,) = alerts_now(client)
    assert (alert["entity"], alert["direction"], alert["state"]) == ("AAA", "negative", "resolved")
    turned = MONDAY + timedelta(hours=81)
    assert turned < alert["fired_at"] <= turned + timedelta(hours=4)
    assert alert["resolved_at"] > turned + timedelta(hours=24)
    documents = alert["evidence"]["documents"]
    assert len(documents) == 5 and all(row["sentiment"] < -0.5 for row in documents)
    assert documents[0]["words"] == ["story"]
    assert client.execute(alert["evidence"]["query"].replace("%", "%%"))


def test_a_currency_has_alerts_only_where_a_rule_asks_and_is_no_part_of_the_market(
    client: Client, clickhouse_url: str, tmp_path: Path
):
    write_documents(client, week(crisis=True))
    path = tmp_path / "rules.yaml"
    types = {"AAA": "currency"}

    def fired(rules: str, market: str = "false") -> set[str]:
        path.write_text(f"market: {market}\nrules: [{rules}]")
        settings = AlertSettings(clock="stream", rules=path)
        connecting = lambda: connect(ClickHouseSettings(url=clickhouse_url))  # noqa: E731
        made = Evaluator(connecting, settings, other_types=types)  # type: ignore[arg-type]
        return {row.entity for row in made.advance()}

    assert fired("{name: all}") == set()
    assert fired("{name: all}, {name: fx, entity_types: [currency]}") == {"AAA"}
    windows, _ = sentiment_and_topic_windows(client, MONDAY, MONDAY + timedelta(days=7), no_companies=["AAA"])
    counts = {name: int(windows.documents[windows.entity == name].sum()) for name in ("AAA", "BBB", "")}
    assert counts["AAA"] == counts[""] > 0, "what names a currency alone is still news that names no company"
    replace_entities(client, [Entity("AAA", "A", "macro", entity_type="currency")])
    moved = moving_documents(client, None, MONDAY, MONDAY + timedelta(days=7), 0.0, sign=-1)
    assert len(moved) == 5 and all("about AAA" in row["title"] for row in moved)
    assert fired("{name: all}", "true") == {"*"}
    (told,) = [alert for alert in alerts_now(client) if alert["entity"] == "*"]
    assert told["topic"] == NO_COMPANY and all("AAA" in row["title"] for row in told["evidence"]["documents"])
    assert client.execute(told["evidence"]["query"].replace("%", "%%"))
    alone = Series(windows, no_companies=["AAA"]).between(0, 0, 2**40).documents
    assert counts[""] < alone < Series(windows).between(0, 0, 2**40).documents


def test_a_quiet_week_fires_nothing(client: Client, clickhouse_url: str):
    write_documents(client, week(crisis=False))
    assert evaluator(clickhouse_url).advance() == [] and alerts_now(client) == []


def test_a_second_evaluator_and_a_restarted_one_write_nothing_new(client: Client, clickhouse_url: str):
    records = week(crisis=True)
    middle = next(i for i, record in enumerate(records) if record.published_at > MONDAY + timedelta(hours=90))
    write_documents(client, records[:middle])
    first = evaluator(clickhouse_url)
    assert [row.state for row in first.advance()] == ["firing", "escalated_to_warning"]
    assert evaluator(clickhouse_url).advance() == []
    write_documents(client, records[middle:])
    assert [row.state for row in evaluator(clickhouse_url).advance()] == ["resolved"]
    first.advance()
    assert client.execute("SELECT uniqExact(id), count() FROM alerts FINAL") == [(1, 3)]


def test_repeats_of_one_bad_story_do_not_fire(client: Client, clickhouse_url: str):
    records = week(crisis=False)
    at = MONDAY + timedelta(hours=81)
    for number in range(60):
        copy = document(len(records), "AAA", at + timedelta(minutes=number), -0.9)
        copy.story_id, copy.source = 10**6, f"source {number}"
        records.append(copy)
    write_documents(client, records)
    assert evaluator(clickhouse_url).advance() == []


def test_a_silent_feed_is_an_alarm_until_it_speaks(client: Client, clickhouse_url: str):
    now = datetime.now(UTC)
    old = document(0, "AAA", now - timedelta(hours=9), 0.0)
    write_documents(client, [old])
    wall = AlertSettings(clock="wall")
    quick = Evaluator(lambda: connect(ClickHouseSettings(url=clickhouse_url)), wall)
    quick.rules.stale_after_s = 0
    until = int(now.timestamp()) // 900 * 900
    (alarm,) = quick.evaluate(until - 900, until)
    assert (alarm.kind, alarm.entity, alarm.state) == ("feed_stale", "feed:news", "firing")
    assert [row.state for row in quick.evaluate(until - 900, until)] == []
    quick.rules.stale_after_s = 3600
    assert [(row.id, row.state) for row in quick.evaluate(until - 900, until)] == [(alarm.id, "resolved")]


def test_hours_that_are_over_are_settled_by_the_clock_on_the_wall(client: Client, clickhouse_url: str):
    now = datetime.now(UTC)
    write_documents(client, [document(number, "AAA", now - timedelta(hours=number), 0.0) for number in range(5)])
    hours = "SELECT count(), sum(length(entities)) FROM settled_counts FINAL"
    evaluator(clickhouse_url).advance()
    assert client.execute(hours) == [(0, 0)]
    Evaluator(lambda: connect(ClickHouseSettings(url=clickhouse_url)), AlertSettings(clock="wall")).advance()
    found, mentions = client.execute(hours)[0]
    # The latest hours may not be over for long enough. Each document counts for its company and for the market.
    assert 3 <= found <= 4 and mentions == 2 * found


def test_a_shift_of_the_whole_market_is_one_alert(client: Client, clickhouse_url: str):
    rng, records = np.random.default_rng(4), []
    for hour in range(12 * 24):
        for company in range(30):
            if rng.random() < 0.12:
                bad = hour >= 10 * 24
                at = MONDAY + timedelta(hours=hour, minutes=int(rng.integers(60)))
                tone = float(rng.choice([-0.7, -0.7, -0.3, 0.0] if bad else [-0.7, 0.0, 0.3, 0.7]))
                records.append(document(len(records), f"C{company:02d}", at, tone))
    records.sort(key=lambda record: record.published_at)
    for offset, record in enumerate(records):
        record.position = Position("news", "id", 0, offset)
    write_documents(client, records)
    made = [row for row in evaluator(clickhouse_url).advance() if row.state == "firing"]
    assert [(row.entity, row.direction) for row in made] == [("*", "negative")]


def test_news_that_comes_after_its_date_is_an_alert_all_the_same(client: Client, clickhouse_url: str):
    """Bare dates are midnight: what is dated today and comes in the afternoon belongs to a tick that is long over."""
    now = datetime.now(UTC).replace(hour=14, minute=30, second=0, microsecond=0)
    rng, records = np.random.default_rng(5), []
    for hour in range(40 * 24, 1, -1):
        for entity in ("AAA", "BBB"):
            if rng.random() < 0.1:
                tone = float(rng.choice([-0.7, 0.0, 0.0, 0.7]))
                records.append(document(len(records), entity, now - timedelta(hours=hour), tone))
    write_documents(client, records)
    tick = int(now.timestamp())
    wall = Evaluator(lambda: connect(ClickHouseSettings(url=clickhouse_url)), AlertSettings(clock="wall"))
    wall.rules.stale_after_s = 10**9
    assert wall.evaluate(tick - 900, tick) == []
    midnight = now.replace(hour=0, minute=0)
    bad = [document(len(records) + number, "AAA", midnight, -0.9) for number in range(12)]
    write_documents(client, bad)
    (alert,) = wall.evaluate(tick, tick + 900)
    assert (alert.entity, alert.direction, alert.state) == ("AAA", "negative", "firing")
    assert alert.fired_at == now + timedelta(minutes=15) and alert.began_at == midnight
    assert wall.evaluate(tick + 900, tick + 1800) == []


def test_a_topic_that_rises_is_an_alert_and_part_of_the_evidence(client: Client, clickhouse_url: str):
    records = week(crisis=True)
    for record in records:
        record.topics = [Topic("litigation" if record.sentiment < -0.75 else "earnings", 0.9)]
    write_documents(client, records)
    made = [row for row in evaluator(clickhouse_url).advance() if row.state == "firing"]
    (tone,) = (row for row in made if row.kind == "sentiment_shift")
    (risen,) = tone.evidence["topics"]
    assert risen["topic"] == "litigation" and risen["before"] < 0.05 < 0.7 < risen["after"] and risen["documents"] >= 5
    topics = {(row.entity, row.topic, row.direction) for row in made if row.kind == "topic_shift"}
    assert topics == {("AAA", "litigation", "up")}


def test_a_shift_that_grows_is_escalated(client: Client, clickhouse_url: str):
    records = week(crisis=True)
    worse = MONDAY + timedelta(hours=90)
    for hour in range(90, 110):
        for minute in range(0, 60, 3):
            at = MONDAY + timedelta(hours=hour, minutes=minute)
            records.append(document(len(records), "AAA", at, -0.95))
    records.sort(key=lambda record: record.published_at)
    for offset, record in enumerate(records):
        record.position = Position("news", "id", 0, offset)
    early = [record for record in records if record.published_at < worse]
    write_documents(client, early)
    made = evaluator(clickhouse_url).advance()
    write_documents(client, records[len(early) :])
    made += evaluator(clickhouse_url).advance()  # another worker goes on
    fired, warned, critical, _ = made
    assert [row.state for row in made] == ["firing", "escalated_to_warning", "escalated_to_critical", "resolved"]
    assert [row.severity for row in made] == ["notice", "warning", "critical", "critical"]
    assert len({(row.id, row.fired_at) for row in made}) == 1 and fired.at < warned.at < critical.at
    assert critical.evidence["escalated_from"] == "warning" and critical.evidence["documents"]
    assert critical.after_mean < fired.after_mean
    (alert,) = alerts_now(client)
    assert (alert["severity"], alert["state"], alert["escalated_at"]) == ("critical", "resolved", critical.at)
    assert alert["after_mean"] == fired.after_mean
    view = "SELECT severity, state, escalated_at FROM alerts_as_of(moment = %(at)s, known = now64(3))"
    assert client.execute(view, {"at": fired.at}) == [("notice", "firing", None)]
    assert client.execute(view, {"at": critical.at}) == [("critical", "firing", critical.at)]
    history = client.execute("SELECT event, severity FROM alert_history ORDER BY at")
    assert history == [(row.state, row.severity) for row in made]


def test_an_old_alert_is_remembered_while_it_lasts(client: Client, clickhouse_url: str):
    records = week(crisis=True)
    write_documents(client, [record for record in records if record.published_at < MONDAY + timedelta(hours=90)])
    fired = evaluator(clickhouse_url).advance()[0]
    later = fired.fired_at + timedelta(days=90)
    assert [row["id"] for row in alerts_now(client, since=later, unfinished=True)] == [fired.id]
    assert alerts_now(client, since=later) == []
    write_alerts(client, [{**fired.columns(), "state": "resolved", "at": fired.at + timedelta(days=1)}])
    assert alerts_now(client, since=later, unfinished=True) == []
    assert len(alerts_now(client, since=fired.at + timedelta(hours=23), unfinished=True)) == 1
