"""What holds for every connection, below its requests: whoever is slow, or silent, loses it.

uvicorn waits for ever for the rest of a request, and for a client to take its answer. With its limit of all
connections, one client could so keep everybody out: a thousand connections with half a line each are enough.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from console.access import network

LEAST_BYTES = 10_000
"""A client that takes fewer bytes of what is left for it, in ``Limits.send_s``, is dropped."""

UNSENT_BYTES = 4_096
"""The system takes about so many bytes more than the client has room for; the rest is kept here, where it is seen."""

TLS_S = 10.0
"""Seconds in which a connection must have agreed on its encryption, or on its end."""


@dataclass(frozen=True)
class Limits:
    """How patient a console is with its clients."""

    request_s: float = 10.0
    """Seconds in which a request, its body too, must have come whole."""

    send_s: float = 10.0
    """Seconds after which a client is dropped that takes nothing of its answer. A page connects again by itself."""

    connections: int = 500
    """Connections beside those of open pages; more are refused at once (503), so that those who came are served."""

    waiting: int = 250
    """Those among them that wait for their clients."""


class Waiting:
    """The connections that wait for their clients: for a request, the rest of one, or room for the answer.

    If there are too many, the address that has most of them loses its oldest. So one that holds many takes no place
    from others; and behind a proxy, where all have one address, those who send and read at once are never the oldest.
    """

    def __init__(self, most: int) -> None:
        self._most, self._count = most, 0
        self._of: dict[str, dict[Connection, None]] = {}  # the oldest first

    def add(self, one: Connection) -> None:
        """``one`` waits, as of now or already."""
        of = self._of.setdefault(one.address, {})
        if one in of:
            return
        of[one] = None
        self._count += 1
        if self._count > self._most:
            most = max(self._of.values(), key=len)
            oldest = next(iter(most))
            self.discard(oldest)
            oldest.connections.discard(oldest)  # now, so that it is not counted against the request that comes next
            oldest.transport.abort()

    def discard(self, one: Connection) -> None:
        """``one`` waits no more."""
        of = self._of.get(one.address, {})
        if one in of:
            del of[one]
            self._count -= 1
            if not of:
                del self._of[one.address]


class Connection(H11Protocol):
    """uvicorn's connection, with ``limits``. One that is idle between two requests ends as uvicorn has it."""

    limits: ClassVar[Limits]
    waiting: ClassVar[Waiting]

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.address = ""
        self._late: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._left = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.address = network(self.client[0] if self.client else "")
        # So that ``pause_writing`` tells of the first byte for which the client has no room.
        transport.set_write_buffer_limits(high=1, low=0)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            tcp = cast(socket.socket, transport.get_extra_info("socket"))
            with suppress(OSError):  # a client may have gone already
                tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        self._look()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._left = self.transport.get_write_buffer_size()
        self._stalled = self.loop.call_later(self.limits.send_s, self._drop_if_stalled)
        self._look()

    def resume_writing(self) -> None:
        self._stop_stalled()
        super().resume_writing()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_late()
        self._stop_stalled()
        super().connection_lost(exc)
        self.waiting.discard(self)

    def _look(self) -> None:
        """What this connection waits for, after anything has happened to it."""
        closing = self.transport.is_closing()
        whole = self.conn.their_state not in (h11.IDLE, h11.SEND_BODY)
        if whole or closing:
            self._stop_late()
        elif self._late is None and self.timeout_keep_alive_task is None:
            self._late = self.loop.call_later(self.limits.request_s, self._end_late_request)
        answers = whole and self.cycle is not None and not self.cycle.response_complete
        if answers and not closing and not self.flow.write_paused:
            self.waiting.discard(self)
        else:
            self.waiting.add(self)

    def _end_late_request(self) -> None:
        self._late = None
        begun = self.conn.their_state is h11.SEND_BODY or self.conn.trailing_data[0]
        if self.cycle is not None:
            self.cycle.disconnected = True  # nothing that it still says is sent
        if begun and self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            told = b"the request did not come whole in time"
            headers = [("content-type", "text/plain; charset=utf-8"), ("connection", "close")]
            answer = h11.Response(status_code=408, headers=headers, reason=STATUS_PHRASES[408])
            for event in (answer, h11.Data(data=told), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _drop_if_stalled(self) -> None:
        left = self.transport.get_write_buffer_size()
        if left > self._left - LEAST_BYTES:
            self.transport.abort()  # to close it would wait until the rest has been taken
        else:
            self._left = left
            self._stalled = self.loop.call_later(self.limits.send_s, self._drop_if_stalled)

    def _stop_late(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _stop_stalled(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


def limited(limits: Limits) -> type[Connection]:
    """The connections of one server."""
    return type("Limited", (Connection,), {"limits": limits, "waiting": Waiting(limits.waiting)})


class Loop(asyncio.SelectorEventLoop):
    """asyncio's loop, which would wait a minute for a client to agree on TLS; uvicorn has no setting for it."""

    async def create_server(self, *args: Any, **named: Any) -> asyncio.Server:
        if named.get("ssl"):
            named |= {"ssl_handshake_timeout": TLS_S, "ssl_shutdown_timeout": TLS_S}
        return await super().create_server(*args, **named)
