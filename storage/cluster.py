"""A ClickHouse of several replicas (CLICKHOUSE_CLUSTER): our declarations, as such a server wants them.

A table is declared once, in a migration, for one server. Here each statement that declares or changes something is
given to all servers of the cluster (``ON CLUSTER``), and engines become replicated ones. Inserts of records wait for a
majority of the replicas (``storage/insert.py``), and the ledger is read with sequential consistency: whatever replica
answers, it knows every row that a worker was told to be stored, or refuses to answer.
"""

from __future__ import annotations

import re
from typing import ClassVar

from clickhouse_driver import Client

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

SEQUENTIAL = {"select_sequential_consistency": 1}
"""The settings of queries that must see every acknowledged row."""

EVERYWHERE: dict[str, str | int] = {"alter_sync": 2, "mutations_sync": 2}
"""The settings of our connections: a change returns when all replicas have made it, because the next one may need
it."""

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
    rest = replicated(found, statement).replace("DEFINER = CURRENT_USER", f"DEFINER = `{user}`", 1)
    return f"{found['what']}{found['name']} ON CLUSTER `{cluster}`{rest}"


def replicated(found: re.Match[str], statement: str) -> str:
    """What follows the name in a statement, with a replicated engine if it makes a table."""
    rest = statement[found.end() :]
    if not re.match(r"\s*(?:--[^\n]*\n\s*)*CREATE", statement, re.IGNORECASE):
        return rest
    return ENGINE.sub(lambda engine: f"{engine[0]}Replicated", rest, count=1)


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
