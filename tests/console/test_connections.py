"""Clients that are slow, silent or many: they lose their connections, and keep nobody else out."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import pytest
import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import ServerState

from console import add, create_app
from console.app import server_config
from console.connections import LEAST_BYTES, Limits, limited
from console.context import Context
from console.pool import Pool
from settings import ClickHouseSettings, ConsoleSettings
from tests.console.test_access import PASSWORD
from tests.console.test_console import CHROMIUM
from tests.console.test_oidc import NOWHERE
from tests.support import PATIENCE_S, eventually
from tests.support.certificates import Authority

HALF = b"GET /static/icon.svg HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Ha"
WHOLE = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
HOUR = 3600.0
OF_ALL, WAITING = 12, 5
STATE = {
    "now": "2026-01-01T12:00:00Z", "stored_at": "2026-01-01T11:59:00Z", "published_at": "2026-01-01T11:59:00Z",
    "moment": "2026-01-01T12:00:00Z", "live": True, "records": 7, "alerts": 0, "actions": 0, "labels": 0,
}  # fmt: skip


class Console:
    """A console that serves from a thread of its own."""

    def __init__(self, server: uvicorn.Server, port: int) -> None:
        self.connections = server.server_state.connections
        self.port = port
        self.clients: list[socket.socket] = []

    def connected(self, sent: bytes = b"", room: int | None = None) -> socket.socket:
        """A connection of a client that has sent something; ``room``: bytes that it takes without reading."""
        made = socket.socket()
        self.clients.append(made)
        if room:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        made.settimeout(PATIENCE_S)
        made.connect(("127.0.0.1", self.port))
        with suppress(ConnectionError):  # it may have been dropped already
            made.sendall(sent)
        return made

    def status(self, path: str) -> str:
        """That of the answer to somebody else, up to its end."""
        with self.connected(WHOLE % path.encode()) as client:
            return status(client)


def status(client: socket.socket) -> str:
    """Of the answer that comes next."""
    return client.recv(1000).decode().partition("\r\n")[0].partition(" ")[2]


def rest(client: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    found = b""
    try:
        while more := client.recv(65536):
            found += more
    except ConnectionError:
        pass
    return found


@contextmanager
def served(limits: Limits, clickhouse: str = NOWHERE, at: int = 0, **settings: Any) -> Iterator[Console]:
    """A console at the port ``at`` (0: any)."""
    given = ConsoleSettings(**settings)
    pool = Pool(ClickHouseSettings(url=clickhouse))
    server = uvicorn.Server(server_config(create_app(pool, given), given, limits))
    with socket.create_server(("127.0.0.1", at)) as listening:
        port = listening.getsockname()[1]
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        eventually(lambda: server.started, 30, "serves")
        console = Console(server, port)
        yield console
        for client in console.clients:
            client.close()
        server.should_exit = True
        thread.join(PATIENCE_S)
    pool.close()


@pytest.fixture
def big_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages get more at once than a client takes that does not read."""
    monkeypatch.setattr(Context, "state", lambda self: {"text": "n" * 200_000})
    monkeypatch.setattr("console.events.POLL_S", 0.05)


@pytest.mark.parametrize("sent", [HALF, b"", WHOLE % b"/static/pages.js"], ids=["half", "silent", "idle or unread"])
def test_connections_that_wait_for_one_client_keep_nobody_out(sent: bytes):
    limits = Limits(request_s=HOUR, send_s=HOUR, connections=OF_ALL - 1, waiting=WAITING)
    with served(limits, pages=1) as console:
        kept = [console.connected(sent, 4096) for _ in range(3 * OF_ALL)]
        if sent.endswith(b"\r\n\r\n"):
            for client in kept:
                with suppress(ConnectionError):
                    client.recv(1, socket.MSG_PEEK)
            eventually(lambda: len(console.connections) <= WAITING, 10, "they are answered")
        assert [console.status("/static/icon.svg") for _ in range(3)] == ["200 OK"] * 3
        eventually(lambda: len(console.connections) <= WAITING, 10, "those beyond the limit are dropped")
        assert sent != HALF or rest(kept[0]) == b"", "the oldest is the first that is dropped"


