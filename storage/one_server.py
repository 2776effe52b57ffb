"""Whether CLICKHOUSE_URL leads to one server, as it must: our tables have no replicas, and hold the ledger."""

from __future__ import annotations

import logging
from typing import ClassVar

from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException
from pydantic import SecretStr

from errors import ExitCode, FinsentError
from settings import ClickHouseSettings
from storage.cluster import check_cluster
from storage.connection import StorageUnavailable, connect
from storage.refusals import LACKS_RIGHTS

log = logging.getLogger(__name__)

SIGNS = """
SELECT concat('its database has the engine ', engine) FROM system.databases
WHERE name = currentDatabase() AND engine IN ('Replicated', 'Shared')
UNION ALL
SELECT 'it has a macro "replica"' FROM system.macros WHERE macro = 'replica'
UNION ALL
SELECT concat('it is one of several replicas in the cluster ', cluster) FROM system.clusters
GROUP BY cluster, shard_num
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
    """Raises ``UnusableCluster`` if the settings name a cluster that will not do. Without a cluster, raises
    ``SeveralServers`` where the hosts in the URL are several servers, or ``client`` is connected to one that has
    replicas and the settings do not say that it is reached alone."""
    if settings.cluster:
        check_cluster(client, settings.cluster)
        return
    found = {}
    if len(settings.hosts) > 1:
        for host, port in settings.hosts:
            alone = settings.model_copy(update={"url": SecretStr(settings.address_of(f"{host}:{port}"))})
            try:
                with connect(alone) as other:
                    found[f"{host}:{port}"] = _identity(other)
            except StorageUnavailable:  # it may be down; that is what the others are for
                continue
    if len(set(found.values())) > 1:
        raise SeveralServers(f"the hosts in CLICKHOUSE_URL are several servers: {', '.join(found)}")
    if not settings.one_server and (signs := _signs(client)):
        raise SeveralServers(f"this ClickHouse has replicas ({'; '.join(signs)})")


def _signs(client: Client) -> list[str]:
    """Of replicas; none where the user may not read the server's own tables."""
    try:
        return [sign for (sign,) in client.execute(SIGNS)]
    except ServerException as error:
        if error.code != LACKS_RIGHTS:
            raise
        log.warning(
            "it is not known whether ClickHouse has replicas: the user may not read system.clusters and .macros"
        )
        return []


def _identity(client: Client) -> tuple[object, ...]:
    """Of a server. The embedded one has no UUID, so its name and port stand for it."""
    found: tuple[object, ...] = client.execute("SELECT serverUUID(), hostName(), tcpPort()")[0]
    return found
