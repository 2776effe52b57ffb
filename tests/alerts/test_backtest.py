"""The backtest says what the live path says of the same data, and judges it against known events."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from clickhouse_driver import Client

from alerts import Evaluator, Transition, backtest
from alerts.rules import Rules, read_rules
from settings import AlertSettings, ClickHouseSettings
from storage import connect, write_documents
from tests.alerts.test_alerting import MONDAY, week

TELLS = ("id", "kind", "entity", "direction", "severity", "state", "fired_at", "at", "before_mean", "after_mean",
         "before_documents", "after_documents", "began_at")  # fmt: skip
FOR = "rules: [{name: all, for: 45m}]"


def said(row: Transition) -> list:
    """What a transition tells; sums of floats depend on their order in the last digits."""
    return [round(value, 9) if isinstance(value := getattr(row, name), float) else value for name in TELLS]


@pytest.mark.parametrize("text", ["rules: [{name: all}]", FOR])
def test_the_backtest_makes_the_transitions_of_the_live_path(client: Client, clickhouse_url: str, text: str, tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    settings = AlertSettings(clock="stream", rules=path)
    live = Evaluator(lambda: connect(ClickHouseSettings(url=clickhouse_url)), settings)
    records, told = week(crisis=True), []
    for hours in range(60, 169, 12):
        batch = [r for r in records if MONDAY + timedelta(hours=hours - 12) <= r.published_at]
        batch = [r for r in batch if r.published_at < MONDAY + timedelta(hours=hours)] if hours > 60 else [
            r for r in records if r.published_at < MONDAY + timedelta(hours=60)
        ]  # fmt: skip
        write_documents(client, batch)
        told += live.advance()
    history = backtest.read_history(client)
    found, _ = backtest.replay(history, read_rules(text))
    until = live.evaluated_until
    found = [row for row in found if row.at.timestamp() <= until]
    assert [said(row) for row in found] == [said(row) for row in told]
    states = [row.state for row in told if row.kind == "sentiment_shift"]
    assert states == [*(["pending"] if text == FOR else []), "firing", "escalated_to_warning", "resolved"]


def test_events_are_judged_and_drawn(client: Client, tmp_path: Path):
    write_documents(client, week(crisis=True))
    path = tmp_path / "events.json"
    crisis = {"name": "crisis", "ticker": "AAA", "date": "2020-06-18T09:00:00Z", "kind": "negative", "more": 1}
    path.write_text(
        json.dumps([crisis, {"name": "calm", "ticker": "BBB", "date": "2020-06-18", "kind": "volume_only"}])
    )
    events = backtest.load_events(path)
    history = backtest.read_history(client)
    transitions, watched = backtest.replay(history, Rules())
    found = backtest.judge(transitions, watched, history, events)
    first, second = found["events"]
    assert first["fired"] and first["direction"] == "negative" and 0 < first["delay_hours"] <= 4
    assert abs((first["change_point"] - events[0].at).total_seconds()) < 4 * 3600
    (raised,) = first["alerts"][0]["escalations"]
    assert raised["severity"] == "warning" and raised["at"] > first["fired_at"]
    assert not second["fired"] and found["false_alarms"] == 0
    documents = backtest.documents_of(client, next(row for row in transitions if row.state == "firing"))
    assert len(documents) == 5 and documents[0]["sentiment"] < -0.5
    picture = tmp_path / "charts" / "crisis.png"
    span = (events[0].at - timedelta(days=3), events[0].at + timedelta(days=1))
    backtest.plot(watched, transitions, "AAA", *span, picture, "A crisis", events[0].at)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_bad_events_are_told(tmp_path: Path):
    path = tmp_path / "events.json"
    path.write_text('[{"name": "x", "ticker": "AAA", "date": "tomorrow", "kind": "negative"}]')
    with pytest.raises(backtest.BadEvents, match="tomorrow"):
        backtest.load_events(path)
    low, high = backtest.poisson_interval(10)
    assert (round(low, 1), round(high, 1)) == (4.8, 18.4)
