"""Records over two shards: each once, and every view as of one server. Replicas of shards are tested as text alone, as
the embedded ClickHouse can have none."""

from __future__ import annotations

import math
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from alerts import Evaluator
from benchmarks import acceptance_cluster
from deploy.demo.recorded_week import MONDAY
from deploy.local import Service
from documents import BadRecord, Document, Position, Pseudonymiser
from settings import AlertSettings, ClickHouseSettings
from storage import (
    StorageUnavailable,
    UnusableCluster,
    access,
    audited,
    check_one_server,
    connect,
    last_stored,
    migrate,
    set_retention,
    write_documents,
)
from storage.backups import OverShards, back_up, restore
from storage.cluster import everywhere
from storage.dictionary import public_views
from storage.erasure import counts_about, erase_person, find_person
from storage.insert import PREVIOUS_QUORUM_NOT_MET, insert_alone
from storage.questions import ask, questions
from storage.reads import (
    entities_stored,
    event_reports,
    latest_offsets,
    sentiment_windows,
    unlabelled_documents,
)
from storage.shards import ON_SHARDS, SHARDED, over_shards
from storage.writes import settle_hours
from stream.kafka import produce
from tests.storage.test_cluster import all_statements
from tests.support import Asking, data_folder, eventually, kafka_at
from tests.support.feed import values
from tests.support.shards import Shards, two_shards

PARTITIONS = 12


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shards]:
    with two_shards(tmp_path_factory.mktemp("shards")) as started:
        yield started


@pytest.fixture
def database(shards: Shards) -> Iterator[str]:
    with shards.database() as name:
        yield name


@pytest.fixture
def spread(shards: Shards, database: str) -> Iterator[Client]:
    with connect(shards.at(database)) as client:
        yield client


def documents(offsets: range, **values: Any) -> list[Document]:
    """Of each partition those offsets."""
    return [
        Document(Position("news", "id", partition, offset), document_id=f"{partition}-{offset}", **values)
        for offset in offsets
        for partition in range(PARTITIONS)
    ]


def rows_of_each(shards: Shards, database: str, table: str = "record_log_local") -> list[int]:
    found = []
    for url in shards.urls(database):
        with connect(ClickHouseSettings(url=url)) as client:
            found.append(client.execute(f"SELECT count() FROM {table}")[0][0])
    return found


# What is declared


def test_with_replicas_records_are_on_all_shards_and_everything_else_at_home(client: Client):
    """Also that ClickHouse can read it: ``EXPLAIN AST`` only reads a statement."""
    local = whole = home = 0
    for statement in all_statements():
        for there in over_shards(statement, "prod", "all", "o'hara"):
            bare = re.sub(r"--.*", "", there)
            if bare.split()[0] in ("INSERT", "SELECT"):
                continue
            assert bare.count("ON CLUSTER") == 1 and "CURRENT_USER" not in bare
            if "ON CLUSTER `all`" in bare:
                local += 1
                assert re.search(r"TABLE (IF NOT EXISTS )?(\w+)_local ON", bare)[2] in SHARDED  # type: ignore[index]
                assert "ENGINE" not in bare or "ENGINE = ReplicatedReplacingMergeTree" in bare
            elif "ENGINE = Distributed('all', currentDatabase(), " in bare:
                whole += 1
                assert "ON CLUSTER `prod`" in bare and bare.endswith("sipHash64(topic, partition))")
            else:
                home += 1
                assert "ON CLUSTER `prod`" in bare
            client.execute(f"EXPLAIN AST {bare}")
    assert local > 10 and whole >= 6 and home > 60


def test_without_shards_nothing_is_another_statement():
    for statement in all_statements():
        assert over_shards(statement, "", "", "me") == [statement]
        assert over_shards(statement, "prod", "", "me") == [everywhere(statement, "prod", "me")]