def test_the_address_with_the_most_connections_that_wait_loses_its_oldest():
    connection = limited(Limits(waiting=3))
    dropped = []

    def add_one(address: str) -> Any:
        made: Any = connection.__new__(connection)
        made.address = address
        made.connections = {made}
        made.transport = type("Transport", (), {"abort": lambda _: dropped.append(made)})()
        connection.waiting.add(made)
        return made

    other, *many = [add_one("192.0.2.1"), *(add_one("192.0.2.2") for _ in range(6))]
    assert dropped == many[:4]
    connection.waiting.add(many[5])
    connection.waiting.discard(many[0])
    connection.waiting.discard(other)
    add_one("192.0.2.3")
    assert dropped == many[:4], "there is room again"


def test_a_request_that_does_not_come_whole_in_time_ends():
    with served(Limits(request_s=0.5)) as console:
        half, silent = (console.connected(sent) for sent in (HALF, b""))
        assert console.status("/static/icon.svg") == "200 OK"
        assert rest(half).startswith(b"HTTP/1.1 408 ")
        assert rest(silent) == b"", "no request, no answer: it may be a browser's connection for later"
        begun = console.connected()
        assert trickled(begun, HALF + b"lf: ", b"n").startswith(b"HTTP/1.1 408 "), "each byte is new, the time is not"


def test_a_body_that_trickles_ends(tmp_path: Path):
    users = tmp_path / "users.yaml"
    add(users, "ana", PASSWORD, ("risk_reader",))
    with served(Limits(request_s=0.5), users=users) as console:
        page = httpx.get(f"http://127.0.0.1:{console.port}/sign-in")
        token = page.text.partition('csrf-token" content="')[2].partition('"')[0]
        cookies = "; ".join(f"{name}={value}" for name, value in page.cookies.items())
        head = (
            f"POST /api/sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nX-CSRF-Token: {token}\r\nCookie: {cookies}\r\n"
            "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"
        )
        assert trickled(console.connected(), head.encode(), b" ").startswith(b"HTTP/1.1 408 ")
        # The token is wrong, which is said at once; then the rest of the body is not awaited for longer either.
        refused = trickled(console.connected(), head.replace(token, "x").encode(), b" ")
        assert refused.startswith(b"HTTP/1.1 403 ")
        # A page is open, but its request has not ended.
        opened = (WHOLE % b"/static/icon.svg").replace(b"\r\n\r\n", b"\r\nContent-Length: 9\r\n\r\n")
        assert b"200 OK" in trickled(console.connected(), opened, b"")


def trickled(client: socket.socket, first: bytes, then: bytes) -> bytes:
    """What the server says to one who sends ``first``, and then ``then`` again and again, until it closes."""
    client.sendall(first)
    client.settimeout(0.05)
    found, until = b"", time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            if not (more := client.recv(1000)):
                return found
            found += more
        except TimeoutError:
            client.sendall(then)
        except ConnectionError:
            return found
    raise AssertionError("the connection is still open")


@pytest.mark.usefixtures("big_state")
def test_a_page_that_nobody_reads_is_dropped_and_makes_room():
    with served(Limits(send_s=0.3), pages=1) as console:
        console.connected(WHOLE % b"/api/events", 4096)
        eventually(lambda: console.status("/api/events").startswith("503"), 10, "its page is open")
        eventually(lambda: console.status("/api/events") == "200 OK", 10, "its page is dropped")
        eventually(lambda: not console.connections, 10, "so is its connection")


@pytest.mark.usefixtures("big_state")
def test_a_page_that_nobody_reads_is_dropped_behind_tls(tmp_path: Path):
    files = Authority(tmp_path, "a").certify("console", ("127.0.0.1",))
    trust = ssl.create_default_context(cafile=tmp_path / "a.pem")
    with served(Limits(send_s=0.3), tls_certificate=files.certificate, tls_key=files.key) as console:
        client = trust.wrap_socket(console.connected(room=4096), server_hostname="127.0.0.1")
        console.clients.append(client)
        client.sendall(WHOLE % b"/api/events")
        assert status(client) == "200 OK"
        eventually(lambda: not console.connections, 10, "it is dropped")


def test_who_does_not_agree_on_tls_in_time_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("console.connections.TLS_S", 0.3)
    files = Authority(tmp_path, "a").certify("console", ("127.0.0.1",))
    with served(Limits(), tls_certificate=files.certificate, tls_key=files.key) as console:
        silent = console.connected()
        silent.settimeout(30)  # half of what asyncio would wait
        assert rest(silent) == b""


