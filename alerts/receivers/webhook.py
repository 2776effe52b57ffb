"""A webhook of one's own: the alerts as JSON, as they are in the topic ``alerts``."""

from __future__ import annotations

from typing import Any

import msgspec

from alerts.receivers.contract import AlertRows, Digest
from alerts.receivers.http_post import HttpTransport

_INTERNAL = {"outcomes", "began", "ended", "incident_told", "sent_to"}
"""Keys of a row that are about its deliveries."""


class Webhook(HttpTransport):
    """Posts ``{version, receiver, alerts}``, and once a day ``{version, receiver, digest}``."""

    def body(self, alerts: AlertRows) -> bytes:
        return self._encoded(alerts=_rows(alerts))

    def digest_body(self, digest: Digest) -> bytes:
        return self._encoded(digest={**digest._asdict(), "alerts": _rows(digest.alerts)})

    def _encoded(self, **content: Any) -> bytes:
        return msgspec.json.encode({"version": "1", "receiver": self.receiver.name, **content})


def _rows(alerts: AlertRows) -> list[dict[str, Any]]:
    return [{name: value for name, value in alert.items() if name not in _INTERNAL} for alert in alerts]
