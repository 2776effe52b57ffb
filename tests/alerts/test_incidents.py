"""Which alerts are parts of one incident, and how incidents are seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_driver import Client

from alerts.incidents import Incidents
from alerts.transition import Alert, Transition
from documents import AlertKind, AlertState, Direction, Severity
from storage import select
from storage.reads import alerts_now
from storage.writes import write_alerts

NOON = datetime(2026, 1, 30, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def transition(
    id_: str,
    at: datetime,
    kind: AlertKind = AlertKind.EVENT,
    entity: str = "ACME",
    direction: Direction = Direction.NEGATIVE,
    **changes: Any,
) -> Transition:
    values: dict[str, Any] = {
        "id": id_, "kind": kind, "entity": entity, "topic": "raid" if kind is AlertKind.EVENT else "",
        "direction": direction, "severity": Severity.WARNING, "state": AlertState.FIRING, "fired_at": at, "at": at,
        "recorded_at": at, "before_mean": 0.0, "after_mean": 1.0, "before_documents": 0, "after_documents": 1,
        "began_at": at, "model_version": "m1", "evidence": {"documents": []},
    }  # fmt: skip
    return Transition(**values | changes)


def test_what_begins_close_in_time_at_one_company_is_one_incident():
    event = transition("a", NOON)
    shift = transition("b", NOON + 3 * HOUR, AlertKind.SENTIMENT_SHIFT)
    topic = transition("c", NOON + 4 * HOUR, AlertKind.TOPIC_SHIFT, direction=Direction.UP)
    other = transition("d", NOON + HOUR, entity="OTHER")
    good = transition("e", NOON + 5 * HOUR, AlertKind.SENTIMENT_SHIFT, direction=Direction.POSITIVE)
    market = transition("f", NOON + HOUR, AlertKind.SENTIMENT_SHIFT, "*")
    crash = transition("g", NOON + 2 * HOUR, AlertKind.SENTIMENT_SHIFT, "*")
    ended = transition("a", NOON + 9 * HOUR, state=AlertState.RESOLVED, fired_at=NOON)
    later = transition("h", NOON + 60 * HOUR)
    made = [ended, topic, shift, event, other, good, market, crash, later]
    Incidents().assign(made)
    assert len({event.incident, shift.incident, topic.incident, ended.incident}) == 1
    assert len({row.incident for row in made}) == 6 and "" not in {row.incident for row in made}
    # What is made later, by anybody, joins what is stored.
    volume, much_later = transition("i", NOON + 6 * HOUR, AlertKind.BUZZ), transition("j", NOON + 200 * HOUR)
    Incidents(Alert.of(row) for row in (event, shift, other, later)).assign([volume, much_later])
    assert volume.incident == event.incident and much_later.incident not in {row.incident for row in made}


def test_incidents_are_seen_with_their_parts(client: Client):
    event, shift = transition("a", NOON), transition("b", NOON + 3 * HOUR, AlertKind.SENTIMENT_SHIFT)
    raised = transition(
        "a", NOON + 4 * HOUR, state=AlertState.ESCALATED_TO_CRITICAL, severity=Severity.CRITICAL, fired_at=NOON
    )
    rows = [event, shift, raised]
    Incidents().assign(rows)
    write_alerts(client, [row.columns() for row in rows])
    before_incidents = (
        "INSERT INTO alerts (id, kind, entity, severity, state, fired_at, at, recorded_at, evidence) VALUES"
    )
    client.execute(before_incidents, [("old", "buzz", "ACME", "notice", "firing", NOON, NOON, NOON, "{}")])
    assert {row["id"]: row["incident"] for row in alerts_now(client)} == {
        "a": event.incident, "b": event.incident, "old": "old",
    }  # fmt: skip
    (found,) = select(client, "SELECT * FROM incidents WHERE incident != 'old'")
    assert (found["incident"], found["entity"], found["state"]) == (event.incident, "ACME", "firing")
    assert (found["severity"], found["fired_at"], found["resolved_at"]) == ("critical", NOON, None)
    assert found["updated_at"] == NOON + 4 * HOUR
    assert [part[1:4] for part in found["parts"]] == [("a", "event", "raid"), ("b", "sentiment_shift", "")]
    over = [
        transition(
            id_, NOON + 9 * HOUR, state=AlertState.RESOLVED, severity=worst, fired_at=NOON, incident=event.incident
        )
        for id_, worst in (("a", Severity.CRITICAL), ("b", Severity.WARNING))
    ]
    write_alerts(client, [row.columns() for row in over])
    (found,) = select(client, "SELECT * FROM incidents WHERE incident != 'old'")
    assert (found["state"], found["severity"], found["resolved_at"]) == ("resolved", "critical", NOON + 9 * HOUR)
    known = "moment = '2026-01-30 13:00:00', known = now64(3)"
    (then,) = select(client, f"SELECT * FROM incidents_as_of({known}) WHERE incident != 'old'")
    assert (then["state"], then["severity"], len(then["parts"])) == ("firing", "warning", 1)
    history = client.execute("SELECT DISTINCT incident FROM alert_history WHERE incident != 'old'")
    assert history == [(event.incident,)]
