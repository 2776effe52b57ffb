"""Every kind of receiver is held to one contract.

A new kind is tested as soon as it stands in ``TRANSPORTS``; it needs a line here only if its protocol is a new one
(``SERVERS``).
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from alerts.receivers import TRANSPORTS, Digest, Failed, Receiver, Refused, Transport
from alerts.receivers.transports import send
from alerts.rules import BadRules
from alerts.rules_file import read_rules
from documents import AlertKind
from tests.support.certificates import Authority

NOW = datetime(2026, 6, 15, 9, 30, tzinfo=UTC)
ALERT: dict[str, Any] = {
    "id": "3f2a9c11d0e4b567",
    "incident": "b1",
    "kind": "sentiment_shift",
    "entity": "BA",
    "topic": "",
    "direction": "negative",
    "severity": "warning",
    "state": "firing",
    "fired_at": NOW,
    "at": NOW,
    "recorded_at": NOW,
    "before_mean": 0.1,
    "after_mean": -0.5,
    "before_documents": 30,
    "after_documents": 12,
    "began_at": NOW,
    "model_version": "m1",
    "evidence": {"documents": [], "query": "SELECT 1"},
}


TOPICS = {AlertKind.TOPIC_SHIFT: "litigation", AlertKind.EVENT: "bankruptcy"}


class Server:
    """A real server on loopback: what it got, and the status that it answers with."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.status = 0
        self.url = ""


@contextmanager
def http_server() -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            server.got.append(self.headers.as_bytes() + body)
            self.send_response(server.status or 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_port}"
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield server
    http.shutdown()
    http.server_close()


@contextmanager
def smtp_server(**options: Any) -> Iterator[Server]:
    """It offers no STARTTLS. ``options`` are aiosmtpd's."""
    server = Server()

    class Handler:
        async def handle_RCPT(self, _: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
            if server.status:
                return f"{server.status} no"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, _: Any, session: Any, envelope: Any) -> str:
            server.got.append(envelope.content)
            return "250 OK"

    with socket.socket() as probe:  # the controller probes the port that it was given
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port, **options)
    controller.start()
    server.url = f"smtp://127.0.0.1:{port}"
    yield server
    controller.stop()


SERVERS = {"http://": (http_server, 503, 404), "smtp://": (smtp_server, 451, 550)}
"""By the scheme: a server, the status with which a later try may work, and the one with which none will."""

Case = tuple[str, type[Transport], Server, int, int]


@pytest.fixture(params=TRANSPORTS)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    kind = TRANSPORTS[request.param]
    make, busy, never = next(SERVERS[scheme] for scheme in kind.schemes if scheme in SERVERS)
    with make() as server:
        yield request.param, kind, server, busy, never


def receiver(case: Case, **changes: Any) -> Receiver:
    name, _, server, _, _ = case
    return Receiver(**{"name": "r", "type": name, "url": server.url, "to": ["risk@example.org"],
                       "private_addresses": True, "timeout": "5s"} | changes)  # fmt: skip


def test_a_message_arrives_once_with_its_alert_and_its_id(case: Case):
    send(receiver(case), "message-1", [ALERT], {}, 5)
    (got,) = case[2].got
    assert b"message-1" in got and ALERT["id"].encode() in got and b"BA" in got and b"sentiment" in got


def test_a_digest_arrives_or_is_refused(case: Case):
    row = {**ALERT, "exposure": [{"desk": "funds", "exposure": 5e6, "currency": "USD"}], "acknowledged_by": "ana"}
    told = {"document_id": "d", "title": "A <bad> day", "sentiment": -0.9, "source": "s", "words": ["bad"]}
    row["evidence"] = {"documents": [told], "link": "http://console/alerts/x"}
    digest = Digest(NOW - timedelta(days=1), NOW, [row, {**row, "id": "other", "state": "resolved"}], 3)
    if not case[1].takes_digests:
        with pytest.raises(Refused, match="no digests"):
            send(receiver(case), "digest-1", digest, {}, 5)
        return
    send(receiver(case), "digest-1", digest, {}, 5)
    send(receiver(case), "digest-2", Digest(NOW - timedelta(days=1), NOW, []), {}, 5)
    full, empty = case[2].got
    assert b"digest-1" in full and b"BA" in full and b"bad" in full and b"funds" in full and b"console/alerts/x" in full
    assert b"digest-2" in empty and b"BA" not in empty


