"""Dropping partitions of the table makes nothing come in again, and the audit tells what was dropped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from clickhouse_driver import Client

from cli import audit_report
from documents import Document, Label, Position
from settings import ClickHouseSettings
from storage import audited, connect, former_positions, migrate, positions, write_documents, write_labels
from stream.upkeep import Metrics
from stream.upkeep.acknowledged import Acknowledged
from stream.upkeep.patient_client import PatientClient

IDS = {"news": "id", "comments": "id-2", "labels": "id-3"}
MONTHS = {1: range(10), 2: range(10, 20), 3: range(20, 30)}


@pytest.fixture
def acknowledged() -> Acknowledged:
    return Acknowledged("w", Metrics(), lambda why, where: None)


def written(client: Client, acknowledged: Acknowledged, connection: PatientClient | None = None) -> list[Document]:
    """A batch of each month, as a worker stores and notes it; comments have come in January alone. With ``connection``,
    a worker's turn to keep the ranges comes in the middle of each month."""
    made = []
    for month, offsets in MONTHS.items():
        rows = [Document(Position("news", "id", 0, offset)) for offset in offsets]
        rows += [Document(Position("comments", "id-2", 1, offset)) for offset in offsets if month == 1]
        for row in rows:
            row.ingested_at = datetime(2026, month, 5, 10, tzinfo=UTC)
        write_documents(client, rows, stamp=False)
        half = len(rows) // 2
        acknowledged.note(rows[:half], "record_log")
        if connection is not None:
            acknowledged.keep(connection)
        acknowledged.note(rows[half:], "record_log")
        made += rows
    labels = [Label(Position("labels", "id-3", 0, offset), "positive", "anna") for offset in range(5)]
    write_labels(client, labels)
    acknowledged.note(labels, "label_log")
    return made


def patient(url: str) -> PatientClient:
    return PatientClient(lambda: connect(ClickHouseSettings(url=url)), 60, Metrics())


def drop(client: Client, months: Sequence[str]) -> None:
    for month in months:
        client.execute(f"ALTER TABLE record_log DROP PARTITION '{month}'")


def delete(client: Client, which: str) -> None:
    client.execute(f"ALTER TABLE record_log DELETE WHERE topic = 'news' AND {which} SETTINGS mutations_sync = 1")


@pytest.mark.parametrize("months", [["202601"], ["202603"], ["202601", "202602", "202603"]], ids=str)
def test_nothing_comes_in_again_where_people_drop_partitions(
    client: Client, clickhouse_url: str, acknowledged: Acknowledged, months: list[str], monkeypatch: pytest.MonkeyPatch
):
    connection = patient(clickhouse_url)
    written(client, acknowledged, connection)
    acknowledged.keep(connection, all_of_it=True)
    before = positions(client, IDS)
    assert before == {("news", 0): 29, ("comments", 1): 9, ("labels", 0): 4}
    drop(client, months)
    assert positions(client, IDS) == before
    assert former_positions(client, {"news": "another"}) == {("news", "id", 0): 29}
    acknowledged.check(client)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    report = audit_report(client)
    assert report["clean"] and report["stored"] == 45 - report["dropped"]
    gone = {(row["topic"], *one) for row in report["partitions"] for one in row["dropped_ranges"]}
    wanted = {("news", MONTHS[int(month[-1])][0], MONTHS[int(month[-1])][-1]) for month in months}
    assert gone == wanted | ({("comments", 0, 9)} if "202601" in months else set())


def test_a_month_in_the_middle_is_dropped_and_a_gap_in_another_is_missing(
    client: Client, clickhouse_url: str, acknowledged: Acknowledged, monkeypatch: pytest.MonkeyPatch
):
    written(client, acknowledged)
    acknowledged.keep(patient(clickhouse_url), all_of_it=True)
    drop(client, ["202602"])
    delete(client, "offset = 25")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    (news,) = [row for row in audit_report(client)["partitions"] if row["topic"] == "news"]
    assert (news["dropped_ranges"], news["missing_ranges"]) == ([(10, 19)], [(25, 25)])


def test_a_range_that_is_ahead_of_the_rows_hides_nothing(
    client: Client, clickhouse_url: str, acknowledged: Acknowledged
):
    """As after a power failure that took the last rows and left the ranges."""
    rows = written(client, acknowledged)
    acknowledged.keep(patient(clickhouse_url), all_of_it=True)
    delete(client, "offset >= 27")
    assert positions(client, IDS)["news", 0] == 26
    write_documents(client, [row for row in rows if row.position.offset >= 27], stamp=False)
    assert positions(client, IDS)["news", 0] == 29


def test_ranges_that_are_behind_lose_nothing(client: Client, clickhouse_url: str, acknowledged: Acknowledged):
    """What was stored in the last seconds is not in them: it is read again where its partition is dropped."""
    written(client, acknowledged)
    connection = patient(clickhouse_url)
    acknowledged.keep(connection)
    assert client.execute("SELECT count() FROM stored_ranges") == [(0,)], "what is new waits for the next turn"
    acknowledged.keep(connection)
    rows = [Document(Position("news", "id", 0, offset)) for offset in range(30, 40)]
    write_documents(client, rows)
    acknowledged.note(rows, "record_log")
    assert positions(client, IDS)["news", 0] == 39
    client.execute("TRUNCATE TABLE record_log")
    assert positions(client, IDS)["news", 0] == 29


def test_an_existing_database_gets_its_ranges_when_it_is_migrated(client: Client, acknowledged: Acknowledged):
    written(client, acknowledged)
    client.execute("DROP TABLE stored_ranges SYNC")
    client.execute("DELETE FROM schema_migrations WHERE name = '0036_stored_ranges.sql'")
    assert migrate(client) == ["0036_stored_ranges.sql"]
    drop(client, ["202601", "202602", "202603"])
    assert positions(client, IDS) == {("news", 0): 29, ("comments", 1): 9, ("labels", 0): 4}
    assert [one.topic for one in audited(client)] == ["labels"]
