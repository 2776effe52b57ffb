"""The table against its declaration, and what makes it a ledger."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from clickhouse_driver import Client

from documents import BadRecord, Document, Mention, Position
from documents.events import Event, EventRole, EventState
from storage import MigrationChanged, accounts, migrate, positions, write_documents
from storage.ledger import LEDGER
from storage.record import COLUMNS

IDS = {"news": "id-of-news"}


def document(offset: int, partition: int = 0, topic_id: str = IDS["news"], **values: object) -> Document:
    position = Position("news", topic_id, partition, offset)
    record = Document(position, document_id=f"d{offset}", story_id=offset)
    record.published_at = datetime(2020, 6, 18, 9, tzinfo=UTC)
    record.label, record.sentiment = "negative", -0.5
    record.mentions = [Mention("WDI.DE", "Wirecard", "name", "negative", 0.6, 0.3, 0.1, -0.5)]
    for name, value in values.items():
        setattr(record, name, value)
    return record


def bad(offset: int) -> BadRecord:
    return BadRecord(Position("news", IDS["news"], 0, offset), "not_json", sentence="x", raw=b"\xff{")


def one(client: Client, sql: str) -> object:
    return client.execute(sql)[0][0]


def test_the_declaration_names_every_column_in_the_tables_order(client: Client):
    columns = client.execute(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'record_log' "
        "AND default_kind != 'MATERIALIZED' ORDER BY position"
    )
    assert tuple(name for (name,) in columns) == COLUMNS


def test_every_field_comes_back_as_it_was_written(client: Client):
    scored_at = datetime(2020, 6, 18, 9, 0, 1, 250_000, tzinfo=UTC)
    record = document(7, author="a1", lang="de", embedding=bytes(range(256)) + bytes(128), scored_at=scored_at)
    record.p_negative, record.p_neutral, record.p_positive, record.tokens = 0.625, 0.25, 0.125, 31
    record.events = [
        Event("WDI.DE", "accounting_irregularity", 0.75, EventRole.SUBJECT, EventState.RUMOURED, 90, 5, -1),
        Event("EY", "auditor_leaves", 0.5, EventRole.COUNTERPARTY, EventState.DENIED, 20, 2, 0),
    ]
    write_documents(client, [record, document(8)])
    names = ", ".join(f"`{column}`" for column in COLUMNS if column != "embedding")
    rows, columns = client.execute(
        f"SELECT {names}, hex(embedding) AS embedding FROM record_log ORDER BY offset", with_column_types=True
    )
    row = {name: value for (name, _), value in zip(columns, rows[0], strict=True)}
    assert row["embedding"] == record.embedding.hex().upper()
    assert (row["document_id"], row["offset"], row["author"], row["lang"]) == ("d7", 7, "a1", "de")
    assert (row["p_negative"], row["p_neutral"], row["p_positive"], row["tokens"]) == (0.625, 0.25, 0.125, 31)
    assert row["scored_at"] == scored_at and row["published_at"] == record.published_at
    assert row["mentions.entity"] == ["WDI.DE"] and row["label"] == "negative"
    assert row["events.entity"] == ["WDI.DE", "EY"] and row["events.probability"] == [0.75, 0.5]
    assert row["events.type"] == ["accounting_irregularity", "auditor_leaves"]
    assert row["events.role"] == ["subject", "counterparty"] and row["events.state"] == ["rumoured", "denied"]
    assert (row["events.relevance"], row["events.severity"], row["events.polarity"]) == ([90, 20], [5, 2], [-1, 0])
    assert client.execute("SELECT events.type FROM documents ORDER BY offset") == [(row["events.type"],), ([],)]


def test_a_large_batch_lands_as_one_part(client: Client):
    write_documents(client, [document(offset) for offset in range(5000)])
    inserted = one(
        client,
        "SELECT count() FROM system.parts WHERE database = currentDatabase() AND table = 'record_log'",
    )
    assert inserted == 1


def test_a_batch_written_twice_is_seen_once_and_its_first_writing_wins(client: Client):
    write_documents(client, [document(offset, model_version="first") for offset in range(10)])
    write_documents(client, [document(offset, model_version="second") for offset in range(12)])
    assert one(client, "SELECT count() FROM documents") == 12
    assert one(client, "SELECT countIf(model_version = 'first') FROM documents") == 10
    assert one(client, "SELECT count() FROM mentions") == 12
    assert one(client, "SELECT count() FROM counted_mentions") == 12
    account = accounts(client, IDS)[0]
    assert (account.rows, account.distinct, account.first, account.last) == (12, 12, 0, 11)


def test_the_first_writing_wins_across_table_partitions_too(client: Client):
    write_documents(client, [document(0, model_version="now")])
    client.execute(
        "INSERT INTO record_log (topic, topic_id, partition, offset, ingested_at, model_version) VALUES",
        [("news", IDS["news"], 0, 0, datetime(2020, 1, 1, tzinfo=UTC), "long ago")],
    )
    assert client.execute("SELECT model_version FROM documents") == [("long ago",)]


def test_good_and_bad_records_part_in_the_views(client: Client):
    write_documents(client, [document(0), bad(1), document(2)])
    assert client.execute("SELECT offset FROM documents ORDER BY offset") == [(0,), (2,)]
    assert client.execute("SELECT offset, error_kind FROM dead_letters") == [(1, "not_json")]
    assert accounts(client, IDS)[0].bad == 1


def test_the_raw_bytes_of_a_bad_record_are_kept_as_they_came(client: Client):
    write_documents(client, [bad(0)])
    assert one(client, "SELECT hex(raw) FROM dead_letters") == "FF7B"


def test_a_story_counts_once_an_entity(client: Client):
    write_documents(client, [document(0, story_id=1), document(1, story_id=1, source="b"), document(2, story_id=2)])
    assert one(client, "SELECT count() FROM counted_mentions") == 2
    assert one(client, "SELECT count() FROM documents") == 3


def test_a_document_sent_again_with_another_wording_counts_once(client: Client):
    write_documents(client, [document(0, document_id="same", story_id=1), document(1, document_id="same", story_id=2)])
    assert one(client, "SELECT count() FROM counted_mentions") == 1


def test_positions_are_of_the_topic_with_this_identity_only(client: Client):
    write_documents(client, [document(4), document(9, partition=1)])
    write_documents(client, [document(500, topic_id="an older topic of that name")])
    assert positions(client, IDS) == {("news", 0): 4, ("news", 1): 9}
    assert positions(client, {"news": "a new one"}) == {}


def test_the_ledger_is_read_from_the_projection_before_and_after_a_merge(client: Client):
    for start in range(0, 300, 100):
        write_documents(client, [document(offset) for offset in range(start, start + 100)])

    def plan() -> str:
        return "\n".join(row[0] for row in client.execute("EXPLAIN " + LEDGER, {"topics": list(IDS.items())}))

    assert "ReadFromMergeTree (ledger)" in plan()
    client.execute("OPTIMIZE TABLE record_log FINAL")
    assert "ReadFromMergeTree (ledger)" in plan()
    assert positions(client, IDS) == {("news", 0): 299}


def test_migrating_twice_does_nothing_and_a_changed_file_is_refused(client: Client):
    assert migrate(client) == []
    client.execute("INSERT INTO schema_migrations (name, checksum) VALUES", [("0001_record_log.sql", "another")])
    with pytest.raises(MigrationChanged, match="0001"):
        migrate(client)
