"""A ClickHouse of several shards (CLICKHOUSE_SHARDS): our declarations and queries, as such servers want them.

The tables that grow with the records (``SHARDED``) are on all shards, under the name ``..._local``. At home, where
CLICKHOUSE_URL leads, a Distributed table over them has the table's name: inserts go through it, and views read the
whole from it. All rows of a Kafka partition are on one shard, so that a position that was stored twice counts once
there, and an insert is whole for each partition. Everything else is at home only.
"""

from __future__ import annotations

import re

from clickhouse_driver import Client

from storage.cluster import CHANGES, UnusableCluster, everywhere, replicated

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
    # A query is sent to the shards with the hours of all of the history in it.
    "max_query_size": 10_000_000,
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
    rest = replicated(found, statement) if cluster else statement[found.end() :]
    there = f"{what}{local} ON CLUSTER `{shards}`{rest}"
    if "DROP" in what.upper():
        return [everywhere(statement, cluster, user), there]
    if not creates and not OTHER_COLUMNS.search(rest):
        return [there]
    return [there, everywhere(WHOLE.format(table=table, shards=shards, local=local), cluster, user)]


def stored_in(client: Client, table: str) -> str:
    """The table on the server of ``client`` that the rows of ``table`` are in; where there are shards, its own rows."""
    spread = bool(getattr(client, "shards", ""))
    return LOCAL.format(table=table) if spread and table in SHARDED else table


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
