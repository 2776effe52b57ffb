"""Web sockets that send JSON, described by a mapping (``feeds.plan.Mapped`` with ``socket``)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from errors import many
from feeds.fetching import Fetcher, FetchError, told
from feeds.plan import Mapped, Socket, seconds
from feeds.sources.contract import BadAnswer, Polled
from feeds.sources.interface import find, take

WAIT_S = 5.0
"""So long a poll waits for a first message."""

GATHER_S = 1.0
MOST_MESSAGES = 1000
MOST_UNREADABLE = 100
TOO_BIG = 1009
"""The code of RFC 6455 (7.4.1) for a message that is too big to be processed."""


class WebSocket:
    """One connection, which stays open between polls. A new one goes on behind the cursor that was remembered last, so
    that what was received and not sent comes again."""

    def __init__(
        self,
        mapped: Mapped,
        socket: Socket,
        fetcher: Fetcher,
        params: Mapping[str, str],
        given: Mapping[str, str],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._mapped, self._socket, self._fetcher = mapped, socket, fetcher
        self._url = mapped.url.format_map({name: quote(value, safe=".:-") for name, value in given.items()})
        self._silence_s = seconds(socket.silence)
        self._params = {**mapped.params, **params}
        self._headers = dict(mapped.headers)
        secrets = {key.env: f"{key.prefix}{environment.get(key.env, '')}" for key in mapped.keys}
        for key in mapped.keys:
            if key.header:
                self._headers[key.header] = secrets[key.env]
            elif key.param:
                self._params[key.param] = secrets[key.env]
        self._greetings = [json.dumps(_with_secrets(one, secrets)) for one in socket.send]
        self._connection: ClientConnection | None = None
        self._ended: FetchError | BadAnswer | None = None
        self._heard_at = 0.0
        self._unreadable = 0
        self._from_now = False

    def poll(self, remembered: dict[str, Any]) -> Polled:
        """See ``Source``. What came before the connection ended counts; the next poll then says why it ended."""
        if self._ended:
            ended, self._ended = self._ended, None
            raise ended
        found = Polled(remember=dict(remembered))
        try:
            self._listen(found)
        except (FetchError, BadAnswer) as error:
            self._drop()
            if not found.items and not found.faults and found.remember == remembered:
                raise
            self._ended = error
        return found

    def _listen(self, found: Polled) -> None:
        connection = self._connection or self._connect(found.remember)
        until = time.monotonic() + WAIT_S
        for number in range(MOST_MESSAGES):
            try:
                message = connection.recv(max(0.0, until - time.monotonic()))
            except TimeoutError:
                if time.monotonic() - self._heard_at > self._silence_s:
                    raise FetchError(f"{told(self._url)} has sent nothing for {self._socket.silence}") from None
                return
            except ConnectionClosed as error:
                raise self._closed(error) from error
            self._heard_at = time.monotonic()
            if number == 0:
                until = min(until, self._heard_at + GATHER_S)
            self._take(message, found)
        found.more = True

    def _take(self, message: str | bytes, found: Polled) -> None:
        if len(message) > self._socket.most_bytes:
            found.faults.append(f"a message of {many(len(message), 'byte')} is left out (socket.most_bytes)")
            return
        try:
            document = json.loads(message)  # bytes are JSON as well, where a server sends it in binary frames
        except (ValueError, RecursionError) as error:
            self._unreadable += 1
            found.faults.append(f"a message of {many(len(message), 'byte')} is no JSON: {type(error).__name__}")
            if self._unreadable >= MOST_UNREADABLE:
                self._unreadable = 0
                raise BadAnswer(f"{MOST_UNREADABLE} messages on end are no JSON") from error
            return
        self._unreadable = 0
        document = document if isinstance(document, list) else [document]
        take(self._mapped, document, found)
        if self._socket.cursor:
            for cursor in find(self._socket.cursor, document):
                self._advance(cursor, found)

    def _advance(self, cursor: Any, found: Polled) -> None:
        """Remember the furthest number. One that is far behind means that the server counts anew: then that is it."""
        if isinstance(cursor, bool) or not isinstance(cursor, int | str) or cursor == "":
            return
        last = found.remember.get("cursor")
        if isinstance(cursor, int) and isinstance(last, int) and cursor < last:
            if cursor >= last - self._socket.overlap:
                return
            found.faults.append(f"the cursor went back from {last} to {cursor}")
        found.remember["cursor"] = cursor

    def _connect(self, remember: Mapping[str, Any]) -> ClientConnection:
        params, cursor = dict(self._params), remember.get("cursor")
        if self._socket.param and cursor is not None and not self._from_now:
            before = cursor - self._socket.overlap if isinstance(cursor, int) else cursor
            params[self._socket.param] = str(before)
        url = str(httpx.URL(self._url).copy_merge_params(params)) if params else self._url
        connection = self._fetcher.web_socket(url, self._headers)
        self._connection, self._heard_at, self._from_now = connection, time.monotonic(), False
        try:
            for greeting in self._greetings:
                connection.send(greeting)
        except ConnectionClosed as error:
            raise self._closed(error) from error
        return connection

    def _closed(self, error: ConnectionClosed) -> FetchError:
        if error.sent and error.sent.code == TOO_BIG:
            # It would come again behind the cursor, and end the next connection as well.
            self._from_now = True
            return FetchError(
                f"{told(self._url)} sent a message of more than most_bytes; it is left out, and so is what was sent "
                "between it and the next connection"
            )
        return FetchError(f"{told(self._url)} broke off: {error}")

    def _drop(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None


def _with_secrets(value: Any, secrets: Mapping[str, str]) -> Any:
    """``value`` with each text ``$NAME`` replaced by the secret of that name."""
    if isinstance(value, dict):
        return {name: _with_secrets(one, secrets) for name, one in value.items()}
    if isinstance(value, list):
        return [_with_secrets(one, secrets) for one in value]
    if isinstance(value, str) and value.startswith("$"):
        return secrets.get(value[1:], value)
    return value
