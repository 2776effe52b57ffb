"""A ClickHouse that takes connections and never answers: everything that waits for it ends, and says so."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from clickhouse_driver import Client
from clickhouse_driver.connection import Connection
from pydantic import SecretStr

from benchmarks.proxy import Proxy
from console.pool import Pool
from settings import ClickHouseSettings
from storage import UNAVAILABLE, StorageUnavailable, check_one_server, connect
from tests.support.commands import within

WAIT_S = 1.0
MOST_S = 60.0
"""Far more than the time-outs add up to, and far less than for ever."""


@pytest.fixture
def proxy(clickhouse_url: str, client: Client) -> Iterator[Proxy]:
    """In front of a database with the schema."""
    with Proxy(lambda: clickhouse_url) as made:
        yield made


def settings(proxy: Proxy, clickhouse_url: str) -> ClickHouseSettings:
    before, _, after = clickhouse_url.partition("@")[2].partition("/")
    url = clickhouse_url.replace(f"{before}/{after}", f"127.0.0.1:{proxy.port}/{after}")
    return ClickHouseSettings(url=url, connect_timeout_s=WAIT_S, send_receive_timeout_s=WAIT_S)


def test_who_connects_to_a_server_that_never_answers_is_told(proxy: Proxy, clickhouse_url: str) -> None:
    proxy.silent.set()
    began = time.monotonic()
    with pytest.raises(StorageUnavailable, match="does not answer"):
        connect(settings(proxy, clickhouse_url))
    assert time.monotonic() - began < MOST_S


@pytest.fixture
def mute() -> Iterator[int]:
    """The port of a socket that takes connections, and reads and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_host_that_never_greets_costs_the_connect_timeout(mute: int, clickhouse_url: str) -> None:
    """Not the time-out of an answer, which is long because queries may take their time."""
    account, _, rest = clickhouse_url.rpartition("@")
    hosts = f"127.0.0.1:{mute},127.0.0.1:{mute}"
    began = time.monotonic()
    alone = ClickHouseSettings(url=f"{account}@{hosts}/default", connect_timeout_s=WAIT_S, send_receive_timeout_s=3600)
    with pytest.raises(StorageUnavailable, match="does not answer"):
        connect(alone)
    both = alone.model_copy(update={"url": SecretStr(f"{account}@{hosts},{rest}")})
    with connect(both) as client:
        assert client.execute("SELECT 1") == [(1,)]
        assert client.connection.socket.gettimeout() == 3600
        check_one_server(client, both)
    assert time.monotonic() - began < MOST_S


def test_the_next_host_is_tried_where_one_greets_and_then_falls_silent(
    proxy: Proxy, clickhouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = settings(proxy, clickhouse_url)
    behind = clickhouse_url.partition("@")[2].partition("/")[0]
    both = one.model_copy(update={"url": SecretStr(one.url.get_secret_value().replace("/test", f",{behind}/test"))})
    greeted = Connection.receive_hello

    def then_silent(connection: Connection) -> None:
        greeted(connection)
        if connection.port == proxy.port:
            proxy.silent.set()

    monkeypatch.setattr(Connection, "receive_hello", then_silent)
    with connect(both) as client:
        assert client.connection.port == int(behind.rpartition(":")[2])


def test_a_connection_that_falls_silent_is_given_up_and_made_anew(proxy: Proxy, clickhouse_url: str) -> None:
    client = connect(settings(proxy, clickhouse_url))
    pool = Pool(settings(proxy, clickhouse_url))
    assert client.execute("SELECT 1") == pool.rows("SELECT 1")[1] == [(1,)]
    proxy.silent.set()
    began = time.monotonic()
    with pytest.raises(UNAVAILABLE):
        client.execute("SELECT 2")
    with pytest.raises(StorageUnavailable, match="does not answer"):
        pool.rows("SELECT 2")
    assert time.monotonic() - began < MOST_S
    proxy.silent.clear()
    assert client.execute("SELECT 3") == pool.rows("SELECT 3")[1] == [(3,)]
    client.disconnect()
    pool.close()


@pytest.mark.parametrize(
    "command", ["sql|SELECT 1", "alerts", "audit", "dead-letters|list", "doctor", "privacy|export|x"]
)
def test_commands_end_and_say_so(command: str, proxy: Proxy, clickhouse_url: str) -> None:
    proxy.silent.set()
    began = time.monotonic()
    environment = {
        "CLICKHOUSE_URL": settings(proxy, clickhouse_url).url.get_secret_value(),
        "CLICKHOUSE_CONNECT_TIMEOUT_S": str(WAIT_S),
        "CLICKHOUSE_SEND_RECEIVE_TIMEOUT_S": str(WAIT_S),
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "FINSENT_PSEUDONYM_KEY": "k" * 32,
    }
    done = within(*command.split("|"), **environment)
    assert time.monotonic() - began < MOST_S and done.returncode != 0
    assert "does not answer" in done.stdout + done.stderr, done