def test_an_answer_that_nobody_reads_is_dropped(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Context, "state", lambda self: {"text": "n" * 20_000_000})
    with served(Limits(send_s=0.3)) as console:
        asked = (WHOLE % b"/api/state").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        assert status(console.connected(asked, 4096)) == "200 OK"
        eventually(lambda: not console.connections, 10, "it is dropped")


def test_who_takes_an_answer_slowly_keeps_it():
    looks: list[Callable[[], None]] = []
    dropped: list[int] = []

    class Clock:
        def call_later(self, seconds: float, look: Callable[[], None]) -> mock.Mock:
            if seconds == 7:
                looks.append(look)
            return mock.Mock()

    transport = mock.Mock(**{"is_closing.return_value": False, "abort.side_effect": lambda: dropped.append(1)})
    given, loop, limits = ConsoleSettings(), Clock(), Limits(send_s=7)
    config = server_config(create_app(Pool(ClickHouseSettings(url=NOWHERE)), given), given, limits)
    connection: Any = limited(limits)(config, ServerState(), {}, loop)
    connection.transport, connection.flow = transport, FlowControl(transport)
    left = 5 * LEAST_BYTES
    transport.get_write_buffer_size.side_effect = lambda: left
    connection.pause_writing()
    for _ in range(3):
        left -= LEAST_BYTES
        looks[-1]()
    assert not dropped
    left -= LEAST_BYTES - 1
    looks[-1]()
    assert dropped, "a byte now and then does not hold a connection for ever"


def test_as_many_pages_are_open_as_the_setting_says():
    with served(Limits(), pages=2) as console:
        first, second = (console.connected(WHOLE % b"/api/events") for _ in range(2))
        assert [status(first), status(second)] == ["200 OK"] * 2
        with httpx.Client(base_url=f"http://127.0.0.1:{console.port}") as browser:
            eventually(lambda: browser.get("/api/events").status_code == 503, 10, "two pages are open")
            refused = browser.get("/api/events")
        assert "CONSOLE_PAGES" in refused.json()["detail"] and refused.headers["Retry-After"] == "30"
        assert console.status("/static/icon.svg") == "200 OK", "pages alone are refused"
        second.close()
        eventually(lambda: console.status("/api/events") == "200 OK", 10, "there is room again")


def test_many_pages_that_open_at_once_get_no_more_places_than_there_are():
    with served(Limits(), pages=2) as console:
        clients = [console.connected(WHOLE % b"/api/events") for _ in range(20)]
        assert sorted(map(status, clients)) == ["200 OK"] * 2 + ["503 Service Unavailable"] * 18


def test_one_person_cannot_take_the_pages_of_others(tmp_path: Path):
    users = tmp_path / "users.yaml"
    for name in ("ana", "ben"):
        add(users, name, PASSWORD, ("risk_reader",))
    with served(Limits(), users=users, pages=5, pages_of_person=2) as console, ExitStack() as stack:
        url = f"http://127.0.0.1:{console.port}"

        def asked(browser: httpx.Client) -> httpx.Response:
            return stack.enter_context(browser.stream("GET", "/api/events"))

        ana, anas_other, ben = (stack.enter_context(signed_in(url, name)) for name in ("ana", "ana", "ben"))
        pages = [asked(ana), asked(anas_other)]
        assert [page.status_code for page in pages] == [200, 200]
        refused = asked(ana)
        assert refused.status_code == 429 and refused.headers["Retry-After"] == "30"
        assert "ana has 2 pages open (CONSOLE_PAGES_OF_PERSON)" in refused.read().decode()
        pages += [asked(ben), asked(ben)]
        assert [page.status_code for page in pages] == [200] * 4, "others find their places free"
        pages[0].close()
        eventually(lambda: asked(anas_other).status_code == 200, 10, "there is room again")


@contextmanager
def signed_in(url: str, name: str) -> Iterator[httpx.Client]:
    """A browser of that person."""
    with httpx.Client(base_url=url, timeout=PATIENCE_S) as browser:
        token = browser.get("/sign-in").text.partition('csrf-token" content="')[2].partition('"')[0]
        who = {"name": name, "password": PASSWORD}
        assert browser.post("/api/sign-in", json=who, headers={"X-CSRF-Token": token}).status_code == 200
        yield browser


