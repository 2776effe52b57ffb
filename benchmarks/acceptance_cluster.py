"""Whether a real cluster of ClickHouse keeps what finsent needs of it: ``make acceptance-cluster``.

CLICKHOUSE_CLUSTER (replicas), CLICKHOUSE_SHARDS or both name the clusters, and CLICKHOUSE_URL an empty database in
them. The command makes finsent's tables
there and leaves them, with rows of the topic ``acceptance``. What it must print is in docs/clickhouse.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from clickhouse_driver import Client
from pydantic import SecretStr

from documents import Document, Position
from settings import ClickHouseSettings
from storage import (
    StorageUnavailable,
    check_one_server,
    connect,
    last_stored,
    migrate,
    set_durability,
    set_retention,
    write_documents,
)
from storage.writes import claim

BATCHES, ROWS, MESSAGES, PARTITIONS = 100, 100, 50, 12
TOPIC = "acceptance"


class NotAccepted(Exception):
    """The cluster does not do what it must."""


def write(run: str, partition: int) -> None:
    """Store ``BATCHES`` batches of one partition, as a worker does."""
    with connect() as client:
        for batch in range(BATCHES):
            offsets = range(batch * ROWS, (batch + 1) * ROWS)
            rows = [Document(Position(TOPIC, run, partition, n), document_id=f"{partition}-{n}") for n in offsets]
            write_documents(client, rows)


def of_each_host(ask: Callable[[Client], object]) -> list[object]:
    """The answers of all hosts in CLICKHOUSE_URL, one after the other; those that are away are left out."""
    settings, found = ClickHouseSettings(), []
    for host, port in settings.hosts:
        alone = settings.model_copy(update={"url": SecretStr(settings.address_of(f"{host}:{port}"))})
        try:
            with connect(alone) as client:
                found.append(ask(client))
        except StorageUnavailable:
            continue
    return found


def check(what: str, said: str, right: bool) -> None:
    """Print a line. Raises ``NotAccepted`` unless it is ``right``."""
    print(f"{what}: {said}", flush=True)
    if not right:
        raise NotAccepted(what)


def tables(settings: ClickHouseSettings) -> None:
    """The schema is made; it is on all servers of the cluster, and its tables are replicated ones."""
    with connect() as client:
        check_one_server(client, settings)
        migrate(client)
        set_durability(client, settings.fsync)
        set_retention(client, settings)
        check_one_server(client, settings)  # now there are tables, and all must be replicated
        if not settings.cluster:
            return
        rows = client.execute(
            "SELECT hostName(), count(), countIf(engine LIKE '%%MergeTree' AND engine NOT LIKE 'Replicated%%') "
            f"FROM clusterAllReplicas(`{settings.cluster}`, system.tables) WHERE database = %(d)s GROUP BY hostName()",
            {"d": client.execute("SELECT currentDatabase()")[0][0]},
        )
    same = len({(tables, plain) for _, tables, plain in rows}) == 1 and not rows[0][2]
    check("tables", f"all are replicated, on {len(rows)} servers" if same else f"they differ: {rows}", same)


def records(run: str) -> None:
    """Two writers insert at once; every replica then has every row, and knows where the ledger ends."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda partition: write(run, partition), range(2)))
    total = 2 * BATCHES * ROWS
    print(f"inserts: {2 * BATCHES} batches of 2 writers, {total} rows", flush=True)
    ask = f"SELECT count() FROM record_log WHERE topic = '{TOPIC}' AND topic_id = '{run}'"
    sequential = {"select_sequential_consistency": 1}
    counts = of_each_host(lambda client: client.execute(ask, settings=sequential)[0][0])
    right = counts.count(total)
    check("replicas", f"{right} of {len(counts)} have {total} rows", right == len(counts) > 0)
    wanted = {(TOPIC, run, partition): BATCHES * ROWS - 1 for partition in range(2)}
    ends = of_each_host(lambda client: last_stored(client, [(TOPIC, run)]))
    right = ends.count(wanted)
    last = " and ".join(str(offset) for offset in wanted.values())
    check("ledger", f"{right} of {len(ends)} replicas end at {last}", right == len(ends))


def spread(run: str, shards: str) -> None:
    """Batches of many partitions: each partition is on one shard, and every shard has some."""
    offsets = range(ROWS)
    with connect() as client:
        for offset in offsets:
            write_documents(client, [Document(Position(TOPIC, run, number, offset)) for number in range(PARTITIONS)])
        servers = client.execute(
            f"SELECT hostName(), tcpPort(), count() FROM clusterAllReplicas(`{shards}`, system.tables) "
            "WHERE database = %(d)s AND endsWith(name, '_local') GROUP BY ALL",
            {"d": client.execute("SELECT currentDatabase()")[0][0]},
        )
        ask = "SELECT _shard_num, partition, count() FROM record_log WHERE topic_id = %(run)s GROUP BY ALL"
        held = client.execute(ask, {"run": run}, settings={"select_sequential_consistency": 1})
        ledger = last_stored(client, [(TOPIC, run)])
    tables, used = {count for *_, count in servers}, {shard for shard, *_ in held}
    whole = sorted((number, count) for _, number, count in held) == [(number, ROWS) for number in range(PARTITIONS)]
    right = len(tables) == 1 and whole and len(used) > 1 and set(ledger.values()) == {offsets[-1]}
    said = f"{max(tables)} tables on {len(servers)} servers, {PARTITIONS} partitions, each on one of {len(used)} shards"
    check("shards", said if right else f"tables {servers}, rows {held}, ledger {ledger}", right)


def claims(run: str) -> None:
    """Of two workers, one may send a message, whichever replicas they speak to."""

    def claimed(worker: str) -> set[int]:
        with connect() as client:
            return {number for number in range(MESSAGES) if claim(client, f"{run}-{number}", worker, 600)}

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(claimed, ("one", "other"))
    right = not one & other and len(one | other) == MESSAGES
    check("claims", f"{MESSAGES} messages, each claimed by {'one' if right else 'NOT one'} of two workers", right)


def main() -> None:
    """Run all checks; exit code 1 at the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stop", help="a command that stops one replica; everything is then checked without it")
    parser.add_argument("--start", help="the command that starts it again")
    arguments = parser.parse_args()
    settings = ClickHouseSettings()
    if not settings.cluster and not settings.shards:
        sys.exit(
            "set CLICKHOUSE_CLUSTER, CLICKHOUSE_SHARDS or both, and CLICKHOUSE_URL (all hosts), with an empty database"
        )
    try:
        tables(settings)
        records(uuid.uuid4().hex)
        if settings.shards:
            spread(uuid.uuid4().hex, settings.shards)
        claims(uuid.uuid4().hex)
        if arguments.stop:
            subprocess.run(arguments.stop, shell=True, check=True)
            try:
                print("one replica is stopped", flush=True)
                records(uuid.uuid4().hex)
            finally:
                if arguments.start:
                    subprocess.run(arguments.start, shell=True, check=True)
    except NotAccepted as error:
        sys.exit(f"not accepted: {error}")
    print("accepted")


if __name__ == "__main__":
    main()
