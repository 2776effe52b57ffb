"""The audit against a table and a broker in which something was made to go wrong."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from clickhouse_driver import Client
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

import stream.kafka
from cli import audit_report
from documents import BadRecord, Document, Label, Position, Tombstone
from storage import audit_plan, audited, migrate, write_documents, write_labels
from stream.kafka import ensure_topics, topic_ids
from tests.support import kafka_at


def rows(
    offsets: range | list[int], topic_id: str = "id", partition: int = 0, bad: int = 10
) -> list[Document | BadRecord]:
    """Every ``bad``-th is a dead letter."""
    return [
        Document(at) if at.offset % bad else BadRecord(at, "invalid")
        for at in (Position("news", topic_id, partition, offset) for offset in offsets)
    ]


def test_all_once_is_clean_and_counted(client: Client):
    write_documents(client, rows(range(100, 200)))
    write_documents(client, rows(range(200, 250)))
    (found,) = audited(client)
    assert (found.first, found.last, found.stored, found.dead_lettered) == (100, 249, 135, 15)
    assert not found.missing and not found.doubled and not found.repeats


def test_missing_positions_are_named_across_bucket_borders(client: Client):
    gone = {3, 65_535, 65_536, 65_537, 100_000, *range(140_000, 280_000)}
    offsets = sorted(set(range(300_000)) - gone)
    client.execute(
        "INSERT INTO record_log (topic, topic_id, partition, offset, ingested_at) VALUES",
        [
            ["news"] * len(offsets),
            ["id"] * len(offsets),
            [0] * len(offsets),
            offsets,
            [datetime.now(UTC)] * len(offsets),
        ],
        columnar=True,
    )
    (found,) = audited(client)
    assert found.missing == [(3, 3), (65_535, 65_537), (100_000, 100_000), (140_000, 279_999)]
    assert found.stored == len(offsets)


def test_repeats_that_the_views_leave_out_are_told_but_are_no_fault(client: Client):
    write_documents(client, rows(range(50)))
    write_documents(client, rows(range(40, 60)))
    (found,) = audited(client)
    assert (found.repeats, found.doubled, found.missing) == (10, [], [])
    assert (found.stored, found.dead_lettered) == (54, 6)


@pytest.mark.parametrize("gap", [False, True], ids=["whole", "with a gap"])
def test_tombstones_are_accounted_for_and_in_no_view(client: Client, gap: bool):
    write_documents(client, [*rows(range(20)), *(Tombstone(Position("news", "id", 0, n)) for n in (20, 21 + gap))])
    write_labels(client, [Tombstone(Position("labels", "id", 0, 0))])
    labels, news = sorted(audited(client), key=lambda one: one.topic)
    assert (news.stored, news.dead_lettered, news.tombstones, news.last) == (18, 2, 2, 21 + gap)
    assert (news.missing, news.doubled) == ([(21, 21)] if gap else [], [])
    assert (labels.stored, labels.dead_lettered, labels.tombstones) == (0, 0, 1)
    assert client.execute("SELECT (SELECT count() FROM documents), (SELECT count() FROM dead_letters)") == [(18, 2)]
    assert client.execute("SELECT documents_1h, dead_letters_1d FROM feeds WHERE source = '*'") == [(18, 2)]


def test_a_repeat_does_not_hide_a_gap(client: Client):
    """The count is right, and so is the sum of the offsets: the checksum is not."""
    write_documents(client, rows([0, 1, 2, 4, 5, 6, 7, 9]))
    write_documents(client, rows([2, 9]))
    write_documents(client, rows([10]))
    (found,) = audited(client)
    assert found.missing == [(3, 3), (8, 8)] and found.repeats == 2


def test_a_view_that_shows_a_position_twice_is_found_out(client: Client):
    write_documents(client, rows(range(1, 9)))
    write_documents(client, rows([4, 5]))
    client.execute("CREATE OR REPLACE VIEW documents AS SELECT * FROM record_log WHERE error_kind = ''")
    (found,) = audited(client)
    assert found.doubled == [(4, 5)]


def test_since_starts_after_what_was_stored_before_and_sees_the_gap_in_between(client: Client):
    def at(day: int, offsets: list[int]) -> None:
        moment = datetime(2026, 1, day, tzinfo=UTC)
        client.execute(
            "INSERT INTO record_log (topic, topic_id, partition, offset, ingested_at) VALUES",
            [("news", "id", 0, offset, moment) for offset in offsets],
        )

    at(1, [0, 1, 4])
    assert audited(client, datetime(2026, 1, 2, tzinfo=UTC)) == []
    at(3, [6, 7, 8])
    (found,) = audited(client, datetime(2026, 1, 2, tzinfo=UTC))
    assert (found.first, found.last, found.stored, found.missing) == (5, 8, 3, [(5, 5)])
    assert audited(client)[0].missing == [(2, 3), (5, 5)]


def test_the_sums_are_read_from_the_projection(client: Client):
    for start in range(0, 300, 100):
        write_documents(client, rows(range(start, start + 100)))
    assert "ReadFromMergeTree (ledger)" in audit_plan(client)
    client.execute("OPTIMIZE TABLE record_log FINAL")
    assert "ReadFromMergeTree (ledger)" in audit_plan(client)
    assert audited(client)[0].stored == 270


def test_a_ledger_from_before_the_checksum_is_audited_too(client: Client):
    """Parts whose projection is of the first migration, as on a table that was in use."""
    client.execute("ALTER TABLE record_log DROP PROJECTION ledger")
    client.execute(
        "ALTER TABLE record_log ADD PROJECTION ledger (SELECT topic, topic_id, partition, min(offset), max(offset), "
        "count(), countIf(error_kind != '') GROUP BY topic, topic_id, partition)"
    )
    write_documents(client, rows(range(100)))
    client.execute("DELETE FROM schema_migrations WHERE name = '0005_audit.sql'")
    assert migrate(client) == ["0005_audit.sql"]
    write_documents(client, rows(range(100, 200)))
    (found,) = audited(client)
    assert (found.first, found.last, found.stored, found.missing) == (0, 199, 180, [])


class Feed:
    """A topic of the test's own that the audit takes for ``news``."""

    def __init__(self, bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bootstrap, self.topic = bootstrap, f"audit-{uuid.uuid4().hex[:12]}"
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", bootstrap)
        for what, name in (("NEWS", self.topic), ("COMMENTS", "not-made-1"), ("LABELS", "not-made-2")):
            monkeypatch.setenv(f"KAFKA_TOPIC_{what}", name)
        ensure_topics(kafka_at(bootstrap), partitions=2, topics=[self.topic])
        self.id = topic_ids(kafka_at(bootstrap), [self.topic])[self.topic]
        producer = KafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=False)
        for number in range(20):
            producer.send(self.topic, value=b"%d" % number, partition=0)
        producer.flush()
        producer.close()

    def write(self, client: Client, offsets: list[int]) -> None:
        write_documents(client, [Document(Position(self.topic, self.id, 0, offset)) for offset in offsets])