def test_a_client_that_reads_no_short_events_keeps_no_place(monkeypatch: pytest.MonkeyPatch):
    """Its system takes them for a quarter of an hour, so that no answer ever waits for it."""
    monkeypatch.setattr("console.events.POLL_S", 0.05)
    monkeypatch.setattr("console.events.OPEN_S", 1.0)
    monkeypatch.setattr(Context, "state", lambda self: {"records": 7})
    with served(Limits(send_s=HOUR), pages=1) as console:
        silent = console.connected(WHOLE % b"/api/events")
        eventually(lambda: silent.recv(1, socket.MSG_PEEK), 10, "its page is open")
        assert console.status("/api/events").startswith("503")
        eventually(lambda: console.status("/api/events") == "200 OK", 10, "its place is free")
        eventually(lambda: not console.connections, 10, "so is its connection")
        assert rest(silent).endswith(b"event: again\r\ndata: \r\nretry: 1000\r\n\r\n\r\n0\r\n\r\n")


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: no 'chromium' on the PATH")
def test_a_page_that_was_refused_asks_again(monkeypatch: pytest.MonkeyPatch):
    from playwright.sync_api import expect, sync_playwright

    monkeypatch.setattr(Context, "state", lambda self: STATE)
    with served(Limits(), pages=1) as console, sync_playwright() as playwright:
        first = console.connected(WHOLE % b"/api/events")
        assert status(first) == "200 OK"
        with playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) as browser:
            page = browser.new_page()
            page.clock.install()
            page.goto(f"http://127.0.0.1:{console.port}/health")
            expect(page.locator("#live")).to_contain_text("lost", timeout=PATIENCE_S * 1000)
            first.close()

            def told_half_a_minute_later() -> str:
                page.clock.fast_forward(30_000)
                return page.locator("#live").inner_text()

            eventually(lambda: "Last record stored" in told_half_a_minute_later(), 10, "it has found the place free")


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: no 'chromium' on the PATH")
def test_a_page_that_is_read_opens_the_next_request_by_itself(monkeypatch: pytest.MonkeyPatch):
    from playwright.sync_api import sync_playwright

    monkeypatch.setattr("console.events.POLL_S", 0.05)
    monkeypatch.setattr("console.events.OPEN_S", 0.3)
    monkeypatch.setattr(Context, "state", lambda self: STATE)
    # One place: the page's old request has left it before the next one comes.
    with (
        served(Limits(), pages=1) as console,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) as browser,
    ):
        page = browser.new_page()
        answers: list[int] = []
        page.on("response", lambda one: answers.append(one.status) if one.url.endswith("/api/events") else None)
        page.add_init_script(
            "new MutationObserver(() => (window.told ??= []).push(document.getElementById('live')?.textContent))"
            ".observe(document, {subtree: true, childList: true, characterData: true})"
        )
        page.goto(f"http://127.0.0.1:{console.port}/health")
        deadline = time.monotonic() + PATIENCE_S
        while len(answers) < 4:
            assert time.monotonic() < deadline, answers
            page.wait_for_timeout(50)
        told = page.evaluate("window.told")
    assert set(answers) == {200}
    assert any("Last record stored" in one for one in told if one), told
    assert not any("lost" in one for one in told if one), told


def test_a_page_that_is_read_stays_open(monkeypatch: pytest.MonkeyPatch):
    """Longer than a request and an answer that waits may take, and so does a connection that is asked again."""
    monkeypatch.setattr("console.events.POLL_S", 1.2)
    monkeypatch.setattr(Context, "state", lambda self: {"records": 7})
    with served(Limits(request_s=1.0, send_s=1.0)) as console:
        asked = http.client.HTTPConnection("127.0.0.1", console.port)
        asked.request("GET", "/static/icon.svg")
        assert asked.getresponse().read()
        first = asked.sock
        page = console.connected(WHOLE % b"/api/events")
        found = b""
        while found.count(b'{"records":7}') < 2:
            more = page.recv(1000)
            assert more, found
            found += more
        asked.request("GET", "/static/icon.svg")
        assert asked.getresponse().read() and asked.sock is first
        asked.close()
