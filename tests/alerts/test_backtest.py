"""The backtest says what the live path says of the same data, and judges it against known events."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from clickhouse_driver import Client

from alerts import Evaluator, Transition, backtest
from alerts.backtest.judge import is_answer
from alerts.events import load_source_weights
from alerts.rules import Rules
from alerts.rules_file import read_rules
from documents import AlertKind, Direction, Document
from documents.events import Event, EventRole, EventState, load_event_types
from settings import AlertSettings, ClickHouseSettings
from storage import connect, write_documents
from storage.reads import Windows
from tests.alerts.test_alerting import MONDAY, document, week

TELLS = ("id", "incident", "kind", "entity", "direction", "severity", "state", "fired_at", "at", "before_mean",
         "after_mean", "before_documents", "after_documents", "began_at")  # fmt: skip
FOR = "rules: [{name: all, for: 45m}]"


EVENTS = backtest.event_lifecycle(load_event_types(), load_source_weights())


def with_events() -> list[Document]:
    """The crisis, in which a rumour of a raid is confirmed, then bankruptcy; calm companies have their results."""
    records, bad = week(crisis=True), 0
    for number, record in enumerate(records):
        entity, kind, state = record.mentions[0].entity, "results_miss", EventState.HAPPENED
        if record.sentiment == -0.8:
            bad += 1
            kind = "raid" if bad < 40 else "bankruptcy"
            state = EventState.RUMOURED if bad < 20 else EventState.HAPPENED
        elif number > 50 or entity == "AAA":
            continue
        severity = load_event_types().by_name[kind].severity - (state is EventState.RUMOURED)
        record.events = [Event(entity, kind, 0.98, EventRole.SUBJECT, state, 80, severity, -1)]
    return records


def said(row: Transition) -> list:
    """What a transition tells; sums of floats depend on their order in the last digits."""
    return [round(value, 9) if isinstance(value := getattr(row, name), float) else value for name in TELLS]


@pytest.mark.parametrize("text", ["rules: [{name: all}]", FOR])
def test_the_backtest_makes_the_transitions_of_the_live_path(client: Client, clickhouse_url: str, text: str, tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    settings = AlertSettings(clock="stream", rules=path)
    live = Evaluator(lambda: connect(ClickHouseSettings(url=clickhouse_url)), settings)
    records, told = with_events(), []
    for hours in range(60, 169, 12):
        batch = [r for r in records if MONDAY + timedelta(hours=hours - 12) <= r.published_at]
        batch = [r for r in batch if r.published_at < MONDAY + timedelta(hours=hours)] if hours > 60 else [
            r for r in records if r.published_at < MONDAY + timedelta(hours=60)
        ]  # fmt: skip
        write_documents(client, batch)
        told += live.advance()
    history = backtest.read_history(client)
    found, _ = backtest.replay(history, read_rules(text), events=EVENTS)
    until = live.evaluated_until

    def in_order(rows: list[Transition]) -> list[list]:
        rows = [row for row in rows if row.at.timestamp() <= until]
        return [said(row) for row in sorted(rows, key=lambda row: (row.at, row.kind, row.topic, row.state))]

    assert in_order(found) == in_order(told)
    crisis = {row.incident for row in told if row.entity == "AAA" and row.at > MONDAY + timedelta(days=3)}
    assert len(crisis) == 1 and {row.kind for row in told if row.incident in crisis} == {"event", "sentiment_shift"}
    happened = [(row.topic, row.state, row.severity) for row in told if row.entity == "AAA" and row.kind == "event"]
    assert [one for one in happened if one[0] != "results_miss"] == [
        ("raid", "firing", "notice"), ("raid", "escalated_to_warning", "warning"),
        ("bankruptcy", "firing", "warning"), ("bankruptcy", "escalated_to_critical", "critical"),
    ]  # fmt: skip
    states = [row.state for row in told if row.kind == "sentiment_shift"]
    assert states == [*(["pending"] if text == FOR else []), "firing", "escalated_to_warning", "resolved"]


def test_a_rule_chooses_what_sentiment_turns_to(client: Client):
    write_documents(client, with_events())
    history = backtest.read_history(client)

    def turns(rule: str) -> set[tuple[str, str]]:
        found, _ = backtest.replay(history, read_rules(f"rules: [{{name: all, {rule}}}]"), events=EVENTS)
        return {(row.kind, row.direction) for row in found}

    bad, good = {("sentiment_shift", "negative"), ("event", "negative")}, {("sentiment_shift", "positive")}
    assert turns("cooldown: 24h") == turns("tones: [negative]") == bad
    # The end of a crisis of which nothing was told is good news of its own.
    assert turns("tones: [positive]") == turns("tones: [positive], for: 45m") == good


def test_events_are_judged_and_drawn(client: Client, tmp_path: Path):
    write_documents(client, with_events())
    path = tmp_path / "events.json"
    crisis = {"name": "crisis", "ticker": "AAA", "date": "2020-06-18T09:00:00Z", "kind": "negative", "more": 1}
    path.write_text(
        json.dumps([crisis, {"name": "calm", "ticker": "BBB", "date": "2020-06-18", "kind": "volume_only"}])
    )
    events = backtest.load_events(path)
    history = backtest.read_history(client)
    transitions, watched = backtest.replay(history, Rules(), events=EVENTS)
    found = backtest.judge(transitions, watched, history, events)
    first, second = found["events"]
    assert first["fired"] and first["direction"] == "negative" and 0 < first["delay_hours"] <= 4
    assert abs((first["change_point"] - events[0].at).total_seconds()) < 4 * 3600
    assert (first["kind"], first["event_type"], first["severity"]) == ("event", "raid", "notice")
    tone, raid = (next(row for row in first["alerts"] if row["kind"] == kind) for kind in ("sentiment_shift", "event"))
    assert 0 < first["delay_hours"] < (tone["fired_at"] - events[0].at).total_seconds() / 3600
    for row in (tone, raid):
        (raised,) = row["escalations"]
        assert raised["severity"] == "warning" and raised["at"] >= row["fired_at"]
    assert tone["event_type"] is None and raid["event_type"] == "raid"
    assert not second["fired"] and found["false_alarms"] == 0
    by_id = {row.id: row for row in transitions if row.state == "firing"}
    for row in (tone, raid):
        documents = backtest.documents_of(client, by_id[row["id"]])
        assert 2 <= len(documents) <= 5 and documents[0]["sentiment"] < -0.5
    rates = found["alerts_per_entity_year"]
    assert found["event_alerts"] == sum(row["kind"] == "event" for row in found["alerts"]) >= 2
    assert rates["all"] == {"alerts": 0, "rate": None}  # all of it is near the known events
    rates = backtest.judge(transitions, watched, history, [])["alerts_per_entity_year"]
    assert rates["by_kind"]["event"]["alerts"] == found["event_alerts"] == 3  # raid, bankruptcy, the other's results
    assert [rates[name]["alerts"] for name in ("all", "notice", "warning", "critical")] == [4, 0, 3, 1]
    assert rates["all"]["rate"] > 4
    picture = tmp_path / "charts" / "crisis.png"
    span = (events[0].at - timedelta(days=3), events[0].at + timedelta(days=1))
    backtest.plot(watched, transitions, "AAA", *span, picture, "A crisis", events[0].at)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_what_was_told_in_the_year_before_is_no_news_to_a_backtest_that_begins_later(client: Client):
    def accident(at: datetime, offset: int) -> Document:
        told = Event("AAA", "accident", 0.98, EventRole.SUBJECT, EventState.HAPPENED, 80, 4, -1)
        return replace(document(offset, "AAA", at, -0.8), source="Reuters", events=[told])

    later = MONDAY + timedelta(days=100)
    write_documents(client, [accident(MONDAY, 0), accident(later, 1)])

    def fired(since: datetime) -> list[datetime]:
        history = backtest.read_history(client, since, later + timedelta(days=1))
        found, _ = backtest.replay(history, Rules(), events=EVENTS)
        return [row.fired_at for row in found if row.state == "firing"]

    assert fired(MONDAY - timedelta(days=1)) == [MONDAY] and fired(later - timedelta(days=1)) == []
    client.execute("ALTER TABLE record_log DELETE WHERE offset = 0 SETTINGS mutations_sync = 1")
    assert fired(later - timedelta(days=1)) == [later]


def test_an_event_is_answered_by_alerts_of_its_direction():
    def answers(kind: str, alert: AlertKind, direction: str, topic: str = "") -> bool:
        row: Any = SimpleNamespace(kind=alert, direction=Direction(direction), topic=topic)
        return is_answer(row, backtest.Event("x", "AAA", "2020-06-18", kind))

    for alert in (AlertKind.EVENT, AlertKind.SENTIMENT_SHIFT):
        assert answers("negative", alert, "negative") and not answers("negative", alert, "positive")
        assert answers("positive", alert, "positive") and not answers("positive", alert, "negative")
        assert answers("mixed", alert, "negative")
    assert answers("negative", AlertKind.TOPIC_SHIFT, "up", "cyber")
    assert not answers("negative", AlertKind.TOPIC_SHIFT, "up", "product")
    assert not answers("positive", AlertKind.TOPIC_SHIFT, "up", "cyber")
    assert not answers("mixed", AlertKind.TOPIC_SHIFT, "down", "cyber")


def test_bad_events_are_told(tmp_path: Path):
    path = tmp_path / "events.json"
    path.write_text('[{"name": "x", "ticker": "AAA", "date": "tomorrow", "kind": "negative"}]')
    with pytest.raises(backtest.BadEvents, match="tomorrow"):
        backtest.load_events(path)
    low, high = backtest.poisson_interval(10)
    assert (round(low, 1), round(high, 1)) == (4.8, 18.4)


def hours_of_praise() -> backtest.History:
    """Three companies of which little is said for a month, and on one day much and only good of one of them."""
    draw, begin = np.random.default_rng(1), 1_700_000_100 // 900 * 900
    rows = []
    for at in range(30 * 96):
        for name in ("AAA", "BBB", "CCC"):
            hot = name == "AAA" and 30 <= at - 25 * 96 < 70
            if count := draw.poisson(3 if hot else 0.1):
                tones = np.full(count, 0.9) if hot else draw.choice([-0.5, 0.0, 0.5], count)
                rows.append(
                    (name, begin + at * 900, count, tones.sum(), (tones * tones).sum(), 0.1 * count, 0.01 * count)
                )
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    none = (np.array([], str), np.array([], str), np.array([], np.int64), np.array([], np.int64))
    return backtest.History(Windows(*columns), none, begin + 22 * 86_400, begin + 29 * 86_400)


def test_much_good_talk_is_no_talk_without_a_change_of_tone_where_only_bad_turns_are_told():
    def told(rule: str) -> set[tuple[str, str]]:
        found, _ = backtest.replay(hours_of_praise(), read_rules(f"rules: [{{name: all, {rule}}}]"))
        return {(row.kind, row.direction) for row in found if row.entity == "AAA"}

    assert told("cooldown: 6h") == told("tones: [positive]") == {("sentiment_shift", "positive")}
    assert told("tones: [negative]") == set()
