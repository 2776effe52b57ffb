"""Asks servers for what they publish: politely (conditions, pauses, their own limits), and with distrust.

Nothing is asked of a private address unless that is allowed. The address that was checked is the one that is connected
to, so that a name cannot mean another one a moment later. An answer has a limit of bytes, unpacked, and of time.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies
from weakref import WeakSet

import httpx
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, reconnect

MOST_REDIRECTS = 5
LONGEST_WAIT_S = 86_400.0
ASK_LATER = frozenset({429, 503})


class FetchError(Exception):
    """A source did not answer as it should. ``retry_after`` is how long it wants to be left alone, in seconds."""

    def __init__(self, sentence: str, retry_after: float = 0.0, unreachable: bool = False) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
        self.unreachable = unreachable


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said. ``body`` is None where nothing has changed since ``etag`` and ``modified``."""

    body: bytes | None
    etag: str = ""
    modified: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""


class Fetcher:
    """For all threads. ``contact`` goes into the user agent; of one host only one thing is asked at a time."""

    def __init__(
        self,
        contact: str,
        *,
        allow_private: bool = False,
        most_bytes: int = 20_000_000,
        timeout_s: float = 30.0,
        host_pause_s: float = 1.0,
        version: str = "",
    ) -> None:
        self._agent = f"finsent/{version or '0'} ({contact})"
        self._allow_private, self._most_bytes = allow_private, most_bytes
        self.timeout_s, self._pause_s = timeout_s, host_pause_s
        self._through_proxy = bool({"http", "https", "all"} & getproxies().keys())
        # No connection is kept: they are made to addresses, and one address may be that of several hosts, of which each
        # has to show its own certificate.
        self._client = httpx.Client(
            timeout=timeout_s, follow_redirects=False, limits=httpx.Limits(max_keepalive_connections=0)
        )
        self._hosts: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._free_at: dict[str, float] = {}
        self._lock = threading.Lock()
        self._web_sockets: WeakSet[ClientConnection] = WeakSet()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        for one in list(self._web_sockets):
            one.close()

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        etag: str = "",
        modified: str = "",
    ) -> Answer:
        """What is at ``url``, if it has changed. Raises ``FetchError``."""
        sent = {"User-Agent": self._agent, "Accept-Encoding": "gzip, deflate", **(headers or {})}
        if etag:
            sent["If-None-Match"] = etag
        if modified:
            sent["If-Modified-Since"] = modified
        target = str(httpx.URL(url).copy_merge_params(dict(params or {}))) if params else url
        secret_for, limit = urlsplit(target).netloc, _TimeLimit(self.timeout_s)
        for _ in range(MOST_REDIRECTS + 1):
            if urlsplit(target).netloc != secret_for:  # keys are for the host that they were given for
                sent = {name: value for name, value in sent.items() if name not in (headers or {})}
            answer, location = self._once(target, sent, limit)
            if not location:
                assert answer is not None
                return answer
            target = urljoin(target, location)
        raise FetchError(f"{told(url)} leads from one address to the next without end")

    def web_socket(self, url: str, headers: Mapping[str, str]) -> ClientConnection:
        """A web socket to ``url``, which pings and ends when nobody answers. Raises ``FetchError``.

        A redirect is not followed: the address is one that somebody wrote into the file of feeds.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise FetchError(f"{told(url)} is no ws or wss address")
        with self.turn(parts.netloc):
            dialled = (
                None if self._through_proxy else self.dial(url, parts.port or (443 if parts.scheme == "wss" else 80))
            )
            try:
                made = _Connecting(
                    url,
                    sock=dialled,
                    proxy=None if dialled else True,
                    additional_headers=dict(headers),
                    user_agent_header=self._agent,
                    open_timeout=self.timeout_s,
                    ping_interval=self.timeout_s,
                    ping_timeout=self.timeout_s,
                    close_timeout=1,
                    max_size=self._most_bytes,
                ).__enter__()  # whoever has it closes it
            except InvalidStatus as error:
                said = error.response
                raise _refused(
                    url, said.status_code, said.headers.get("Retry-After", ""), said.reason_phrase
                ) from error
            except ssl.SSLError as error:
                raise FetchError(f"{told(url)} cannot be reached: {error}", unreachable=True) from error
            except TimeoutError as error:
                raise FetchError(f"{told(url)} did not answer within {self.timeout_s:g} s") from error
            except (OSError, EOFError, InvalidHandshake, InvalidURI) as error:
                raise FetchError(f"{told(url)} broke off: {error}") from error
        self._web_sockets.add(made)
        return made

    def dial(self, url: str, port: int) -> socket.socket:
        """A connection to the host of ``url``, whose address was judged. Raises ``FetchError``."""
        address = self._address(url, port, proxied=False) or urlsplit(url).hostname
        try:
            return socket.create_connection((address, port), self.timeout_s)
        except OSError as error:
            raise FetchError(f"{told(url)} cannot be reached: {error}", unreachable=True) from error

    def _once(self, url: str, headers: dict[str, str], limit: _TimeLimit) -> tuple[Answer | None, str]:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise FetchError(f"{told(url)} is no http or https address")
        with self.turn(parts.netloc):
            try:
                with limit:
                    return self._answered(url, headers, limit)
            except TimeoutError as error:
                raise FetchError(f"{told(url)} took longer than {self.timeout_s:g} s (timeout_s)") from error

    def _answered(self, url: str, headers: dict[str, str], limit: _TimeLimit) -> tuple[Answer | None, str]:
        parts = urlsplit(url)
        address = self._address(url, parts.port or (443 if parts.scheme == "https" else 80), self._through_proxy)
        target = httpx.URL(url)
        extensions: dict[str, Any] = {"trace": limit.watch}
        sent = dict(headers)
        if address:
            sent["Host"] = target.netloc.decode("ascii")
            extensions["sni_hostname"] = target.host
            target = target.copy_with(host=address)
        try:
            with self._client.stream(
                "GET", target, headers=sent, timeout=limit.left, extensions=extensions
            ) as response:
                if response.status_code == 304:
                    return Answer(None, sent.get("If-None-Match", ""), sent.get("If-Modified-Since", ""), {}, url), ""
                if response.is_redirect:
                    return None, response.headers.get("location", "")
                if response.status_code != 200:
                    wait = response.headers.get("retry-after", "")
                    raise _refused(url, response.status_code, wait, response.reason_phrase)
                body = self._body(url, response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise FetchError(f"{told(url)} cannot be reached: {error}", unreachable=True) from error
        except httpx.TimeoutException as error:
            raise FetchError(f"{told(url)} did not answer within {self.timeout_s:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FetchError(f"{told(url)} broke off: {error}") from error
        found = response.headers
        return Answer(body, found.get("etag", ""), found.get("last-modified", ""), dict(found), url), ""

    def _body(self, url: str, response: httpx.Response) -> bytes:
        parts, size = [], 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > self._most_bytes:
                raise FetchError(f"{told(url)} has more than {self._most_bytes:,} bytes (most_bytes)")
            parts.append(chunk)
        return b"".join(parts)

    def _address(self, url: str, port: int, proxied: bool) -> str:
        """The address to connect to, "" where a proxy does that or the host is an address itself.

        Raises ``FetchError`` for one that is private.
        """
        host = urlsplit(url).hostname or ""
        try:
            literal = ipaddress.ip_address(host)
        except ValueError:
            if proxied:
                return ""
        else:
            self._judge(url, [str(literal)])
            return ""
        try:
            found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except (OSError, UnicodeError) as error:
            raise FetchError(
                f"{told(url)} cannot be reached: there is no address of {host}", unreachable=True
            ) from error
        self._judge(url, found)
        return min(found, key=lambda one: ":" in one)  # IPv4 first: it works in more places

    def _judge(self, url: str, addresses: list[str]) -> None:
        if not self._allow_private and any(not ipaddress.ip_address(one).is_global for one in addresses):
            raise FetchError(f"{told(url)} is at a private address ({addresses[0]}); allow_private: true allows that")

    def turn(self, host: str) -> _Turn:
        """For ``with``: waits until ``host`` may be asked, and keeps others from asking it."""
        with self._lock:
            lock = self._hosts[host]
        return _Turn(lock, self._free_at, host, self._pause_s)


class _Connecting(reconnect):
    """Follows no redirect: the library would judge no address, and would send most headers, and so keys, along."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class _TimeLimit:
    """The seconds that one question may take, redirects included; what is spent outside ``with`` does not count.

    The library's own limits are for each read, so a server that sends a byte now and then is never too slow for them.
    Here the connection is shut down when the time is over; ``with`` then ends with ``TimeoutError``.
    """

    def __init__(self, seconds: float) -> None:
        self._left, self._lock = seconds, threading.Lock()
        self._socket: socket.socket | None = None
        self._over = self._cut = False

    @property
    def left(self) -> float:
        return max(self._left, 0.001)  # 0 would not wait at all

    def __enter__(self) -> None:
        self._started = time.monotonic()
        self._timer = threading.Timer(self.left, self._end)
        self._timer.daemon = True
        self._timer.start()

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """What happens to a request, told by the library (its extension ``trace``)."""
        if event == "connection.connect_tcp.complete":
            with self._lock:
                # A second handle of the connection: TLS takes the first one for itself.
                self._socket = info["return_value"].get_extra_info("socket").dup()
                if self._over:
                    self._shut()

    def _end(self) -> None:
        with self._lock:
            self._over = True
            self._shut()

    def _shut(self) -> None:
        if self._socket:
            self._cut = True
            with contextlib.suppress(OSError):  # the other end was faster
                self._socket.shutdown(socket.SHUT_RDWR)

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()
        self._left -= time.monotonic() - self._started
        with self._lock:
            if self._socket:
                self._socket.close()
                self._socket = None
        if self._cut:
            raise TimeoutError


