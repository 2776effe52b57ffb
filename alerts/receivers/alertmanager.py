"""Prometheus Alertmanager, API v2."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from alerts.receivers.contract import AlertRows, Digest, Refused
from alerts.receivers.http_post import HttpTransport
from alerts.receivers.wording import document_lines, exposure_lines, facts, incident_lines, title, topic_lines
from documents import AlertState

HELD_OPEN = timedelta(days=30)
"""Alertmanager resolves an alert that is not sent again, unless it carries a time at which it ends."""


class Alertmanager(HttpTransport):
    """Posts one of Alertmanager's alerts for each of ours. Its labels stay the same over its life, so that Alertmanager
    recognises it when it is resolved. The severity is a label: when it rises, the alert with the lower severity is
    resolved. With ``group_by: [incident]``, Alertmanager makes one notification of an incident's parts."""

    takes_digests = False

    @property
    def url(self) -> str:
        return self.receiver.url.rstrip("/") + "/api/v2/alerts"

    def body(self, alerts: AlertRows) -> bytes:
        lower = [
            {**alert, "severity": alert["evidence"]["escalated_from"], "state": AlertState.RESOLVED}
            for alert in alerts
            if "escalated_from" in alert["evidence"]
        ]
        return msgspec.json.encode([_entry(alert) for alert in [*lower, *alerts]])

    def digest_body(self, digest: Digest) -> bytes:
        raise Refused("Alertmanager takes no digests")


def _entry(alert: Mapping[str, Any]) -> dict[str, Any]:
    labels = {
        "alertname": f"finsent_{alert['kind']}",
        **{name: str(alert[name]) for name in ("entity", "topic", "direction", "severity") if alert[name]},
        "alert_id": alert["id"],
        "incident": alert["incident"],
    }
    annotations = {
        "summary": title({**alert, "state": AlertState.FIRING}),
        "description": "\n".join(
            [facts(alert), *exposure_lines(alert), *incident_lines(alert), *topic_lines(alert), *document_lines(alert)]
        ),
        "model_version": alert["model_version"],
        "query": alert["evidence"].get("query", ""),
    }
    entry = {"labels": labels, "annotations": annotations, "startsAt": alert["fired_at"]}
    now = datetime.now(UTC)
    entry["endsAt"] = min(alert["at"], now) if alert["state"] == AlertState.RESOLVED else now + HELD_OPEN
    if link := alert["evidence"].get("link"):
        entry["generatorURL"] = link
    return entry