def test_rights_for_other_servers_are_given_to_the_service_alone():
    everybody = access.people(["technology"])
    known = {person.user: "secret" for person in everybody}
    plain = access.grant_statements("d", everybody, known)
    found = access.grant_statements("d", everybody, known, "", "prod", "all")
    added = set(found) - set(plain)
    assert {one for one in added if "GRANT" in one} >= {
        "GRANT TABLE ENGINE ON Distributed TO finsent_writer",
        "GRANT TABLE ENGINE ON ReplicatedReplacingMergeTree TO finsent_writer",
        "GRANT CLUSTER ON *.* TO finsent_writer",
    }
    assert all("finsent_writer" in one or "SETTINGS PROFILE" in one for one in added)
    assert "distributed_product_mode = 'global'" in " ".join(added)
    (policy,) = [one for one in found if "ROW POLICY OR REPLACE finsent_desk_technology ON d.mentions " in one]
    assert "entity GLOBAL IN (SELECT" in over_shards(policy, "prod", "all", "me")[0]


# What is refused


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nowhere", "knows no cluster 'nowhere'"),
        ("one", "'one' has one shard"),
        ("others", "which is not a server of the cluster 'others'"),
        ("replicated", "have replicas.*CLICKHOUSE_CLUSTER"),
        ("twice", "is on 1 of the 2 shards"),
    ],
)
def test_shards_that_cannot_hold_records_are_refused(shards: Shards, name: str, why: str):
    settings = shards.at("default").model_copy(update={"shards": name})
    with connect(settings) as client, pytest.raises(UnusableCluster, match=why):
        check_one_server(client, settings)


def test_a_database_that_is_not_on_all_shards_is_refused(shards: Shards):
    with connect(shards.at("default")) as client:
        client.execute("CREATE DATABASE at_home")
    with (
        connect(shards.at("at_home")) as client,
        pytest.raises(UnusableCluster, match="at_home is on 1 of the 2 shards"),
    ):
        check_one_server(client, shards.at("at_home"))


def test_tables_that_were_made_otherwise_are_refused_both_ways(shards: Shards, database: str, spread: Client):
    check_one_server(spread, shards.at(database))
    forgotten = ClickHouseSettings(url=shards.urls(database)[0], one_server=True)
    with connect(forgotten) as client, pytest.raises(UnusableCluster, match=r"over shards \(record_log, .*SHARDS"):
        check_one_server(client, forgotten)
    spread.execute("CREATE TABLE kept AS record_log_local")
    spread.execute("EXCHANGE TABLES record_log AND kept")
    with pytest.raises(UnusableCluster, match=r"on one server \(record_log\), made without CLICKHOUSE_SHARDS"):
        check_one_server(spread, shards.at(database))


def test_a_copy_of_one_shard_is_refused(spread: Client):
    for action in (back_up, restore):
        with pytest.raises(OverShards, match="spread over the shards of 'two'"):
            action(spread, "File('x')")


# What is stored


def test_a_partition_is_on_one_shard_and_counts_once(shards: Shards, database: str, spread: Client):
    write_documents(spread, documents(range(5)))
    write_documents(spread, documents(range(3, 8)))  # 3 and 4 again, as after a repair
    of_each = []
    for url in shards.urls(database):
        with connect(ClickHouseSettings(url=url)) as client:
            of_each.append(
                Counter(dict(client.execute("SELECT partition, count() FROM record_log_local GROUP BY ALL")))
            )
    assert all(of_each) and not of_each[0].keys() & of_each[1].keys()
    assert of_each[0] + of_each[1] == dict.fromkeys(range(PARTITIONS), 10)
    assert spread.execute("SELECT count() FROM documents") == [(PARTITIONS * 8,)]
    found = audited(spread)
    assert len(found) == PARTITIONS and all(one.stored == 8 and one.repeats == 2 for one in found)
    assert not any(one.missing or one.doubled for one in found)
    wanted = {("news", "id", partition): 7 for partition in range(PARTITIONS)}
    assert last_stored(spread, [("news", "id")]) == wanted