class _Turn:
    """Waits until a host may be asked again, and then keeps others from asking it."""

    def __init__(self, lock: threading.Lock, free_at: dict[str, float], host: str, pause: float) -> None:
        self._lock, self._free_at, self._host, self._pause = lock, free_at, host, pause

    def __enter__(self) -> None:
        self._lock.acquire()
        time.sleep(max(0.0, self._free_at.get(self._host, 0.0) - time.monotonic()))

    def __exit__(self, *error: object) -> None:
        self._free_at[self._host] = time.monotonic() + self._pause
        self._lock.release()


def told(url: str) -> str:
    """``url`` for messages: without a password and without parameters, which may hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _refused(url: str, status: int, later: str, reason: str) -> FetchError:
    wait = retry_after(later) if status in ASK_LATER else 0.0
    words = {401: "the key is not accepted", 403: "it may not be read", 404: "there is nothing", 429: "asked too often"}
    why = words.get(status, reason or "no answer")
    return FetchError(f"{told(url)}: {status}, {why}{f'; again in {wait:.0f} s' if wait else ''}", wait)


def retry_after(text: str) -> float:
    """Seconds that a header Retry-After asks for: a number, or a date; 0 for neither."""
    try:
        wait = float(text)
    except ValueError:
        try:
            wait = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return 0.0
    return min(max(wait, 0.0), LONGEST_WAIT_S)
