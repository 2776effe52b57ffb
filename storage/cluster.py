"""A ClickHouse of several replicas (CLICKHOUSE_CLUSTER) or shards (CLICKHOUSE_SHARDS): our declarations and inserts, as
such a server wants them.

A table is declared once, in a migration, for one server. Here each statement that declares or changes something is
given to all servers of the cluster (``ON CLUSTER``), and engines become replicated ones. Inserts of records wait for a
majority of the replicas, and the ledger is read with sequential consistency: whatever replica answers, it knows every
row that a worker was told to be stored, or refuses to answer.

With shards, the tables that grow with the records (``SHARDED``) are on all shards, under the name ``..._local``. At
home, where CLICKHOUSE_URL leads, a Distributed table over them has the table's name: inserts go through it, and views
read the whole from it. All rows of a Kafka partition are on one shard, so that a position that was stored twice counts
once there, and an insert is whole for each partition. Everything else is at home only.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from errors import ExitCode, FinsentError

NAME = r"(?P<name>`?[\w.]+`?)"
CHANGES = re.compile(
    r"^(?P<what>\s*(?:--[^\n]*\n\s*)*"
    r"(?:CREATE\s+(?:OR\s+REPLACE\s+)?(?:TABLE|VIEW)(?:\s+IF\s+NOT\s+EXISTS)?"
    r"|ALTER\s+TABLE|DROP\s+(?:TABLE|VIEW)(?:\s+IF\s+EXISTS)?"
    rf")\s+){NAME}",
    re.IGNORECASE,
)
"""Matches a statement that declares or changes a table or view, up to its name. Rows need no such statement: replicas
copy them by themselves."""

ENGINE = re.compile(r"\bENGINE\s*=\s*(?=\w*MergeTree\b)(?!Replicated|Shared)", re.IGNORECASE)

LEAST_QUORUM: dict[str, str | int] = {
    "insert_quorum": "auto",
    "insert_quorum_parallel": 0,
    "insert_quorum_timeout": 60_000,
}
"""The settings of inserts that return once a majority of the replicas has them. They run one at a time: only then can
all be read back with sequential consistency. A server without replicated tables ignores these settings."""

SEQUENTIAL = {"select_sequential_consistency": 1}
"""The settings of queries that must see every acknowledged row."""

EVERYWHERE: dict[str, str | int] = {"alter_sync": 2, "mutations_sync": 2}
"""The settings of our connections: a change returns when all replicas have made it, because the next one may need
it."""

SHARDED = ("record_log", "rescored_log", "shadow_log")
"""The tables that grow with the records. Each has the columns ``topic`` and ``partition``."""

LOCAL = "{table}_local"
WHOLE = (
    "CREATE OR REPLACE TABLE {table} ENGINE = Distributed('{shards}', currentDatabase(), '{local}', "
    "sipHash64(topic, partition))"
)
"""It takes its columns from the local tables, so it is made anew when those change."""

READS = re.compile(r"^\s*(?:--[^\n]*\n\s*)*(?:SELECT|WITH|INSERT|CREATE|EXPLAIN|DESCRIBE)\b", re.IGNORECASE)
IN_SUBQUERY = re.compile(r"(?<!GLOBAL )\b((?:NOT\s+)?IN\s*\(\s*SELECT)\b")
ALL_TIMES, READABLE = re.compile(r"'1970-\d\d-\d\d 00:00:00'"), "'1974-01-01 00:00:00'"
"""Where views of all times begin. Conditions are sent to the shards with seconds since 1970, and ClickHouse cannot read
such a number of few digits: 0 not at all, one of eight as a date."""

OTHER_COLUMNS = re.compile(r"\b(?:ADD|DROP|RENAME|MODIFY)\s+COLUMN\b", re.IGNORECASE)

OVER_SHARDS: dict[str, str | int] = {
    # What a query on the shards needs of other tables is sent along with it.
    "distributed_product_mode": "global",
    # A part of the answer is none.
    "skip_unavailable_shards": 0,
    "optimize_skip_unused_shards": 0,
    "distributed_group_by_no_merge": 0,
    "fallback_to_stale_replicas_for_distributed_queries": 0,
}
"""Settings of queries over shards: of ours, and of the people who read the views."""

ON_SHARDS: dict[str, str | int] = {
    **OVER_SHARDS,
    # Rows are on their shards when an insert returns, and where their partition belongs.
    "distributed_foreground_insert": 1,
    "insert_shard_id": 0,
    "insert_distributed_one_random_shard": 0,
}
"""Settings of our connections where there are shards."""

PATIENCE_S = 30.0
PREVIOUS_QUORUM_NOT_MET = 286
"""The error of an insert that came while another one was not on a majority of the replicas yet. Nothing was stored."""

SHAPE = """
SELECT uniqExact(shard_num), count(), max(is_local),
       (SELECT engine FROM system.databases WHERE name = currentDatabase())