def test_with_a_shard_that_fails_nothing_is_half_an_answer_and_what_was_not_stored_is_stored_again(
    shards: Shards, database: str, spread: Client
):
    write_documents(spread, documents(range(2)))
    other = Asking(shards.urls(database)[1])
    other.execute("RENAME TABLE record_log_local TO away")
    with pytest.raises(StorageUnavailable):
        write_documents(spread, documents(range(2, 4)))
    with pytest.raises(StorageUnavailable):
        last_stored(spread, [("news", "id")])
    with pytest.raises(ServerException):
        spread.execute("SELECT count() FROM documents")
    other.execute("RENAME TABLE away TO record_log_local")
    last = last_stored(spread, [("news", "id")])
    ends = {partition: offset for (_, _, partition), offset in last.items()}
    pending = [one for one in documents(range(2, 4)) if one.position.offset > ends[one.position.partition]]
    assert pending
    write_documents(spread, pending)
    assert sum(rows_of_each(shards, database)) == PARTITIONS * 4
    assert all(one.stored == 4 and not one.repeats for one in audited(spread))


class Crowded:
    """Refuses inserts as tables do while another is on its way to the replicas: no embedded server has any."""

    cluster, shards = "prod", "all"

    def execute(self, query: str, rows: Any, columnar: bool, settings: dict[str, Any]) -> None:
        self.tried = getattr(self, "tried", 0) + 1
        if self.tried < 3:
            raise ServerException("Quorum for previous write has not been satisfied yet", PREVIOUS_QUORUM_NOT_MET)


def test_an_insert_that_one_of_several_shards_refused_is_not_repeated_blindly():
    crowded = Crowded()
    with pytest.raises(ServerException):
        insert_alone(crowded, "INSERT INTO record_log (topic) VALUES", [])  # type: ignore[arg-type]
    assert crowded.tried == 1
    insert_alone(crowded, "INSERT INTO alert_claims (message) VALUES", [])  # type: ignore[arg-type]
    assert crowded.tried == 3


def test_connections_pin_what_shards_need(spread: Client):
    names = tuple(ON_SHARDS)
    rows = spread.execute("SELECT name, value FROM system.settings WHERE name IN %(names)s", {"names": names})
    assert dict(rows) == {name: str(value) for name, value in ON_SHARDS.items()}


