"""The views of events: what is new at a company, what is open there, and what of it was known when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clickhouse_driver import Client

from documents import Document, Mention, Position
from documents.events import Event, EventRole, EventState, load_event_types
from storage import replace_event_types, select, write_documents

NOON = datetime(2026, 1, 30, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def report(
    offset: int,
    at: datetime,
    type_: str = "data_breach",
    state: EventState = EventState.HAPPENED,
    role: EventRole = EventRole.SUBJECT,
    story: int = 0,
    severity: int = 4,
    entity: str = "ACME",
    source: str = "wire",
) -> Document:
    """One document that tells of one event, stored ten seconds after its publication."""
    made = Document(Position("news", "id", 0, offset), document_id=f"d{offset}", source=source, title=f"Title {offset}")
    made.published_at, made.ingested_at, made.story_id = at, at + timedelta(seconds=10), story or offset
    made.label, made.model_version = "negative", "m1"
    made.mentions = [
        Mention("OTHER", "Other", "name"),
        Mention(entity, entity, "name", "negative", 0.6, 0.3, 0.1, -0.5),
    ]
    made.events = [Event(entity, type_, 0.9, role, state, 80, severity, -1)]
    return made


def moment(at: datetime) -> str:
    return f"'{at:%Y-%m-%d %H:%M:%S}'"


def test_what_a_report_adds_to_those_before_it(client: Client):
    replace_event_types(client, load_event_types().by_name.values())
    write_documents(
        client,
        [
            report(1, NOON - 40 * DAY),
            report(2, NOON, state=EventState.RUMOURED, severity=3),
            report(3, NOON + HOUR, state=EventState.RUMOURED, story=2, severity=3, source="copies"),
            report(4, NOON + 2 * HOUR, severity=4),
            report(5, NOON + 3 * HOUR, severity=4),
            report(6, NOON + 4 * HOUR, severity=5),
            report(7, NOON + 5 * HOUR, state=EventState.HISTORIC),
            report(8, NOON + 6 * HOUR, role=EventRole.COUNTERPARTY),
            report(9, NOON + 7 * HOUR, "outage"),
            report(10, NOON + 16 * DAY),  # two half-lives of a breach (168 h) later there is no pause yet
            report(11, NOON + 6 * DAY),
        ],
        stamp=False,
    )
    found = {row["document_id"]: row for row in select(client, "SELECT * FROM events")}
    assert {name: row["novelty"] for name, row in found.items()} == {
        "d1": "first", "d2": "first", "d3": "repeat", "d4": "development", "d5": "repeat", "d6": "development",
        "d7": "none", "d8": "none", "d9": "first", "d10": "repeat", "d11": "repeat",
    }  # fmt: skip
    assert [found[f"d{n}"]["stories"] for n in (1, 2, 3, 4, 11, 10)] == [1, 1, 1, 2, 5, 6]
    assert found["d10"]["began_at"] == NOON and found["d1"]["began_at"] == NOON - 40 * DAY
    row = found["d2"]
    assert (row["entity"], row["type"], row["event_group"]) == ("ACME", "data_breach", "cyber")
    assert (row["sentiment"], row["severity"], row["polarity"], row["source"]) == (-0.5, 3, -1, "wire")
    span = f"first = {moment(NOON + HOUR)}, until = {moment(NOON + 3 * HOUR)}, known = now64(3)"
    part = select(client, f"SELECT document_id, novelty FROM events_between({span}) ORDER BY offset")
    assert [tuple(row.values()) for row in part] == [("d4", "development"), ("d5", "repeat")]
    then = f"first = {moment(NOON - DAY)}, until = {moment(NOON + DAY)}, known = {moment(NOON + HOUR)}"
    assert client.execute(f"SELECT document_id FROM events_between({then})") == [("d2",)]
    write_documents(client, [report(12, NOON + 2 * HOUR, entity="BANK")], stamp=False)
    for companies in ("[]", "['ACME']", "['BANK']", "['BANK', 'ACME']", "['SHOP']"):
        chosen = select(client, f"SELECT * FROM events_of(companies = {companies}, {span}) ORDER BY document_id")
        all_of_them = f"SELECT * FROM events_between({span}) WHERE empty({companies}) OR has({companies}, entity)"
        assert chosen == select(client, f"{all_of_them} ORDER BY document_id")
        assert bool(chosen) == (companies != "['SHOP']")


def test_what_is_open_at_a_company(client: Client):
    replace_event_types(client, load_event_types().by_name.values())
    write_documents(
        client,
        [
            report(1, NOON, severity=4),
            report(2, NOON + 168 * HOUR, severity=3, source="other"),
            report(3, NOON, "bank_run", state=EventState.RUMOURED, severity=5, entity="BANK"),
            report(4, NOON + HOUR, "bank_run", state=EventState.DENIED, severity=5, entity="BANK"),
            report(5, NOON, "results_miss", severity=3, entity="SHOP"),
        ],
        stamp=False,
    )

    def at(then: datetime, known: datetime | None = None) -> dict[str, dict]:
        known_by = moment(known) if known else "now64(3)"
        rows = select(client, f"SELECT * FROM events_as_of(moment = {moment(then)}, known = {known_by})")
        return {row["entity"]: row for row in rows}

    assert list(at(NOON)) == ["BANK", "ACME", "SHOP"]
    assert at(NOON, NOON) == {}
    later = at(NOON + 336 * HOUR)
    assert list(later) == ["ACME"]  # the run was denied, and results (72 h) are forgotten
    breach = later["ACME"]
    assert (breach["weight"], breach["severity"], breach["state"]) == (0.5, 4, "happened")
    assert (breach["stories"], breach["sources"], breach["documents"], breach["title"]) == (2, 2, 2, "Title 1")
    assert (breach["began_at"], breach["latest_at"]) == (NOON, NOON + 168 * HOUR)
    assert client.execute("SELECT count() FROM events_now") == [(0,)]


def test_a_type_that_no_worker_knows_is_shown_all_the_same(client: Client):
    known = load_event_types().by_name
    replace_event_types(client, known.values())
    replace_event_types(client, [known["fine"]])
    assert client.execute("SELECT type, event_group, half_life_h, again FROM event_types") == [
        ("fine", "law", 168, known["fine"].again)
    ]
    write_documents(client, [report(1, NOON), report(2, NOON + 15 * DAY), report(3, NOON + 16 * DAY)], stamp=False)
    rows = client.execute("SELECT type, event_group, novelty FROM events ORDER BY published_at")
    assert rows == [("data_breach", "", "first"), ("data_breach", "", "first"), ("data_breach", "", "repeat")]
