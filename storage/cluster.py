"""A ClickHouse of several replicas (CLICKHOUSE_CLUSTER): our declarations and inserts, as such a server wants them.

A table is declared once, in a migration, for one server. Here each statement that declares or changes something is
given to all servers of the cluster (``ON CLUSTER``), and engines become replicated ones. Inserts of records wait for a
majority of the replicas, and the ledger is read with sequential consistency: whatever replica answers, it knows every
row that a worker was told to be stored, or refuses to answer.
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


class UnusableCluster(FinsentError, RuntimeError):
    """CLICKHOUSE_CLUSTER names something that tables cannot be kept in."""

    exit_code: ClassVar[ExitCode] = ExitCode.CONFIG
    remedy = "see 'Replicas' and 'Shards' in docs/clickhouse.md"


def everywhere(statement: str, cluster: str, user: str) -> str:
    """``statement`` of ``user`` for all servers of ``cluster``; as it is, if it declares and changes nothing."""
    found = CHANGES.match(statement)
    if found is None:
        return statement
    rest = statement[found.end() :]
    if re.match(r"\s*(?:--[^\n]*\n\s*)*CREATE", statement, re.IGNORECASE):
        rest = ENGINE.sub(lambda engine: f"{engine[0]}Replicated", rest, count=1)
    # On the other servers, somebody else would be the current user.
    rest = rest.replace("DEFINER = CURRENT_USER", f"DEFINER = `{user}`", 1)
    return f"{found['what']}{found['name']} ON CLUSTER `{cluster}`{rest}"


def insert_alone(
    client: Client, query: str, rows: Any, columnar: bool = False, settings: Mapping[str, Any] | None = None
) -> None:
    """Insert ``rows``. Where ``client`` has a cluster, a majority of its replicas has them on return.

    Such inserts into a table come one after the other, whoever makes them. One that meets another is refused at once,
    with nothing stored, so it is tried again here. Raises what the driver raises.
    """
    chosen = {**(settings or {}), **(LEAST_QUORUM if getattr(client, "cluster", "") else {})}
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            client.execute(query, rows, columnar=columnar, settings=chosen)
            return
        except ServerException as error:
            if error.code != PREVIOUS_QUORUM_NOT_MET or time.monotonic() > until:
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
            f"the cluster {cluster!r} has {shards} shards; the ledger must be in one: name a cluster of the servers of "
            "one shard in CLICKHOUSE_CLUSTER, and these alone in CLICKHOUSE_URL"
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
