"""Web sockets: a real server that sends what it is told to, and fails as real ones do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Response
from websockets.sync.server import ServerConnection

from feeds.fetching import Fetcher, FetchError
from feeds.plan import BadFeeds, Feed, Key, Mapped, Plan, Socket, check, presets
from feeds.sources import BadAnswer, Polled, source_of
from feeds.sources import web_socket as module
from feeds.sources.web_socket import WebSocket
from tests.support import eventually
from tests.support.socket_server import SocketServer, socket_server

PATIENCE_S = 30
FIELDS: dict[str, Any] = {"id": "$.id", "body": "$.t", "published_at": "$.at"}


@pytest.fixture
def sockets() -> Iterator[SocketServer]:
    with socket_server() as made:
        yield made


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test need not wait as long for a message as a feed may."""
    monkeypatch.setattr(module, "WAIT_S", 0.5)
    monkeypatch.setattr(module, "GATHER_S", 0.2)


def message(number: int, **more: Any) -> str:
    return json.dumps({"id": f"p{number}", "t": f"text {number}", "at": 1706702400, "n": number, **more})


def source(server: SocketServer, fetcher: Fetcher, environment: dict[str, str] | None = None, **more: Any) -> WebSocket:
    socket = Socket(**{"cursor": "$[*].n", "param": "from", "overlap": 2} | more.pop("socket", {}))
    mapped = Mapped(**{"url": server.url, "items": "$[?@.t]", "fields": FIELDS, "socket": socket} | more)
    return WebSocket(mapped, socket, fetcher, {}, {}, environment or {})


def read(source: WebSocket, remembered: dict[str, Any], done: Callable[[Polled], bool]) -> Polled:
    """What several polls have, one after the other, until it is enough."""
    all_of_it = Polled(remember=remembered)

    def poll() -> bool:
        polled = source.poll(all_of_it.remember)
        all_of_it.items += polled.items
        all_of_it.faults += polled.faults
        all_of_it.remember = polled.remember
        return done(all_of_it)

    eventually(poll, PATIENCE_S, "messages")
    return all_of_it


def keys(polled: Polled) -> list[str]:
    return [one.key for one in polled.items]


def test_posts_of_bluesky(sockets: SocketServer, fetcher: Fetcher) -> None:
    about = {"did": "did:plc:abc", "time_us": 1706702400000005, "kind": "commit"}
    record = {
        "$type": "app.bsky.feed.post",
        "text": "Boeing loses an order",
        "createdAt": "2024-01-31T12:00:00.000Z",
        "langs": ["en"],
        "reply": {"parent": {"cid": "bafyparent", "uri": "at://did:plc:x/app.bsky.feed.post/1"}},
    }
    commit = {
        "operation": "create",
        "collection": "app.bsky.feed.post",
        "rkey": "3k",
        "cid": "bafypost",
        "record": record,
    }
    sent = [
        about | {"commit": commit},
        about | {"time_us": 1706702400000006, "commit": {"operation": "delete", "collection": "app.bsky.feed.post"}},
        about | {"time_us": 1706702400000007, "kind": "identity", "identity": {"did": "did:plc:abc"}},
        about | {"commit": commit | {"cid": "bafypicture", "record": record | {"text": ""}}},
        about | {"commit": commit | {"cid": "bafyother", "record": record | {"text": "A nice day", "langs": []}}},
    ]
    sockets.script = lambda connection, _: [connection.send(json.dumps(one)) for one in sent] and None
    preset = presets()["bluesky"]
    local = Mapped(**{name: getattr(preset, name) for name in preset.__struct_fields__} | {"url": sockets.url})
    polled = source_of(Feed(name="b", json=local), fetcher).poll({})
    post, other = polled.items
    assert (post.key, post.body, post.author, post.in_reply_to, post.lang) == (
        "bafypost", "Boeing loses an order", "did:plc:abc", "bafyparent", "en")  # fmt: skip
    assert post.published_at and post.published_at.isoformat() == "2024-01-31T12:00:00+00:00"
    assert (other.key, other.lang) == ("bafyother", "") and not polled.faults
    assert polled.remember == {"cursor": 1706702400000007}
    assert sockets.asked[0]["wantedCollections"] == "app.bsky.feed.post" and "cursor" not in sockets.asked[0]
    watched = source_of(Feed(name="b", json=local, watchlist=True), fetcher).poll(polled.remember)
    assert keys(watched) == ["bafypost"]
    assert sockets.asked[1]["cursor"] == str(1706702400000007 - 5_000_000)


