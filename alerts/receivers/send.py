"""One message to one receiver: HTTP or e-mail, to checked addresses only. Knows neither Kafka nor ClickHouse."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import ipaddress
import smtplib
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from alerts.receivers import text as texts
from alerts.rules import Receiver

TRANSIENT = {408, 425, 429}
MAX_ANSWER = 65_536
RETRY_AFTER_MOST_S = 300.0


class Refused(Exception):
    """This message can never be sent to this receiver as it is set up; the sentence says why."""


class Failed(Exception):
    """It may work later; not before ``retry_after`` seconds if the receiver asked for a pause."""

    def __init__(self, why: str, retry_after: float = 0.0) -> None:
        super().__init__(why)
        self.retry_after = retry_after


def send(
    receiver: Receiver, message_id: str, alerts: Sequence[dict[str, Any]], secrets: Mapping[str, str], timeout: float
) -> None:
    """Send ``alerts`` as one message. Raises ``Failed`` or ``Refused``. ``timeout`` is in seconds, for each step."""
    secret = ""
    if receiver.secret_env:
        secret = secrets.get(receiver.secret_env, "")
        if not secret:
            raise Failed(f"the environment variable {receiver.secret_env} (its secret) is not set")
    try:
        if receiver.type == "email":
            _mail(receiver, message_id, alerts, secret, timeout)
            return
        url, headers = receiver.url, {}
        if receiver.type == "slack":
            body = texts.slack(alerts)
        elif receiver.type == "alertmanager":
            url, body = receiver.url.rstrip("/") + "/api/v2/alerts", texts.alertmanager(alerts)
        else:
            body = texts.webhook(receiver.name, alerts)
        if secret:
            headers = signature(secret, message_id, int(time.time()), body)
        _post(url, body, {"webhook-id": message_id, **headers}, receiver.private_addresses, timeout)
    except (OSError, http.client.HTTPException, smtplib.SMTPException) as error:
        raise Failed(f"{type(error).__name__}: {error}") from error


def signature(secret: str, message_id: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks: HMAC-SHA256 over id, time (Unix seconds) and body."""
    digest = hmac.new(secret.encode(), f"{message_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return {"webhook-timestamp": str(at), "webhook-signature": f"v1,{base64.b64encode(digest).decode()}"}


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, also where an IPv6 address wraps an IPv4 one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        wrapped = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            wrapped = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if wrapped is not None:
            return is_public(str(wrapped))
    return ip.is_global and not ip.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def open_socket(host: str, port: int, timeout: float, private: bool) -> socket.socket:
    """A connection to ``host``. The addresses are checked after the name was resolved, and the checked ones are used,
    so that a name cannot change in between. Raises ``Refused`` where one is not public and ``private`` is not allowed.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not private:
        for *_, address in found:
            if not is_public(str(address[0])):
                raise Refused(f"{host} is the private address {address[0]}; 'private_addresses: true' allows it")
    last: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in found:
        opened = socket.socket(family, kind, protocol)
        opened.settimeout(timeout)
        try:
            opened.connect(address)
            return opened
        except OSError as error:
            opened.close()
            last = error
    raise last


class _Http(http.client.HTTPConnection):
    private = False

    def connect(self) -> None:
        self.sock = open_socket(self.host, self.port, float(self.timeout or 10), self.private)


class _Https(_Http):
    default_port = 443

    def connect(self) -> None:
        super().connect()
        self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


def _post(url: str, body: bytes, headers: dict[str, str], private: bool, timeout: float) -> None:
    """One POST; redirects are not followed, since they would lead around the check of addresses."""
    parts = urlsplit(url)
    connection = (_Https if parts.scheme == "https" else _Http)(parts.hostname or "", parts.port, timeout=timeout)
    connection.private = private
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        own = {"content-type": "application/json", "user-agent": "finsent", **headers}
        connection.request("POST", target, body, own)
        answer = connection.getresponse()
        said = answer.read(MAX_ANSWER)[:200].decode(errors="replace")
    finally:
        connection.close()
    if 200 <= answer.status < 300:
        return
    why = f"answered {answer.status} {answer.reason}: {said}".strip()
    if answer.status in TRANSIENT or answer.status >= 500:
        raise Failed(why, _pause(answer.getheader("retry-after") or ""))
    raise Refused(why)


def _pause(asked: str) -> float:
    """``Retry-After`` in seconds, of either form; 0 where there is none."""
    try:
        pause = float(asked) if asked.isdigit() else parsedate_to_datetime(asked).timestamp() - time.time()
    except (ValueError, TypeError):
        return 0.0
    return min(max(pause, 0.0), RETRY_AFTER_MOST_S)


def _mail(receiver: Receiver, message_id: str, alerts: Sequence[dict[str, Any]], secret: str, timeout: float) -> None:
    parts = urlsplit(receiver.url)
    secure = parts.scheme == "smtps"
    port = parts.port or (465 if secure else 587)

    class Smtp(smtplib.SMTP):
        def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
            opened = open_socket(host, port, timeout, receiver.private_addresses)
            return ssl.create_default_context().wrap_socket(opened, server_hostname=host) if secure else opened

    message = EmailMessage()
    message["Subject"], text = texts.mail(alerts)
    message["From"], message["To"] = receiver.sender, ", ".join(receiver.to)
    # The same each time it is tried, so that a mailbox can tell a repeat.
    message["Message-ID"] = f"<{message_id}@finsent>"
    message.set_content(text)
    with Smtp(parts.hostname or "", port, timeout=timeout) as server:
        server.ehlo()
        if not secure and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            server.ehlo()
        if parts.username:
            server.login(unquote(parts.username), secret)
        try:
            server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            if all(500 <= code < 600 for code, _ in error.recipients.values()):
                raise Refused(f"refused by the mail server: {error.recipients}") from error
            raise
