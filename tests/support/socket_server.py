"""A server of web sockets on loopback that sends what it is told to, and refuses when it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

Script = Callable[[ServerConnection, dict[str, str]], None]


class SocketServer:
    """Does ``script`` with each connection, and then leaves it open until the client closes it."""

    def __init__(self) -> None:
        self.script: Script = lambda connection, params: None
        self.refuse: Response | None = None
        self.asked: list[dict[str, str]] = []
        self.headers: list[Any] = []
        self.url = ""

    def handle(self, connection: ServerConnection) -> None:
        assert connection.request
        params = dict(parse_qsl(urlsplit(connection.request.path).query))
        self.asked.append(params)
        self.headers.append(connection.request.headers)
        try:
            self.script(connection, params)
            for _ in connection:
                pass
        except (ConnectionClosed, OSError):
            pass

    def before(self, connection: ServerConnection, request: Request) -> Response | None:
        return self.refuse


@contextmanager
def socket_server() -> Iterator[SocketServer]:
    made = SocketServer()
    with serve(made.handle, "127.0.0.1", 0, process_request=made.before, ping_interval=None, close_timeout=1) as server:
        made.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/stream"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join()
