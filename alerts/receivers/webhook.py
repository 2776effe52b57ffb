"""A webhook of one's own: the alerts as JSON, as they are in the topic ``alerts``."""

from __future__ import annotations

import msgspec

from alerts.receivers.contract import AlertRows
from alerts.receivers.http_post import HttpTransport

_INTERNAL = {"outcomes", "began", "ended", "incident_told"}
"""Keys of a row that are about its deliveries."""


class Webhook(HttpTransport):
    """Posts ``{version, receiver, alerts}``."""

    def body(self, alerts: AlertRows) -> bytes:
        rows = [{name: value for name, value in alert.items() if name not in _INTERNAL} for alert in alerts]
        return msgspec.json.encode({"version": "1", "receiver": self.receiver.name, "alerts": rows})
