"""Statements and inserts for a cluster of replicas. What a cluster makes of them shows `make acceptance-cluster`:
the embedded ClickHouse can be none."""

from __future__ import annotations

import re
from typing import Any

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from documents import Document, Position
from settings import ClickHouseSettings
from storage import UnusableCluster, check_one_server, connect, last_stored, refusal, write_documents
from storage.cluster import LEAST_QUORUM, PREVIOUS_QUORUM_NOT_MET, check_cluster, everywhere
from storage.migrate import DEFINER, LEDGER, VIEW, files, statements


def all_statements() -> list[str]:
    found = [VIEW.sub(rf"\g<0> {DEFINER}", one) for _, sql in files() for one in statements(sql)]
    return [LEDGER, *found]


def test_every_declaration_is_for_all_servers_and_replicated(client: Client):
    """Also that ClickHouse can read them: ``EXPLAIN AST`` only reads a statement."""
    made = engines = 0
    for statement in all_statements():
        bare = re.sub(r"--.*", "", statement)
        there = everywhere(statement, "prod", "o'hara")
        if bare.split()[0] in ("INSERT", "SELECT"):
            assert there == statement
            continue
        made += 1
        assert there.count("ON CLUSTER `prod`") == 1 and "CURRENT_USER" not in there, there
        engine = re.search(r"ENGINE = (\w+)", there)
        assert (engine is None) == ("ENGINE" not in bare)
        if engine:
            engines += 1
            assert engine[1].startswith("Replicated") and "ReplicatedReplicated" not in there
        client.execute(f"EXPLAIN AST {re.sub(r'--.*', '', there)}")
    assert made > 80 and engines > 25


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "INSERT INTO record_log VALUES",
        "DELETE FROM entities WHERE ticker = 'x'",
        "SELECT 'ALTER TABLE x' FROM record_log",
        "BACKUP TABLE record_log TO File('x')",
    ],
)
def test_what_declares_nothing_stays_as_it_is(statement: str):
    assert everywhere(statement, "prod", "me") == statement


def test_statements_of_a_client_with_a_cluster_go_to_the_cluster(client: Client, clickhouse_url: str):
    """The embedded ClickHouse knows no cluster, and says so."""
    with connect(ClickHouseSettings(url=clickhouse_url, cluster="prod")) as clustered:
        assert clustered.execute("SELECT getSetting('alter_sync')") == [(2,)]
        for statement in (
            "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a",
            "CREATE VIEW v AS SELECT 1 AS a",
            "ALTER TABLE record_log MODIFY SETTING fsync_after_insert = 0",
        ):
            with pytest.raises(ServerException, match=r"Replicated DDL queries are disabled|cluster 'prod' not found"):
                clustered.execute(statement)
        with pytest.raises(UnusableCluster, match="the server knows no cluster 'prod'"):
            check_one_server(clustered, ClickHouseSettings(url=clickhouse_url, cluster="prod"))


def test_inserts_of_records_wait_for_a_majority_and_the_ledger_is_the_acknowledged_one(
    client: Client, clickhouse_url: str
):
    """A table without replicas passes over these settings; that they are sent is seen by a client that keeps them."""
    sent: list[dict[str, Any]] = []
    with connect(ClickHouseSettings(url=clickhouse_url, cluster="prod")) as clustered:
        plain = clustered.execute

        def execute(query: str, *args: Any, **how: Any) -> Any:
            sent.append({"query": query, **(how.get("settings") or {})})
            return plain(query, *args, **how)

        clustered.execute = execute
        write_documents(clustered, [Document(Position("news", "id", 0, 7))])
        assert last_stored(clustered, [("news", "id")]) == {("news", "id", 0): 7}
    insert = next(one for one in sent if "INSERT INTO record_log" in one["query"])
    assert insert.items() >= LEAST_QUORUM.items()
    assert next(one for one in sent if "max(offset)" in one["query"])["select_sequential_consistency"] == 1


class Crowded:
    """Refuses the first inserts, as a table does while another insert is on its way to the replicas."""

    cluster = "prod"

    def __init__(self, refusals: int, code: int = PREVIOUS_QUORUM_NOT_MET) -> None:
        self.left, self.code, self.stored = refusals, code, 0

    def execute(self, query: str, rows: Any, columnar: bool, settings: dict[str, Any]) -> None:
        if self.left:
            self.left -= 1
            raise ServerException("Quorum for previous write has not been satisfied yet", self.code)
        self.stored += 1


def test_an_insert_that_meets_another_is_tried_again_and_one_without_a_majority_is_waited_for():
    crowded = Crowded(3)
    write_documents(crowded, [Document(Position("news", "id", 0, 7))])  # type: ignore[arg-type]
    assert crowded.stored == 1
    alone = Crowded(1, code=285)
    with pytest.raises(Exception, match="insert of 1 rows") as lost:
        write_documents(alone, [Document(Position("news", "id", 0, 7))])  # type: ignore[arg-type]
    assert refusal(lost.value) == "fewer than a majority of its replicas answer"


class Answering:
    """Answers as a server of a cluster would."""

    def __init__(self, shards: int, database: str, plain: list[str]) -> None:
        self.shape, self.plain = (shards, 3 * shards, database), plain

    def execute(self, query: str, parameters: object = None) -> list[tuple[Any, ...]]:
        return [self.shape] if "system.clusters" in query else [(name,) for name in self.plain]


@pytest.mark.parametrize(
    ("shards", "database", "plain", "why"),
    [
        (2, "Atomic", [], "has 2 shards"),
        (1, "Replicated", [], "the engine Replicated"),
        (1, "Atomic", ["alerts", "record_log"], r"without replicas \(alerts, record_log\)"),
    ],
)
def test_a_cluster_that_would_lose_rows_is_refused(shards: int, database: str, plain: list[str], why: str):
    check_cluster(Answering(1, "Atomic", []), "prod")  # type: ignore[arg-type]
    with pytest.raises(UnusableCluster, match=why):
        check_cluster(Answering(shards, database, plain), "prod")  # type: ignore[arg-type]