def test_every_state_of_every_kind_of_alert_can_be_sent(case: Case):
    alerts = [
        {**ALERT, "kind": str(kind), "state": state, "topic": TOPICS.get(kind, "")}
        for kind in AlertKind
        for state in ("firing", "escalated_to_critical", "resolved")
    ]
    send(receiver(case), "message-1", alerts, {}, 5)
    assert len(case[2].got) == 1


def test_a_busy_server_may_be_tried_again(case: Case):
    _, _, server, busy, _ = case
    server.status = busy
    with pytest.raises(Failed):
        send(receiver(case), "message-1", [ALERT], {}, 5)
    server.status = 0
    send(receiver(case), "message-1", [ALERT], {}, 5)


def test_a_server_that_refuses_is_not_tried_again(case: Case):
    _, _, server, _, never = case
    server.status = never
    with pytest.raises(Refused):
        send(receiver(case), "message-1", [ALERT], {}, 5)


def test_a_server_that_is_away_may_be_tried_again(case: Case):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"{case[2].url.rpartition(':')[0]}:{port}"
    with pytest.raises(Failed):
        send(receiver(case, url=url), "message-1", [ALERT], {}, 5)


def test_private_addresses_are_refused_unless_they_are_allowed(case: Case):
    with pytest.raises(Refused, match="private address"):
        send(receiver(case, private_addresses=False), "message-1", [ALERT], {}, 5)
    assert case[2].got == []


def test_nothing_is_sent_without_the_secret_that_is_named(case: Case):
    with pytest.raises(Failed, match="SECRET"):
        send(receiver(case, secret_env="SECRET"), "message-1", [ALERT], {}, 5)
    assert case[2].got == []


def test_the_rules_file_takes_its_type_and_checks_its_url(case: Case):
    name, _, server, _, _ = case
    text = f'receivers: [{{name: r, type: {name}, to: [a@b.example], url: "%s"}}]\nrules: [{{name: all}}]'
    assert read_rules(text % server.url).receivers["r"].type == name
    with pytest.raises(BadRules, match=r"line 1 \(receiver 'r'\): 'url' must start with"):
        read_rules(text % "ftp://host")
    with pytest.raises(BadRules, match=r"line 1 \(receiver 'r', type\): Invalid enum value 'telegraph'"):
        read_rules((text % server.url).replace(f"type: {name}", "type: telegraph"))


class Authenticator:
    """Lets everybody in. ``heard`` says of each password whether it came encrypted."""

    def __init__(self) -> None:
        self.heard: list[bool] = []

    def __call__(self, smtp: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        self.heard.append(smtp.transport.get_extra_info("ssl_object") is not None)
        return AuthResult(success=True)


def send_with_password(server: Server, host: str = "127.0.0.1") -> None:
    url = server.url.replace("//127.0.0.1", f"//ana@{host}")
    mail = Receiver(name="r", type="email", url=url, to=["risk@example.org"], secret_env="P", private_addresses=True)
    send(mail, "message-1", [ALERT], {"P": "a secret"}, 5)


def test_a_password_is_not_sent_in_clear() -> None:
    authenticator = Authenticator()
    with (
        smtp_server(authenticator=authenticator, auth_require_tls=False) as server,
        pytest.raises(Refused, match="offers no encryption"),
    ):
        send_with_password(server)
    assert not authenticator.heard and not server.got


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_password_is_sent_to_the_mail_server_that_the_certificate_names(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After STARTTLS, and with TLS from the start."""
    authority, authenticator = Authority(tmp_path, "ours"), Authenticator()
    files = authority.certify("mail", ("127.0.0.1",))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    options = {"ssl_context": context, "auth_require_tls": False} if scheme == "smtps" else {"tls_context": context}
    with smtp_server(authenticator=authenticator, **options) as server:
        server.url = server.url.replace("smtp:", f"{scheme}:")
        with pytest.raises(Failed, match="certificate verify failed"):
            send_with_password(server)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        with pytest.raises(Failed, match="certificate verify failed"):
            send_with_password(server, "localhost")
        assert not authenticator.heard and not server.got
        send_with_password(server)
    assert authenticator.heard == [True] and len(server.got) == 1
