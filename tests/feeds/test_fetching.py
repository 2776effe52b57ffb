"""Servers are asked politely and with distrust."""

from __future__ import annotations

import gzip
import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from feeds.fetching import Fetcher, FetchError, retry_after
from tests.support.certificates import Authority
from tests.support.feed_server import Answer, FeedServer, feed_server


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server needs to be localhost, by an authority that we trust."""
    authority = Authority(tmp_path, "authority")
    files = authority.certify("localhost", ("localhost",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return context


def test_what_has_not_changed_is_not_sent_again(server: FeedServer, fetcher: Fetcher) -> None:
    url = server.put("/a", Answer(b"one", headers={"ETag": '"1"', "Last-Modified": "Wed, 31 Jan 2024 12:00:00 GMT"}),
                     Answer(status=304))  # fmt: skip
    first = fetcher.get(url)
    again = fetcher.get(url, etag=first.etag, modified=first.modified)
    assert (first.body, again.body, again.etag, again.modified) == (b"one", None, '"1"', first.modified)
    asked = server.of("/a")
    assert asked[1].headers["if-none-match"] == '"1"' and asked[1].headers["if-modified-since"] == first.modified
    assert asked[0].headers["user-agent"] == "finsent/1.2 (me@firm.test)"


@pytest.mark.parametrize(
    ("answer", "words", "wait"),
    [
        (Answer(status=429, headers={"Retry-After": "120"}), "429, asked too often; again in 120 s", 120),
        (Answer(status=503, headers={"Retry-After": "nonsense"}), "503", 0),
        (Answer(status=500), "500", 0),
        (Answer(status=401), "the key is not accepted", 0),
        (Answer(status=404), "there is nothing", 0),
        (Answer(b"x" * 1000, cut=500), "broke off", 0),
        (Answer(b"x" * 1_000_001), "more than 1,000,000 bytes", 0),
        (Answer(gzip.compress(b"x" * 50_000_000), headers={"Content-Encoding": "gzip"}), "more than 1,000,000", 0),
        (Answer(b"no gzip at all", headers={"Content-Encoding": "gzip"}), "broke off", 0),
        (Answer(status=302, headers={"Location": "/a"}), "without end", 0),
        (Answer(status=302, headers={"Location": "file:///etc/passwd"}), "no http or https", 0),
    ],
)
def test_failures_are_told(server: FeedServer, fetcher: Fetcher, answer: Answer, words: str, wait: float) -> None:
    with pytest.raises(FetchError, match=words) as error:
        fetcher.get(server.put("/a", answer), params={"token": "s3cret"})
    assert error.value.retry_after == wait and "s3cret" not in str(error.value)


def test_retry_after_may_be_a_date() -> None:
    then = datetime.now(UTC) + timedelta(seconds=600)
    assert 590 < retry_after(format_datetime(then, usegmt=True)) <= 600
    assert retry_after("-5") == 0 and retry_after("1e9") == 86_400 and retry_after("Wed, 31 Jan 2024 12:00:00 GMT") == 0


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1", "[::ffff:127.0.0.1]"]
)
def test_private_addresses_are_not_asked(host: str) -> None:
    fetcher = Fetcher("me@firm.test", host_pause_s=0)
    with pytest.raises(FetchError, match="private address"):
        fetcher.get(f"http://{host}/latest/meta-data")
    fetcher.close()


def test_a_redirect_to_a_private_address_is_not_followed(server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    fetcher = Fetcher("me@firm.test", host_pause_s=0)
    there = server.put("/secret", b"secret")
    server.put("/a", Answer(status=302, headers={"Location": there}))
    # The first address counts as a public one: a real one cannot be had here.
    judged = fetcher._judge
    first = iter([True])
    monkeypatch.setattr(fetcher, "_judge", lambda *args: None if next(first, False) else judged(*args))
    with pytest.raises(FetchError, match="private address"):
        fetcher.get(f"{server.url}/a")
    assert not server.of("/secret")
    fetcher.close()


def test_a_key_stays_with_its_host(server: FeedServer, fetcher: Fetcher) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    server.put("/there", b"x")
    fetcher.get(
        server.put("/a", Answer(status=302, headers={"Location": f"{elsewhere}/there"})), headers={"X-Key": "k"}
    )
    assert server.of("/a")[0].headers["x-key"] == "k"
    assert "x-key" not in server.of("/there")[0].headers
    assert server.of("/there")[0].headers["host"] == elsewhere.removeprefix("http://")


def test_a_host_is_left_alone_between_two_questions(server: FeedServer) -> None:
    fetcher = Fetcher("me@firm.test", allow_private=True, host_pause_s=0.3)
    started = time.monotonic()
    for _ in range(3):
        fetcher.get(server.put("/a", b"x"))
    assert time.monotonic() - started >= 0.6
    fetcher.close()


@pytest.mark.parametrize("secured", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("drips", ["headers", "body"])
def test_a_server_that_is_slow_without_end_is_left(tls: ssl.SSLContext, drips: str, secured: bool) -> None:
    fetcher = Fetcher("me@firm.test", allow_private=True, timeout_s=1, host_pause_s=0.4)
    with feed_server(tls if secured else None) as server:
        # Two redirects come first: the limit is of all of them, but not of the pauses between them.
        server.put("/a", Answer(status=302, headers={"Location": "/b"}))
        server.put("/b", Answer(status=302, headers={"Location": "/c"}))
        server.put("/c", Answer(drips=drips))
        started = time.monotonic()
        with pytest.raises(FetchError, match=r"/c took longer than 1 s \(timeout_s\)"):
            fetcher.get(f"{server.url.replace('127.0.0.1', 'localhost')}/a")
        assert 1.8 <= time.monotonic() - started < 4
    fetcher.close()


def test_nobody_there(fetcher: Fetcher) -> None:
    for url in ("http://127.0.0.1:1/x", "http://nowhere.invalid/x"):
        with pytest.raises(FetchError, match="cannot be reached") as error:
            fetcher.get(url)
        assert error.value.unreachable


def test_the_certificate_must_be_that_of_the_host_although_its_address_is_connected_to(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = socket.getaddrinfo
    # Another name of the same address, as the hosts of one provider have.
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *a, **k: asked(host.replace("other.test", "localhost"), *a, **k)
    )
    fetcher = Fetcher("me@firm.test", allow_private=True, host_pause_s=0)
    with feed_server(tls) as server:
        server.put("/a", b"x")
        port = server.url.rpartition(":")[2]
        assert fetcher.get(f"https://localhost:{port}/a").body == b"x"
        with pytest.raises(FetchError, match=r"other\.test.*cannot be reached"):
            fetcher.get(f"https://other.test:{port}/a")
        assert len(server.asked) == 1
    fetcher.close()
