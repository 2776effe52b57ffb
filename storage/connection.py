"""The connection to ClickHouse."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from clickhouse_driver import Client
from clickhouse_driver.connection import Connection
from clickhouse_driver.errors import Error as DriverError
from clickhouse_driver.errors import LogicalError, ServerException, TypeMismatchError
from clickhouse_driver.util.helpers import parse_url

from errors import FinsentError
from settings import ClickHouseSettings
from storage.cluster import EVERYWHERE
from storage.pinned import PINNED
from storage.shards import ON_SHARDS, over_shards


class StorageUnavailable(FinsentError, ConnectionError):
    """ClickHouse does not answer, or refused what it was sent; the sentence says which."""

    remedy = "set CLICKHOUSE_URL, or start the service with 'finsent up'; see 'finsent doctor'"


UNAVAILABLE = (DriverError, OSError, EOFError)
"""What clickhouse-driver raises when the server is away, restarts, or answers with an error."""


class UnstorableValue(ValueError):
    """A row has a value that its column cannot hold. Nothing was stored."""


UNSTORABLE = (TypeMismatchError, LogicalError)
"""What clickhouse-driver raises for such a value, before it sends the block."""

MOST_ROWS = 1_000_000
"""More than a batch can be. With it neither the driver nor the server cuts an insert into blocks."""

WHOLE_INSERT = {
    "insert_block_size": MOST_ROWS,
    "max_insert_block_size": MOST_ROWS,
    "min_insert_block_size_rows": 0,
    "min_insert_block_size_bytes": 0,
}
"""Settings of an insert that is stored whole or not at all."""


class _Client(Client):
    """A client for which all times are in UTC, whatever the time zone of the server is.

    The columns hold times in UTC. The driver writes a time into a query as text, in the time zone that it believes the
    server to be in, and the server reads the text in the time zone of the column that it is compared with.

    The driver connects again by itself, without saying so. ``on_connected`` is called at every new connection, before
    the query that it was made for.
    """

    on_connected: Callable[[Client], None] | None = None
    cluster = ""
    """CLICKHOUSE_CLUSTER. A statement that declares or changes something goes to all its servers."""

    shards = ""
    """CLICKHOUSE_SHARDS. A statement that declares or changes a table that is on shards goes to all of them."""

    _known: object = None
    """The socket of the connection that ``on_connected`` was called for."""

    def establish_connection(self, settings: Any) -> None:
        """Connect unless that is done. The driver calls it before each query."""
        super().establish_connection(settings)
        self.connection.server_info.timezone = "UTC"
        if self.on_connected is not None and self.connection.socket is not self._known:
            self._known = self.connection.socket
            self.connection.is_query_executing = False  # the query that needed the connection has not begun
            self.on_connected(self)
            super().establish_connection(settings)  # the settings of that query again: others have replaced them
            self.connection.server_info.timezone = "UTC"

    def execute(self, query: str, *args: Any, **how: Any) -> Any:
        """See ``Client.execute``."""
        if self.cluster or self.shards:
            *before, query = over_shards(query, self.cluster, self.shards, self.connection.user)
            for statement in before:
                super().execute(statement, *args, **how)
        return super().execute(query, *args, **how)


def connect(settings: ClickHouseSettings | None = None, on_connected: Callable[[Client], None] | None = None) -> Client:
    """A client whose connection is open, to the first host that answers. Raises ``StorageUnavailable``.

    ``on_connected`` may put queries to every connection that the client ever opens, before any other query of it.
    """
    settings = settings or ClickHouseSettings()
    client = _client(settings)
    client.on_connected = on_connected
    connection = client.connection
    for left in reversed(range(len(connection.hosts))):
        try:
            client.execute("SELECT 1")
            break
        except UNAVAILABLE as error:
            # The driver tries the next host if one cannot be reached or does not greet. This one did, and closed the
            # connection (a balancer without a server behind it) or then fell silent.
            if isinstance(error, EOFError | TimeoutError) and left:
                connection.disconnect()
                connection.hosts.rotate(-1)
                continue
            hosts = ", ".join(f"{host}:{port}" for host, port in connection.hosts)
            how = "refuses us" if isinstance(error, ServerException) else "does not answer"
            raise StorageUnavailable(f"ClickHouse at {hosts} {how}: {first_line(error)}") from error
    return client


def _client(settings: ClickHouseSettings) -> _Client:
    host, options = parse_url(settings.address_of_first)
    if settings.secret:
        options["password"] = settings.secret
    if others := settings.hosts[1:]:
        options["alt_hosts"] = ",".join(
            f"[{name}]:{port}" if ":" in name else f"{name}:{port}" for name, port in others
        )
    files = {
        "ca_certs": settings.ssl_ca,
        "certfile": settings.ssl_certificate,
        "keyfile": settings.ssl_key,
    }
    options |= {name: str(path) for name, path in files.items() if path}
    if settings.key_secret:
        options["keypass"] = settings.key_secret
    client = _Client(host, **options)
    client.connection.connect_timeout = settings.connect_timeout_s
    client.connection.send_receive_timeout = settings.send_receive_timeout_s
    client.connection.receive_hello = partial(_receive_hello, client.connection, client.connection.receive_hello)
    client.settings.update(PINNED)
    if settings.cluster:
        client.cluster = settings.cluster
    if settings.shards:
        client.shards = settings.shards
        client.settings.update(ON_SHARDS)
    if settings.cluster or settings.shards:
        client.settings.update(EVERYWHERE)
    return client


def _receive_hello(connection: Connection, receive_hello: Callable[[], None]) -> None:
    """Wait for the server's greeting as long as for the connection. The driver would wait as long as for an answer to a
    query, for each host that takes connections and does not answer."""
    connection.socket.settimeout(connection.connect_timeout)
    receive_hello()
    connection.socket.settimeout(connection.send_receive_timeout)


def first_line(error: BaseException) -> str:
    """What an error says in one line, without the code that the driver puts in front of what ClickHouse says, and
    without the stack that ClickHouse adds."""
    text = error.message if isinstance(error, ServerException) else str(error)
    text = (text.partition("DB::Exception: ")[2] or text).strip().partition("\n")[0].partition(". Stack trace")[0]
    return text or type(error).__name__