def test_a_restart_goes_on_behind_the_cursor(sockets: SocketServer, fetcher: Fetcher) -> None:
    """The server has messages 0 to 3000, more than a poll takes; it breaks off once, and the reader dies once."""

    def script(connection: ServerConnection, params: dict[str, str]) -> None:
        for number in range(int(params.get("from", 0)), 3001):
            connection.send(message(number))
            if number == 1500 and len(sockets.asked) == 1:
                connection.close()

    sockets.script = script
    first = source(sockets, fetcher)
    one = read(first, {}, lambda found: found.remember.get("cursor", 0) >= 1500)
    assert keys(one)[-1] == "p1500"
    with pytest.raises(FetchError, match="broke off"):  # it is told, so that the pauses get longer
        read(first, one.remember, lambda found: False)
    assert first.poll(one.remember).items  # received, and lost with the process
    again = read(source(sockets, fetcher), one.remember, lambda found: found.remember["cursor"] == 3000)
    assert [one.get("from") for one in sockets.asked] == [None, "1498", "1498"]
    assert keys(one) + keys(again)[3:] == [f"p{number}" for number in range(3001)]


def test_what_is_no_message_keeps_back_no_other(sockets: SocketServer, fetcher: Fetcher) -> None:
    sent = [
        message(1)[:20],  # half of it
        "",
        b"\xff\xfe\x00",
        "[" * 100_000,
        message(2).encode(),  # JSON in a binary frame
        json.dumps([json.loads(message(3)), {"type": "status"}]),
        json.dumps({"t": "no id", "n": 4}),
        message(5, filler="x" * 3000),
        message(6),
    ]
    sockets.script = lambda connection, _: [connection.send(one) for one in sent] and None
    polled = read(
        source(sockets, fetcher, socket={"most_bytes": 200_000 // 100}),
        {},
        lambda found: found.remember.get("cursor") == 6,
    )
    assert keys(polled) == ["p2", "p3", "p6"]
    assert len(polled.faults) == 6 and len(sockets.asked) == 1
    assert [one for one in polled.faults if "is left out (socket.most_bytes)" in one]


def test_a_server_that_sends_only_rubbish_fails(sockets: SocketServer, fetcher: Fetcher) -> None:
    sockets.script = lambda connection, _: [connection.send("rubbish") for _ in range(150)] and None
    listening = source(sockets, fetcher)
    assert len(listening.poll({}).faults) == 100
    with pytest.raises(BadAnswer, match="100 messages on end"):
        listening.poll({})


def test_a_message_beyond_all_limits_does_not_come_again_and_again(sockets: SocketServer, fetcher: Fetcher) -> None:
    def script(connection: ServerConnection, params: dict[str, str]) -> None:
        if len(sockets.asked) == 1:
            connection.send(message(10))
            connection.send("x" * 1_000_001)
        elif "from" not in params:
            connection.send(message(12))

    sockets.script = script
    listening = source(sockets, fetcher)
    first = listening.poll({})
    assert keys(first) == ["p10"]
    with pytest.raises(FetchError, match="more than most_bytes; it is left out"):
        listening.poll(first.remember)
    assert keys(listening.poll(first.remember)) == ["p12"]


def test_a_cursor_that_jumps_back_is_followed_and_one_that_is_a_little_late_is_not(
    sockets: SocketServer, fetcher: Fetcher
) -> None:
    sockets.script = lambda connection, _: [connection.send(message(one)) for one in (100, 99, 101, 5, 6)] and None
    polled = source(sockets, fetcher).poll({})
    assert keys(polled) == ["p100", "p99", "p101", "p5", "p6"] and polled.remember == {"cursor": 6}
    assert polled.faults == ["the cursor went back from 101 to 5"]


def test_a_server_that_sends_nothing_or_half_a_message_is_left_for_a_new_connection(
    sockets: SocketServer, fetcher: Fetcher
) -> None:
    def script(connection: ServerConnection, params: dict[str, str]) -> None:
        if len(sockets.asked) == 2:

            def drops() -> Iterator[str]:
                yield '{"id":'
                for _ in connection:  # the rest never comes
                    pass

            connection.send(drops())

    sockets.script = script
    listening = source(sockets, fetcher, socket={"silence": "0.1s"})
    for connections in (1, 2):
        with pytest.raises(FetchError, match=r"has sent nothing for 0\.1s"):
            listening.poll({})
        assert len(sockets.asked) == connections


def test_a_server_that_answers_no_ping_is_left(sockets: SocketServer) -> None:
    deaf = threading.Event()

    def script(connection: ServerConnection, _: dict[str, str]) -> None:
        with connection.protocol_mutex:  # it reads nothing any more, as a machine that has lost its power
            deaf.wait(PATIENCE_S)

    sockets.script = script
    fetcher = Fetcher("me@firm.test", allow_private=True, host_pause_s=0, timeout_s=0.5)
    listening = source(sockets, fetcher)

    def left() -> bool:
        try:
            listening.poll({})
        except FetchError as error:
            assert "keepalive ping timeout" in str(error)
            return True
        return False

    try:
        eventually(left, PATIENCE_S, "the ping has no answer")
    finally:
        deaf.set()
        fetcher.close()


def test_refusals_are_told_without_secrets(sockets: SocketServer, fetcher: Fetcher) -> None:
    keyed = {"url": f"{sockets.url}?x=1", "keys": [Key(env="K", param="token")]}
    sockets.refuse = Response(429, "Too Many Requests", Headers({"Retry-After": "120"}), b"")
    with pytest.raises(FetchError, match="429, asked too often; again in 120 s") as error:
        source(sockets, fetcher, {"K": "s3cret"}, **keyed).poll({})
    assert error.value.retry_after == 120 and "s3cret" not in str(error.value)
    sockets.refuse = Response(302, "Found", Headers({"Location": "ws://127.0.0.1:1/"}), b"")
    with pytest.raises(FetchError, match="302"):
        source(sockets, fetcher).poll({})
    with pytest.raises(FetchError, match="SSL"):
        source(sockets, fetcher, url=sockets.url.replace("ws:", "wss:")).poll({})
    with pytest.raises(FetchError, match="cannot be reached") as error:
        source(sockets, fetcher, url="ws://127.0.0.1:1/").poll({})
    assert error.value.unreachable


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1"])
def test_no_private_address_is_connected_to(sockets: SocketServer, host: str) -> None:
    fetcher = Fetcher("me@firm.test", host_pause_s=0)
    with pytest.raises(FetchError, match="private address"):
        source(sockets, fetcher, url=sockets.url.replace("127.0.0.1", host)).poll({})
    assert not sockets.asked
    fetcher.close()


def test_a_server_may_want_to_be_greeted_with_a_key(sockets: SocketServer, fetcher: Fetcher) -> None:
    heard: list[Any] = []

    def script(connection: ServerConnection, _: dict[str, str]) -> None:
        heard.append(json.loads(connection.recv()))
        accepted = heard[-1]["key"] == "Key s3cret"
        connection.send(message(1) if accepted else json.dumps({"error": "auth failed"}))

    sockets.script = script
    greeted = {
        "socket": {"send": [{"action": "auth", "key": "$DESK_KEY", "of": ["$", "$OTHER"]}]},
        "keys": [Key(env="DESK_KEY", prefix="Key ")],
        "error": "$[0].error",
    }
    assert keys(source(sockets, fetcher, {"DESK_KEY": "s3cret"}, **greeted).poll({})) == ["p1"]
    assert heard == [{"action": "auth", "key": "Key s3cret", "of": ["$", "$OTHER"]}]
    with pytest.raises(BadAnswer, match="the source says: auth failed"):
        source(sockets, fetcher, {"DESK_KEY": "no"}, **greeted).poll({})
    assert sockets.headers[0]["User-Agent"] == "finsent/1.2 (me@firm.test)"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"url": "https://e.test/"}, "does not begin with wss:// or ws://"),
        ({"socket": Socket(cursor="$[")}, "no JSONPath"),
        ({"socket": Socket(silence="soon")}, r"socket\.silence: 'soon'"),
        ({"since": {"param": "from"}}, "not for web sockets"),
    ],
)
def test_a_plan_that_cannot_work_is_refused(changed: dict[str, Any], words: str) -> None:
    mapped = Mapped(**{"url": "wss://e.test/", "items": "$[*]", "fields": FIELDS, "socket": Socket()} | changed)
    with pytest.raises(BadFeeds, match=words):
        check(Plan(contact="me@firm.test", feeds=[Feed(name="a", json=mapped)]))
