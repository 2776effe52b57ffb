"""Statements and inserts for a cluster of replicas. What a cluster makes of them shows `make acceptance-cluster`:
the embedded ClickHouse can be none."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from deploy.local import Stack
from documents import Document, Position
from errors import ExitCode
from settings import ClickHouseSettings
from storage import (
    SeveralServers,
    StoredRange,
    UnusableCluster,
    check_one_server,
    connect,
    dropped_ranges,
    former_positions,
    last_stored,
    refusal,
    write_documents,
    write_stored_ranges,
)
from storage.cluster import check_cluster, everywhere
from storage.insert import LEAST_QUORUM, PREVIOUS_QUORUM_NOT_MET
from storage.migrate import DEFINER, LEDGER, VIEW, files, statements
from tests.support.commands import within


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
        assert former_positions(clustered, {"news": "another"}) == {("news", "id", 0): 7}
        write_stored_ranges(clustered, [StoredRange("news", "id", 0, "record_log", "202601", 0, 6)])
        assert [one.last for one in dropped_ranges(clustered)] == [6]
    insert = next(one for one in sent if "INSERT INTO record_log" in one["query"])
    assert insert.items() >= LEAST_QUORUM.items()
    of_the_ledger = [one for one in sent if re.search(r"max\(offset\)|FROM stored_ranges|_partition_id", one["query"])]
    assert [one.get("select_sequential_consistency") for one in of_the_ledger] == [1] * len(of_the_ledger)
    assert len(of_the_ledger) >= 4


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
    with pytest.raises(Exception, match="insert of 1 row") as lost:
        write_documents(alone, [Document(Position("news", "id", 0, 7))])  # type: ignore[arg-type]
    assert refusal(lost.value) == "fewer than a majority of its replicas answer"


class Answering:
    """Answers as a server of a cluster with replicated tables would: the embedded ClickHouse has none."""

    def __init__(self, database: str, plain: list[str]) -> None:
        self.shape, self.plain = (1, 3, 1, database), plain

    def execute(self, query: str, parameters: object = None) -> list[tuple[Any, ...]]:
        return [self.shape] if "system.clusters" in query else [(name,) for name in self.plain]


@pytest.mark.parametrize(
    ("database", "plain", "why"),
    [
        ("Replicated", [], "the engine Replicated"),
        ("Atomic", ["alerts", "record_log"], r"without replicas \(alerts, record_log\)"),
    ],
)
def test_a_database_that_would_lose_rows_is_refused(database: str, plain: list[str], why: str):
    check_cluster(Answering("Atomic", []), "prod")  # type: ignore[arg-type]
    with pytest.raises(UnusableCluster, match=why):
        check_cluster(Answering(database, plain), "prod")  # type: ignore[arg-type]


ELSEWHERE = "192.0.2.7"
"""An address for documentation: nobody is there, and nobody is asked."""


def clusters(port: int) -> str:
    """Configuration that puts the server at ``port`` into clusters of several kinds."""

    def replica(host: str) -> str:
        return f"<replica><host>{host}</host><port>{port}</port></replica>"

    own, other = replica("127.0.0.1"), replica(ELSEWHERE)
    return (
        "<clickhouse><macros><replica>a</replica></macros><remote_servers>"
        f"<sharded><shard>{own}</shard><shard>{other}</shard></sharded>"
        f"<replicated><shard>{own}{other}</shard></replicated>"
        f"<others><shard>{other}</shard></others>"
        "</remote_servers></clickhouse>"
    )


@pytest.fixture(scope="module")
def member(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A server of several clusters, with the accounts of ``stack``, which knows none."""
    folder = tmp_path_factory.mktemp("member")
    shutil.copy(stack.data / "clickhouse-service-password", folder)
    with Stack(folder) as started:
        added = folder / "clickhouse" / "config.d" / "clusters.xml"
        added.parent.mkdir()
        added.write_text(clusters(urlsplit(started.clickhouse_url).port or 0))
        started.kill("clickhouse")
        started.children["clickhouse"].wait_ready(60)
        with connect(ClickHouseSettings(url=started.clickhouse_url)) as client:
            assert client.execute("SELECT count() FROM system.clusters WHERE cluster = 'sharded'") == [(2,)]
        yield started


def test_several_shards_are_refused_and_what_to_set_is_said(member: Stack):
    settings = ClickHouseSettings(url=member.clickhouse_url, cluster="sharded")
    with connect(settings) as client, pytest.raises(UnusableCluster, match=r"has 2 shards.* of one shard") as refused:
        check_one_server(client, settings)
    assert refused.value.exit_code == ExitCode.CONFIG


@pytest.mark.parametrize(
    "command",
    ["storage|migrate", "worker", "scheduler", "drift|--now"],
    ids=["migrate", "worker", "scheduler", "drift"],
)
def test_nothing_is_made_in_a_cluster_of_several_shards(command: str, member: Stack, tmp_path: Path):
    environment = {"KAFKA_BOOTSTRAP_SERVERS": member.kafka_bootstrap, "FINSENT_DATA": str(tmp_path)}
    done = within(
        *command.split("|"), CLICKHOUSE_URL=member.clickhouse_url, CLICKHOUSE_CLUSTER="sharded", **environment
    )
    assert done.returncode == ExitCode.CONFIG and "has 2 shards" in done.stdout + done.stderr, done
    with connect(ClickHouseSettings(url=member.clickhouse_url)) as client:
        assert client.execute("SHOW TABLES") == []


def test_a_host_that_is_not_of_the_cluster_is_refused(member: Stack, stack: Stack):
    """Tables would be made on the cluster's servers, and rows stored elsewhere."""
    account, _, here = member.clickhouse_url.rpartition("@")
    there = urlsplit(stack.clickhouse_url).netloc.rpartition("@")[2]
    alone = ClickHouseSettings(url=member.clickhouse_url, cluster="replicated")
    both = ClickHouseSettings(url=f"{account}@{here.replace('/', f',{there}/', 1)}", cluster="replicated")
    with connect(alone) as client:
        check_one_server(client, alone)
        with pytest.raises(UnusableCluster, match="knows no cluster 'replicated'"):
            check_one_server(client, both)
        with pytest.raises(UnusableCluster, match=f"leads to {here.partition('/')[0]}, which is not a server of"):
            check_one_server(client, alone.model_copy(update={"cluster": "others"}))


def test_a_server_of_a_cluster_wants_to_be_told_that_it_is_reached_alone(member: Stack):
    settings = ClickHouseSettings(url=member.clickhouse_url)
    with connect(settings) as client:
        with pytest.raises(SeveralServers, match="servers in the cluster sharded") as refused:
            check_one_server(client, settings)
        assert "in the cluster replicated" in str(refused.value) and "others" not in str(refused.value)
        assert 'it has a macro "replica"' in str(refused.value)
        check_one_server(client, settings.model_copy(update={"one_server": True}))
