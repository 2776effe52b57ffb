"""Views over what the recorded week does not have: topics, positions that end, messages, silences, judged models."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clickhouse_driver import Client

from documents import Document, Mention, Position, Topic
from storage import select, write_documents
from storage.writes import acknowledge, write_alerts, write_deliveries, write_model

NOON = datetime(2026, 1, 30, 12, tzinfo=UTC)
MOMENT = "moment = '2026-01-30 12:00:00'"


def document(offset: int, at: datetime, topics: dict[str, float], story: int = 0, source: str = "wire") -> Document:
    position = Position("news", "id", 0, offset)
    made = Document(position, document_id=f"d{offset}", source=source, model_version="m1")
    made.published_at, made.story_id, made.title, made.label = at, story or offset, f"Title {offset}", "negative"
    made.mentions = [Mention("ACME", "Acme", "name", "negative", 0.6, 0.3, 0.1, -0.5)]
    made.topics = [Topic(*topic) for topic in topics.items()]
    made.ingested_at = at + timedelta(seconds=10)
    return made


def test_topics_are_counted_once_a_story_and_against_the_week_before(client: Client):
    earlier = [document(n, NOON - timedelta(days=2, hours=n), {"earnings": 0.9}) for n in range(4)]
    today = [document(n, NOON - timedelta(hours=n - 9), {"fraud": 0.8, "earnings": 0.4}) for n in range(10, 14)]
    copies = [document(n, NOON - timedelta(hours=1), {"fraud": 0.8}, story=10, source=f"s{n}") for n in range(20, 25)]
    write_documents(client, [*earlier, *today, *copies], stamp=False)
    found = {row["topic"]: row for row in select(client, f"SELECT * FROM topics_as_of({MOMENT}, known = now64(3))")}
    assert (found["fraud"]["documents"], found["fraud"]["documents_before"], found["fraud"]["share"]) == (4, 0, 1)
    assert (found["earnings"]["documents"], found["earnings"]["share_before"]) == (4, 1)
    assert abs(found["fraud"]["sentiment"] + 0.5) < 1e-6
    then = select(client, f"SELECT * FROM topics_as_of({MOMENT}, known = '2026-01-30 10:30:00') WHERE topic = 'fraud'")
    assert then[0]["documents"] == 3
    rows = client.execute("SELECT topic, count() FROM topics GROUP BY topic ORDER BY topic")
    assert rows == [("earnings", 8), ("fraud", 4)]


def test_a_position_ends_with_nothing_held(client: Client):
    rows = [("tech", "ACME", 5.0, NOON - timedelta(hours=2)), ("tech", "ACME", 0.0, NOON + timedelta(hours=1)),
            ("tech", "OTHER", -1.0, NOON)]  # fmt: skip
    client.execute("INSERT INTO position_log (desk, ticker, exposure, at) VALUES", [*rows, rows[0]])
    held = f"SELECT ticker, exposure FROM positions_as_of({MOMENT}) ORDER BY ticker"
    assert client.execute(held) == [("ACME", 5.0), ("OTHER", -1.0)]
    assert client.execute("SELECT ticker FROM positions") == [("OTHER",)]
    assert client.execute("SELECT currency, quantity FROM positions") == [("", None)]


def test_an_alert_has_the_state_and_the_person_of_the_moment(client: Client):
    def transition(state: str, at: datetime) -> dict:
        return {
            "id": "a1", "kind": "sentiment_shift", "entity": "ACME", "direction": "negative", "severity": "critical",
            "state": state, "fired_at": NOON, "at": at, "recorded_at": at, "before_mean": 0.1, "after_mean": -0.6,
            "before_documents": 30, "after_documents": 8, "began_at": NOON, "model_version": "m1",
            "evidence": {"rule": "all", "threshold": 3.5, "statistic": -5.2, "documents": [
                {"document_id": "d1", "title": "Bad news", "published_at": NOON, "sentiment": -0.9, "words": ["bad"]}]},
        }  # fmt: skip

    ended = NOON + timedelta(hours=5)
    write_alerts(client, [transition("firing", NOON), transition("resolved", ended), transition("firing", NOON)])
    write_deliveries(client, [("a1", "firing", "chat", "sent", 1, "")])
    acknowledge(client, ["a1"], "ana", "looking")
    (now,) = select(client, "SELECT * FROM alerts_now")
    assert (now["state"], now["resolved_at"], now["rule"], now["statistic"]) == ("resolved", ended, "all", -5.2)
    assert (now["acknowledged_by"], now["note"]) == ("ana", "looking")
    (then,) = select(
        client, "SELECT * FROM alerts_as_of(moment = '2026-01-30 13:00:00', known = '2026-01-30 13:00:00')"
    )
    assert (then["state"], then["resolved_at"], then["acknowledged_by"]) == ("firing", None, "")
    events = [row["event"] for row in select(client, "SELECT * FROM alert_history ORDER BY at")]
    assert sorted(events) == ["acknowledged", "firing", "resolved"]
    (shown,) = select(client, "SELECT * FROM alert_evidence")
    assert (shown["position"], shown["title"], shown["words"], shown["published_at"]) == (1, "Bad news", ["bad"], NOON)
    assert select(client, "SELECT * FROM alert_messages")[0]["outcome"] == "sent"
    acknowledge(client, ["a1"], "ana", undo=True)
    assert select(client, "SELECT * FROM alerts_now")[0]["acknowledged_by"] == ""


def test_a_judged_model_and_one_that_only_scored_are_both_versions(client: Client):
    write_documents(client, [document(1, NOON, {})], stamp=False)
    gate = [{"rule": "new labels", "champion": 0.5, "challenger": 0.4, "difference": -0.1, "low": -0.2, "high": 0.0,
             "p_value": None, "passed": False}]  # fmt: skip
    write_model(client, "m2", "m1", False, "new labels: worse", 40, gate, {"seconds": 3})
    versions = {row["version"]: row for row in select(client, "SELECT * FROM model_versions")}
    assert (versions["m1"]["documents"], versions["m1"]["passed"]) == (1, None)
    assert (versions["m2"]["documents"], versions["m2"]["passed"], versions["m2"]["first_scored_at"]) == (
        0,
        False,
        None,
    )
    (rule,) = select(client, "SELECT * FROM model_judgements")
    assert (rule["version"], rule["rule"], rule["difference"], rule["rule_passed"]) == ("m2", "new labels", -0.1, False)
