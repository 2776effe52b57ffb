"""What all receivers over HTTP share: one signed POST of JSON."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import ssl
import time
from abc import abstractmethod
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from alerts.receivers.addresses import open_socket
from alerts.receivers.contract import AlertRows, Digest, Failed, Refused, Transport

TRANSIENT = {408, 425, 429}
"""Statuses below 500 with which a later try may work."""

MAX_ANSWER = 65_536
RETRY_AFTER_MOST_S = 300.0


class HttpTransport(Transport):
    """A receiver that takes JSON by POST. With a secret, requests are signed as Standard Webhooks asks."""

    schemes = ("http://", "https://")

    @property
    def url(self) -> str:
        """Where the body is posted to."""
        return self.receiver.url

    @abstractmethod
    def body(self, alerts: AlertRows) -> bytes:
        """The JSON of one message."""

    @abstractmethod
    def digest_body(self, digest: Digest) -> bytes:
        """The JSON of a digest. Raises ``Refused``."""

    def send(self, message_id: str, alerts: AlertRows, timeout: float) -> None:
        self._send(message_id, self.body(alerts), timeout)

    def send_digest(self, message_id: str, digest: Digest, timeout: float) -> None:
        self._send(message_id, self.digest_body(digest), timeout)

    def _send(self, message_id: str, body: bytes, timeout: float) -> None:
        signed = signature(self.secret, message_id, int(time.time()), body) if self.secret else {}
        _post(self.url, body, {"webhook-id": message_id, **signed}, self.receiver.private_addresses, timeout)


def signature(secret: str, message_id: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks: HMAC-SHA256 over id, time (Unix seconds) and body."""
    digest = hmac.new(secret.encode(), f"{message_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return {"webhook-timestamp": str(at), "webhook-signature": f"v1,{base64.b64encode(digest).decode()}"}


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
    """One POST. Redirects are not followed, since they would lead around the check of addresses."""
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