FROM system.clusters WHERE cluster = %(cluster)s
"""
PLAIN = """
SELECT name FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND NOT startsWith(engine, 'Replicated')
    AND NOT startsWith(engine, 'Shared')
ORDER BY name
"""


SHARDS = """
SELECT uniqExact(shard_num), max(replica_num), max(is_local) FROM system.clusters WHERE cluster = %(shards)s
"""
THERE = """
SELECT uniqExact(hostName(), tcpPort()), count() FROM cluster(%(shards)s, system.databases) WHERE name = %(database)s
"""
UNSPREAD = """
SELECT name FROM system.tables
WHERE database = currentDatabase() AND name IN %(tables)s AND engine != 'Distributed'
ORDER BY name
"""
SPREAD = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'Distributed' ORDER BY name"


class UnusableCluster(FinsentError, RuntimeError):
    """CLICKHOUSE_CLUSTER names something that tables cannot be kept in."""

    exit_code: ClassVar[ExitCode] = ExitCode.CONFIG
    remedy = "see 'Replicas' and 'Shards' in docs/clickhouse.md"


def everywhere(statement: str, cluster: str, user: str) -> str:
    """``statement`` of ``user`` for all servers of ``cluster``; as it is, if it declares and changes nothing, or
    without a cluster."""
    found = CHANGES.match(statement) if cluster else None
    if found is None:
        return statement
    # On the other servers, somebody else would be the current user.
    rest = _replicated(found, statement).replace("DEFINER = CURRENT_USER", f"DEFINER = `{user}`", 1)
    return f"{found['what']}{found['name']} ON CLUSTER `{cluster}`{rest}"


def over_shards(statement: str, cluster: str, shards: str, user: str) -> list[str]:
    """The statements that do the same where ``SHARDED`` tables are on the cluster ``shards``, and the others on
    ``cluster``; without the latter, on one server. Without ``shards``, all are on ``cluster``.

    Sub-queries are made ``GLOBAL``: they run here and not on the shards, which do not have the other tables."""
    if not shards:
        return [everywhere(statement, cluster, user)]
    if READS.match(statement):
        statement = ALL_TIMES.sub(READABLE, IN_SUBQUERY.sub(r"GLOBAL \1", statement))
    found = CHANGES.match(statement)
    table = found["name"].strip("`") if found else ""
    if found is None or table not in SHARDED:
        return [everywhere(statement, cluster, user)]
    local, what = LOCAL.format(table=table), found["what"]
    creates = "CREATE" in what.upper()
    if creates and "EXISTS" not in what.upper():
        # Whoever was stopped between the two statements goes on with the second.
        what += "IF NOT EXISTS "
    rest = _replicated(found, statement) if cluster else statement[found.end() :]
    there = f"{what}{local} ON CLUSTER `{shards}`{rest}"
    if "DROP" in what.upper():
        return [everywhere(statement, cluster, user), there]
    if not creates and not OTHER_COLUMNS.search(rest):
        return [there]
    return [there, everywhere(WHOLE.format(table=table, shards=shards, local=local), cluster, user)]


def _replicated(found: re.Match[str], statement: str) -> str:
    """What follows the name in a statement, with a replicated engine if it makes a table."""
    rest = statement[found.end() :]
    if not re.match(r"\s*(?:--[^\n]*\n\s*)*CREATE", statement, re.IGNORECASE):
        return rest
    return ENGINE.sub(lambda engine: f"{engine[0]}Replicated", rest, count=1)


def stored_in(client: Client, table: str) -> str:
    """The table on the server of ``client`` that the rows of ``table`` are in; where there are shards, its own rows."""
    spread = bool(getattr(client, "shards", ""))
    return LOCAL.format(table=table) if spread and table in SHARDED else table


def insert_alone(
    client: Client, query: str, rows: Any, columnar: bool = False, settings: Mapping[str, Any] | None = None
) -> None:
    """Insert ``rows``. Where ``client`` has a cluster, a majority of its replicas has them on return.

    Such inserts into a table come one after the other, whoever makes them. One that meets another is refused at once,
    with nothing stored, so it is tried again here; not if it goes to several shards, of which some may have stored
    their rows. Raises what the driver raises.
    """
    chosen = {**(settings or {}), **(LEAST_QUORUM if getattr(client, "cluster", "") else {})}
    spread = bool(getattr(client, "shards", "")) and query.split()[2] in SHARDED
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            client.execute(query, rows, columnar=columnar, settings=chosen)
            return
        except ServerException as error:
            if error.code != PREVIOUS_QUORUM_NOT_MET or spread or time.monotonic() > until:
                raise
            time.sleep(random.uniform(0.02, 0.1))


def check_cluster(client: Client, cluster: str) -> None:
    """Raises ``UnusableCluster`` unless ``cluster`` is one shard of several replicas, the server that ``client`` is
    connected to is one of them, and the tables that there are are replicated ones."""
    shards, servers, member, database = client.execute(SHAPE, {"cluster": cluster})[0]
    if not servers:
        raise UnusableCluster(f"the server knows no cluster {cluster!r} (CLICKHOUSE_CLUSTER)")
    if shards > 1:
        raise UnusableCluster(
            f"the cluster {cluster!r} has {shards} shards: name it in CLICKHOUSE_SHARDS, and in CLICKHOUSE_CLUSTER a "
            "cluster of the servers of one shard, and these alone in CLICKHOUSE_URL"
        )
    if not member:
        # Tables would be made on the cluster's servers, and rows would be stored here.
        raise UnusableCluster(
            f"CLICKHOUSE_URL leads to {client.connection.host}:{client.connection.port}, which is not a server of the "
            f"cluster {cluster!r} (is_local in its system.clusters)"
        )
    if database in ("Replicated", "Shared"):
        raise UnusableCluster(f"the database has the engine {database}; CLICKHOUSE_CLUSTER is for an ordinary one")
    if plain := [name for (name,) in client.execute(PLAIN)]:
        raise UnusableCluster(
            f"the database has tables without replicas ({', '.join(plain[:3])}), made without CLICKHOUSE_CLUSTER: name "
            "an empty one"
        )


def check_shards(client: Client, shards: str, cluster: str) -> None:
    """Raises ``UnusableCluster`` unless rows can be spread over ``shards``: it has several, all with a database of our
    name, the server that ``client`` is connected to is one of them, and the tables that there are were made so. Shards
    of several replicas want a ``cluster``."""
    known, replicas, member = client.execute(SHARDS, {"shards": shards})[0]
    if not known:
        raise UnusableCluster(f"the server knows no cluster {shards!r} (CLICKHOUSE_SHARDS)")
    if known < 2:
        raise UnusableCluster(f"the cluster {shards!r} has one shard: name it in CLICKHOUSE_CLUSTER if it has replicas")
    if not member:
        raise UnusableCluster(
            f"CLICKHOUSE_URL leads to {client.connection.host}:{client.connection.port}, which is not a server of the "
            f"cluster {shards!r} (is_local in its system.clusters)"
        )
    if replicas > 1 and not cluster:
        raise UnusableCluster(
            f"the shards of {shards!r} have replicas: name a cluster of the servers of one shard in CLICKHOUSE_CLUSTER"
        )
    database = client.execute("SELECT currentDatabase()")[0][0]
    servers, found = client.execute(THERE, {"shards": shards, "database": database})[0]
    if servers < known or found < known:
        raise UnusableCluster(
            f"the database {database} is on {min(servers, found)} of the {known} shards of {shards!r}: create it on all"
        )
    if unspread := [name for (name,) in client.execute(UNSPREAD, {"tables": SHARDED})]:
        raise UnusableCluster(
            f"the database has tables that are on one server ({', '.join(unspread)}), made without CLICKHOUSE_SHARDS: "
            "name an empty one"
        )


def check_unspread(client: Client) -> None:
    """Raises ``UnusableCluster`` if there are tables over shards, which CLICKHOUSE_SHARDS must name."""
    if spread := [name for (name,) in client.execute(SPREAD)]:
        raise UnusableCluster(
            f"the database has tables over shards ({', '.join(spread)}): name their cluster in CLICKHOUSE_SHARDS"
        )
