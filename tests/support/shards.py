"""Two embedded ClickHouse servers as two shards.

ClickHouse's own distributed DDL needs a server with Keeper, which the embedded ClickHouse cannot be: what finsent sends
``ON CLUSTER`` is given to both servers here. Everything else they do themselves.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import clickhouse_driver
import pytest

from deploy.local import Stack
from settings import ClickHouseSettings
from storage import connect, migrate, set_durability
from tests.support import Asking

ELSEWHERE = "192.0.2.7"
"""An address for documentation: nobody is there, and nobody is asked."""

EVERY_SERVER = " ON CLUSTER `two`"


class Shards:
    """Two servers. ``home`` is the one that CLICKHOUSE_URL names."""

    def __init__(self, home: Stack, other: Stack) -> None:
        self.home, self.other = home, other

    def at(self, database: str) -> ClickHouseSettings:
        """How to reach ``database`` at home, with its records over both."""
        return ClickHouseSettings(url=_in(self.home, database), shards="two", one_server=True)

    def urls(self, database: str) -> list[str]:
        """The URLs of ``database`` on both servers, the one at home first."""
        return [_in(self.home, database), _in(self.other, database)]

    @contextmanager
    def database(self) -> Iterator[str]:
        """The name of a database on both servers, with finsent's tables, as long as the block lasts."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        for server in (self.home, self.other):
            Asking(server.clickhouse_url).execute(f"CREATE DATABASE {name}")
        with self.distributed_ddl(), connect(self.at(name)) as client:
            migrate(client)
            set_durability(client, True)
        yield name
        for server in (self.home, self.other):
            Asking(server.clickhouse_url).execute(f"DROP DATABASE {name}")

    @contextmanager
    def distributed_ddl(self) -> Iterator[None]:
        """Statements for the cluster reach both servers, as long as the block lasts."""
        plain = clickhouse_driver.Client.execute

        def execute(client: clickhouse_driver.Client, query: str, *args: Any, **how: Any) -> Any:
            if EVERY_SERVER not in query:
                return plain(client, query, *args, **how)
            query = query.replace(EVERY_SERVER, "")
            for url in self.urls(client.connection.database):
                with connect(ClickHouseSettings(url=url)) as one:
                    answer = plain(one, query, *args, **how)
            return answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clickhouse_driver.Client, "execute", execute)
            yield


@contextmanager
def two_shards(folder: Path) -> Iterator[Shards]:
    """Both servers, and the configuration that makes them shards of the cluster ``two``."""
    (folder / "other").mkdir()
    with Stack(folder / "home") as home:
        shutil.copy(home.data / "clickhouse-service-password", folder / "other")
        with Stack(folder / "other") as other:
            for server in (home, other):
                added = server.data / "clickhouse" / "config.d" / "clusters.xml"
                added.parent.mkdir()
                added.write_text(_clusters(home, other))
                server.kill("clickhouse")
                server.children["clickhouse"].wait_ready(60)
            yield Shards(home, other)


def _in(server: Stack, database: str) -> str:
    return f"{server.clickhouse_url.rpartition('/')[0]}/{database}"


def _clusters(home: Stack, other: Stack) -> str:
    def replica(server: Stack, host: str = "127.0.0.1") -> str:
        address = urlsplit(server.clickhouse_url)
        signed_in = f"<user>{address.username}</user><password>{address.password}</password>"
        return f"<replica><host>{host}</host><port>{address.port}</port>{signed_in}</replica>"

    here, there, nowhere = replica(home), replica(other), replica(home, ELSEWHERE)
    return (
        "<clickhouse><remote_servers>"
        f"<two><shard>{here}</shard><shard>{there}</shard></two>"
        f"<one><shard>{here}</shard></one>"
        f"<twice><shard>{here}</shard><shard>{here}</shard></twice>"
        f"<others><shard>{there}</shard><shard>{nowhere}</shard></others>"
        f"<replicated><shard>{here}{nowhere}</shard><shard>{there}</shard></replicated>"
        "</remote_servers></clickhouse>"
    )