@pytest.fixture
def feed(kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> Feed:
    return Feed(kafka_bootstrap, monkeypatch)


def test_the_brokers_watermarks_tell_lag_and_what_was_never_taken(client: Client, feed: Feed):
    report = audit_report(client)
    assert report["clean"] and report["lag"] == 20 and len(report["partitions"]) == 2
    feed.write(client, [*range(5, 9), *range(11, 15)])
    report = audit_report(client)
    row = next(row for row in report["partitions"] if row["partition"] == 0)
    assert row["missing_ranges"] == [(0, 4), (9, 10)] and row["missing"] == report["missing"] == 7
    assert (row["low"], row["high"], row["lag"], row["stored"], report["clean"]) == (0, 20, 5, 8, False)


def test_rows_beyond_the_brokers_end_are_a_fault(client: Client, feed: Feed):
    feed.write(client, list(range(23)))
    report = audit_report(client)
    assert report["beyond"] == 3 and not report["clean"]


def test_a_gap_where_the_broker_has_no_record_is_none(client: Client, feed: Feed, monkeypatch: pytest.MonkeyPatch):
    """As transaction markers and compaction leave: here the broker's answer is cut to what it would then hold."""
    real = stream.kafka.reread
    monkeypatch.setattr(stream.kafka, "reread", lambda *where: [r for r in real(*where) if r.offset != 7])
    feed.write(client, [0, 1, 2, 3, 4, 5, 6, 8, 9, 11])
    row = next(row for row in audit_report(client)["partitions"] if row["partition"] == 0)
    assert row["missing_ranges"] == [(10, 10)]


def test_of_an_older_identity_nobody_can_tell_what_a_gap_was(client: Client, feed: Feed):
    feed.write(client, list(range(20)))
    write_documents(client, [Document(Position(feed.topic, "an older one", 0, offset)) for offset in (0, 1, 3)])
    old = next(row for row in audit_report(client)["partitions"] if row["topic_id"] == "an older one")
    assert (old["missing"], old["unproven_ranges"]) == (0, [(2, 2)]) and not old["current"] and old["lag"] is None


@pytest.mark.parametrize("broker", ["kafka"], indirect=True)
def test_a_gap_that_the_broker_has_no_more_is_unproven_and_no_fault(client: Client, feed: Feed):
    """Whether it was a transaction's marker or a record, nobody can tell: a gap that it still has is another matter."""
    feed.write(client, [0, 1, 3, 4, 5, 6, 9, 10])
    before = audit_report(client)
    assert (before["missing"], before["unproven"], before["clean"]) == (3, 0, False)
    with KafkaAdminClient(bootstrap_servers=feed.bootstrap) as admin:
        admin.delete_records({TopicPartition(feed.topic, 0): 8})
    row = next(row for row in audit_report(client)["partitions"] if row["partition"] == 0)
    assert (row["unproven_ranges"], row["missing_ranges"]) == ([(2, 2), (7, 7)], [(8, 8)])
    with KafkaAdminClient(bootstrap_servers=feed.bootstrap) as admin:
        admin.delete_records({TopicPartition(feed.topic, 0): 9})
    after = audit_report(client)
    assert (after["missing"], after["unproven"], after["clean"]) == (0, 3, True)


@pytest.mark.parametrize("broker", ["kafka"], indirect=True)
def test_markers_and_aborted_records_are_never_missing(client: Client, feed: Feed):
    """Neither while the log has them nor afterwards. Stored are the first 20, and what was committed."""
    producer = KafkaProducer(bootstrap_servers=feed.bootstrap, transactional_id=feed.topic)
    producer.init_transactions()
    committed = []
    for end in (producer.abort_transaction, producer.commit_transaction):
        producer.begin_transaction()
        sent = [producer.send(feed.topic, b"t", partition=0) for _ in range(3)]
        producer.flush()
        committed = [future.get(30).offset for future in sent]
        end()
    producer.close()
    feed.write(client, [*range(20), *committed])
    report = audit_report(client)
    assert (committed, report["missing"], report["unproven"], report["clean"]) == ([24, 25, 26], 0, 0, True)
    with KafkaAdminClient(bootstrap_servers=feed.bootstrap) as admin:
        admin.delete_records({TopicPartition(feed.topic, 0): 27})
    report = audit_report(client)
    assert (report["missing"], report["unproven"], report["clean"]) == (0, 4, True)


def test_the_command(clickhouse_url: str, client: Client, tmp_path: Path):
    from tests.support.commands import within

    write_documents(client, rows(range(100)))
    environment = {"CLICKHOUSE_URL": clickhouse_url, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    out = tmp_path / "build" / "audit.json"
    done = within("audit", "--json", str(out), **environment)
    assert done.returncode == 0 and "no Kafka broker listens" in done.stderr
    report = json.loads(out.read_text())
    assert report["clean"] and report["kafka"] is None and (report["stored"], report["dead_lettered"]) == (90, 10)
    write_documents(client, rows([103, 104, 106]))
    done = within("audit", "--json", "-", **environment)
    assert done.returncode == 1 and "missing: news/0 (id): 100-102, 105" in done.stderr
    assert json.loads(done.stdout)["missing"] == 4
    done = within("audit", "--since", "2000-01-01", **environment)
    assert done.returncode == 1 and "100-102, 105" in done.stderr
    assert "ReadFromMergeTree (ledger)" in within("audit", "--explain", **environment).stdout


def test_labels_are_audited_in_their_own_table(client: Client):
    write_labels(client, [Label(Position("labels", "id", 0, offset), "neutral", "") for offset in range(20)])
    write_labels(client, [BadRecord(Position("labels", "id", 0, 21), "invalid")])
    write_documents(client, rows(range(5)))
    news, labels = audited(client)
    assert (labels.topic, labels.stored, labels.dead_lettered, labels.missing) == ("labels", 20, 1, [(20, 20)])
    assert (news.topic, news.stored, news.missing) == ("news", 4, [])