def test_a_worker_that_is_killed_loses_and_repeats_nothing_on_any_shard(
    shards: Shards, database: str, shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CLICKHOUSE_URL", shards.urls(database)[0])
    settings = {"CLICKHOUSE_SHARDS": "two", "CLICKHOUSE_ONE_SERVER": "true", "KAFKA_PARTITIONS": str(PARTITIONS)}
    asking = Asking(shards.urls(database)[0])
    with Service(data_folder(tmp_path / "service", shipped), extra=settings) as service:
        kafka = kafka_at(service.stack.kafka_bootstrap)
        for number in range(2):
            path = tmp_path / f"{number}.jsonl"
            path.write_bytes(b"\n".join(values(f"killed{number}", 600)) + b"\n")
            before = asking.execute("SELECT count() FROM documents")[0][0]
            assert produce(path, "news", kafka).acknowledged == 600
            eventually(
                lambda b=before: asking.execute("SELECT count() FROM documents")[0][0] > b, 90, "some of it is stored"
            )
            first = service.stack.children["worker-0"].pid
            os.kill(first, signal.SIGKILL)
            eventually(lambda p=first: service.stack.children["worker-0"].pid not in (None, p), 60, "another starts")
        eventually(lambda: asking.execute("SELECT count() FROM documents") == [(1200,)], 120, "all is stored")
    found = asking(audited)
    assert len(found) == PARTITIONS and sum(one.stored for one in found) == 1200
    assert not any(one.missing or one.doubled or one.repeats for one in found)
    assert asking.execute("SELECT uniqExact(topic, partition, offset), count() FROM record_log") == [(1200, 1200)]
    assert all(rows_of_each(shards, database))


# What is changed


def test_what_counts_is_settled_of_all_shards(spread: Client):
    noon = datetime(2026, 3, 4, 12, tzinfo=UTC)
    rows = documents(range(5), published_at=noon, source="s", sentiment=0.5, p_positive=0.7, p_neutral=0.3)
    for number, row in enumerate(rows):
        # Four of each story, over several shards; some of them are published more than a day after the one before.
        row.story_id, row.published_at = number % 15, noon + timedelta(hours=number)
    write_documents(spread, rows)
    span = "first = '2026-03-04 11:00:00', until = '2026-03-08 00:00:00', known = '2200-01-01 00:00:00'"
    counted = f"SELECT published_at, sentiment, weight FROM counted_scores({span}, weekly = 0) ORDER BY published_at"
    before = spread.execute(counted)
    assert 15 <= len(before) < 60
    while settle_hours(spread, noon + timedelta(days=4)):
        pass
    assert spread.execute(f"SELECT countIf(settled), count() FROM index_hours({span})") == [(60, 60)]
    assert spread.execute(counted) == before


def test_retention_is_declared_on_every_shard(shards: Shards, database: str, spread: Client):
    settings = shards.at(database).model_copy(update={"keep_comments_days": 30})
    with shards.distributed_ddl():
        assert set_retention(spread, settings) > 0
        assert set_retention(spread, settings) == 0
        migrate(spread)
    for url in shards.urls(database):
        with connect(ClickHouseSettings(url=url)) as client:
            assert "TTL" in client.execute("SHOW CREATE TABLE record_log_local")[0][0]


def test_a_person_is_erased_on_every_shard(shards: Shards, database: str, spread: Client):
    pseudonymiser = Pseudonymiser("k" * 32)
    hers = {"kind": "comment", "source": "forum", "author": pseudonymiser.author("forum", "ada"), "text": "said"}
    write_documents(spread, documents(range(4), **hers))
    reply = Document(
        Position("news", "id", 5, 9), document_id="reply", kind="comment", source="forum", in_reply_to="3-1"
    )
    bad = BadRecord(Position("news", "id", 7, 9), "invalid", "", "", b'{"author": "ada", "source": "forum"}')
    write_documents(spread, [reply, bad])
    with shards.distributed_ddl():
        person = find_person(spread, "ada", pseudonymiser)
        assert counts_about(spread, person)["document"] == PARTITIONS * 4
        erase_person(spread, person)
    assert set(counts_about(spread, person).values()) == {0}
    held = "SELECT countIf(text != '' OR author != '' OR raw != '' OR in_reply_to != ''), count() FROM record_log"
    assert spread.execute(held) == [(0, PARTITIONS * 4 + 2)]


# What is read


def near(one: Any, other: Any) -> bool:
    """Equal, but for the order in which shares of a sum were added."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-6) or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(near, one, other))
    return bool(one == other)


def sorted_rows(rows: Any) -> list[Any]:
    """In an order that does not hang on the last digits of floats."""
    return sorted(rows, key=lambda row: ([repr(one) for one in row if not re.search(r"\d\.\d", repr(one))], repr(row)))


@pytest.fixture(scope="module")
def both(shards: Shards, recorded: str) -> Iterator[tuple[Client, Client]]:
    """The recorded week in ``PARTITIONS`` partitions of each topic, on one server and over shards."""
    source = urlsplit(recorded)
    whence = (
        f"remote('127.0.0.1:{source.port}', '{source.path[1:]}', '{{table}}', '{source.username}', '{source.password}')"
    )
    with connect(shards.at("default")) as client:
        client.execute("CREATE DATABASE on_one")
    columns = (
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = %(table)s "
        "AND default_kind != 'MATERIALIZED'"
    )
    with (
        shards.database() as name,
        connect(ClickHouseSettings(url=shards.urls("on_one")[0])) as one,
        connect(shards.at(name)) as spread,
    ):
        migrate(one)
        tables = one.execute(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' "
            "AND name != 'schema_migrations'"
        )
        for (table,) in tables:
            names = ", ".join(f"`{column}`" for (column,) in one.execute(columns, {"table": table}))
            moved = names
            if table in SHARDED:
                moved = names.replace("`partition`", f"toInt32((`partition` * 7 + `offset`) % {PARTITIONS})")
            one.execute(f"INSERT INTO {table} ({names}) SELECT {moved} FROM {whence.format(table=table)}")
            spread.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM on_one.{table}")
        assert min(rows_of_each(shards, name)) > 500
        yield one, spread


def test_every_view_answers_as_of_one_server(both: tuple[Client, Client]):
    compared = 0
    for view in public_views(both[0]):
        answers = [sorted_rows(client.execute(f"SELECT * FROM {view.call}")) for client in both]
        assert near(*answers), view.name
        compared += bool(answers[0])
    assert compared > 25


def test_every_question_of_the_cookbook_is_answered_as_by_one_server(both: tuple[Client, Client]):
    compared = 0
    for question in questions().values():
        answers = [ask(client, question, {})[1] for client in both]
        assert near(*map(sorted_rows, answers)), question.name
        compared += bool(answers[0])
    assert compared > 25


def test_what_the_service_reads_is_that_of_one_server(both: tuple[Client, Client]):
    """The windows and reports that alerts are made of, and an evaluation over the whole week."""
    week = MONDAY, MONDAY + timedelta(days=7)
    windows = [sentiment_windows(client, *week, width_s=3600) for client in both]
    assert len(windows[0].entity) > 100 and Counter(map(str, windows[0].entity)) == Counter(map(str, windows[1].entity))
    for read in (
        lambda client: sorted(event_reports(client, *week), key=repr),
        lambda client: sorted(latest_offsets(client).items()),
        lambda client: sorted(entities_stored(client, dict.fromkeys(latest_offsets(client), 5), week[1])),
        lambda client: [row["document_id"] for row in unlabelled_documents(client, 50, MONDAY + timedelta(days=5))],
    ):
        answers = [read(client) for client in both]
        assert answers[0] and near(*answers)
    # Alerts that the week has already would leave nothing to tell.
    for client in both:
        client.execute("TRUNCATE TABLE alerts")
    told = []
    for client in both:
        evaluator = Evaluator(lambda client=client: client, AlertSettings(clock="stream"))
        made = evaluator.evaluate(*(int(moment.timestamp()) for moment in week))
        told.append(sorted((one.id, str(one.state), one.at) for one in made))
    assert told[0] and told[0] == told[1]


def test_views_are_declared_alike_but_for_what_shards_need():
    """Sub-queries run at home, and no condition begins in 1970."""
    views = [one for one in all_statements() if re.search(r"^CREATE (OR REPLACE )?VIEW", one, re.MULTILINE)]
    changed = [(one, there) for one in views if (there := over_shards(one, "", "two", "me")[0]) != one]
    assert len(views) > 40 and len(changed) > 3
    for plain, there in changed:
        undone = there.replace("GLOBAL ", "").replace("'1974-01-01 00:00:00'", "'1970'")
        assert undone == re.sub(r"'1970-\d\d-\d\d 00:00:00'", "'1970'", plain)


def test_the_acceptance_of_a_cluster_accepts_these_shards(
    shards: Shards, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("CLICKHOUSE_URL", shards.urls(database)[0])
    monkeypatch.setenv("CLICKHOUSE_ONE_SERVER", "true")
    monkeypatch.setenv("CLICKHOUSE_SHARDS", "two")
    monkeypatch.setattr(sys, "argv", ["acceptance_cluster"])
    with shards.distributed_ddl():
        acceptance_cluster.main()
    said = capsys.readouterr().out.splitlines()
    assert "shards: 3 tables on 2 servers, 12 partitions, each on one of 2 shards" in said and said[-1] == "accepted"
