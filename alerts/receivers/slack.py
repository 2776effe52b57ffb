"""Slack's incoming webhooks, which Mattermost and Rocket.Chat take as well."""

from __future__ import annotations

from typing import Any

import msgspec

from alerts.receivers.contract import AlertRows, Digest
from alerts.receivers.http_post import HttpTransport
from alerts.receivers.wording import (
    digest_events,
    digest_lines,
    digest_title,
    document_lines,
    exposure_lines,
    facts,
    incident_lines,
    title,
    topic_lines,
)
from documents import AlertState, Severity

MARK = {
    Severity.CRITICAL: "\U0001f534",
    Severity.WARNING: "\U0001f7e0",
    Severity.NOTICE: "\U0001f535",
    AlertState.RESOLVED: "\u2705",
}
MOST_ALERTS, MOST_BLOCKS = 12, 50


class Slack(HttpTransport):
    """Posts blocks, of which Slack allows at most 50, with a plain text for notifications."""

    def body(self, alerts: AlertRows) -> bytes:
        blocks: list[dict[str, Any]] = []
        for alert in alerts[:MOST_ALERTS]:
            mark = MARK[alert["state"] if alert["state"] == AlertState.RESOLVED else alert["severity"]]
            header = {"type": "plain_text", "text": f"{mark} {title(alert)}"[:150], "emoji": True}
            blocks.append({"type": "header", "text": header})
            lines = [*exposure_lines(alert), *incident_lines(alert), *topic_lines(alert), *document_lines(alert)]
            section = [_escaped(facts(alert)), *(f"\u2022 {_escaped(line)}" for line in lines)]
            blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(section)[:3000]}})
            link = alert["evidence"].get("link")
            context = f"{alert['severity']} \u00b7 {alert['kind']} \u00b7 id {alert['id']}"
            context += f" \u00b7 incident {alert['incident']} \u00b7 model {alert['model_version']}"
            context += f" \u00b7 <{link}|open>" if link else ""
            blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": context[:3000]}]})
            blocks.append({"type": "divider"})
        more = f" and {len(alerts) - 1} more" if len(alerts) > 1 else ""
        return msgspec.json.encode({"text": _escaped(title(alerts[0])) + more, "blocks": blocks[:MOST_BLOCKS]})

    def digest_body(self, digest: Digest) -> bytes:
        heading = {"type": "plain_text", "text": digest_title(digest)[:150], "emoji": True}
        blocks: list[dict[str, Any]] = [{"type": "header", "text": heading}]
        for alert in digest.alerts[: MOST_BLOCKS - 3]:
            first, *others = digest_lines(alert)
            link = alert["evidence"].get("link")
            named = f"*<{link}|{_escaped(first)}>*" if link else f"*{_escaped(first)}*"
            text = "\n".join([f"{MARK[Severity(alert['severity'])]} {named}", *map(_escaped, others)])
            blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": text[:3000]}})
        if digest.more:
            blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": f"and {digest.more} more"}})
        if told := "\n".join(map(_escaped, digest_events(digest))):
            blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": told[:3000]}})
        return msgspec.json.encode({"text": digest_title(digest), "blocks": blocks})


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
