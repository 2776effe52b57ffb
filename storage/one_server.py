"""Whether CLICKHOUSE_URL leads to one server, as it must: our tables have no replicas, and hold the ledger; or to
those of the cluster that the settings name."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import ClassVar

from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException
from pydantic import SecretStr

from errors import ExitCode, FinsentError
from settings import ClickHouseSettings
from storage.cluster import check_cluster
from storage.connection import StorageUnavailable, connect
from storage.refusals import LACKS_RIGHTS
from storage.shards import check_shards, check_unspread

log = logging.getLogger(__name__)

SIGNS = """
SELECT concat('its database has the engine ', engine) FROM system.databases
WHERE name = currentDatabase() AND engine IN ('Replicated', 'Shared')
UNION ALL
SELECT 'it has a macro "replica"' FROM system.macros WHERE macro = 'replica'
UNION ALL
SELECT concat('it is one of several servers in the cluster ', cluster) FROM system.clusters
GROUP BY cluster
HAVING max(is_local) AND countIf(NOT is_local AND NOT startsWith(host_address, '127.') AND host_address != '::1') > 0
"""


class SeveralServers(FinsentError, RuntimeError):
    """Rows would be on one server, and the ledger might be read from another."""

    exit_code: ClassVar[ExitCode] = ExitCode.CONFIG
    remedy = (
        "name the cluster in CLICKHOUSE_CLUSTER, or the hosts of one server in CLICKHOUSE_URL; if that always leads to "
        "the same server, set CLICKHOUSE_ONE_SERVER=true"
    )


def check_one_server(client: Client, settings: ClickHouseSettings) -> None:
    """Raises ``UnusableCluster`` if the settings name a cluster that will not do, or that a host in the URL is not of,
    or do not name the shards that there are.
    Without a cluster, raises ``SeveralServers`` where the hosts in the URL are several servers, or ``client`` is
    connected to one that has replicas or is a shard, and the settings do not say that it is reached alone."""
    if settings.shards:
        check_shards(client, settings.shards, settings.cluster)
    elif settings.cluster or settings.one_server:
        check_unspread(client)
    if settings.cluster:
        check_cluster(client, settings.cluster)
        for _, other in _others(settings):
            check_cluster(other, settings.cluster)
        return
    found = {host: _identity(other) for host, other in _others(settings)}
    if len(set(found.values())) > 1:
        raise SeveralServers(f"the hosts in CLICKHOUSE_URL are several servers: {', '.join(found)}")
    if not settings.one_server and (signs := _signs(client)):
        raise SeveralServers(f"this ClickHouse is one of several servers ({'; '.join(signs)})")


def _others(settings: ClickHouseSettings) -> Iterator[tuple[str, Client]]:
    """Each host in the URL and a client of it, where there are several; one may be down, and is left out."""
    for host, port in settings.hosts if len(settings.hosts) > 1 else ():
        alone = settings.model_copy(update={"url": SecretStr(settings.address_of(f"{host}:{port}"))})
        try:
            client = connect(alone)
        except StorageUnavailable:
            continue
        with client:
            yield f"{host}:{port}", client


def _signs(client: Client) -> list[str]:
    """Of other servers; none where the user may not read the server's own tables."""
    try:
        return [sign for (sign,) in client.execute(SIGNS)]
    except ServerException as error:
        if error.code != LACKS_RIGHTS:
            raise
        log.warning(
            "it is not known whether ClickHouse is one of several servers: the user may not read system.clusters and "
            "system.macros"
        )
        return []


def _identity(client: Client) -> tuple[object, ...]:
    """Of a server. The embedded one has no UUID, so its name and port stand for it."""
    found: tuple[object, ...] = client.execute("SELECT serverUUID(), hostName(), tcpPort()")[0]
    return found
