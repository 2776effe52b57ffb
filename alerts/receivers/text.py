"""What receivers read: alerts as JSON for webhooks, Alertmanager and Slack, and as an e-mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

Alerts = Sequence[Mapping[str, Any]]
HELD_OPEN = timedelta(days=30)
"""Alertmanager takes what is not repeated for resolved, unless it is told until when it lasts."""

_MARK = {"critical": "\U0001f534", "warning": "\U0001f7e0", "notice": "\U0001f535", "resolved": "\u2705"}
_INTERNAL = {"outcomes", "began", "ended"}


def title(alert: Mapping[str, Any]) -> str:
    """One line: what, about whom, how bad."""
    who = "The market" if alert["entity"] == "*" else str(alert["entity"])
    topic = f" ({alert['topic']})" if alert["topic"] else ""
    if alert["kind"] == "feed_stale":
        what = f"the feed {who.removeprefix('feed:')} is silent"
        return what if alert["state"] == "firing" else f"the feed {who.removeprefix('feed:')} is back"
    what = {
        "sentiment_shift": f"{who}{topic}: sentiment turned {alert['direction']}",
        "topic_shift": f"{who}: more of {alert['topic']}"
        if alert["direction"] == "up"
        else f"{who}: less of {alert['topic']}",
        "buzz": f"{who}: far more talk than usual",
    }[alert["kind"]]
    if alert["state"].startswith("escalated"):
        return f"{what}: {alert['severity']} by now"
    return what if alert["state"] == "firing" else f"{what}: over"


def facts(alert: Mapping[str, Any]) -> str:
    """One line of numbers: before and after with their intervals, since when, and how much came in meanwhile."""
    evidence = alert["evidence"]
    if alert["kind"] == "feed_stale":
        return f"last document {evidence.get('last_stored_at', '')}"

    def value(mean: float) -> str:
        if alert["kind"] == "topic_shift":
            return f"{mean:.0%}"
        return f"{mean:.1f} a day" if alert["kind"] == "buzz" else f"{mean:+.2f}"

    def side(name: str) -> str:
        interval = [value(end) for end in evidence.get(f"{name}_interval") or ()]
        between = f" [{', '.join(interval)}]" if interval else ""
        return f"{value(alert[f'{name}_mean'])}{between} of {alert[f'{name}_documents']}"

    waited = evidence.get("price_of_waiting") or {}
    return (
        f"{side('before')} -> {side('after')} documents; began {alert['began_at']:%Y-%m-%d %H:%M} UTC, "
        f"{waited.get('documents', 0)} documents in {waited.get('hours', 0)} h since"
    )


def _documents(alert: Mapping[str, Any]) -> list[str]:
    lines = []
    for document in alert["evidence"].get("documents", [])[:5]:
        text = (document.get("title") or document.get("text") or "")[:200].replace("\n", " ")
        words = f" [{', '.join(document['words'])}]" if document.get("words") else ""
        lines.append(f"{document.get('sentiment', 0):+.2f} {document.get('source', '')}: {text}{words}")
    return lines


def _topics(alert: Mapping[str, Any]) -> list[str]:
    risen = alert["evidence"].get("topics") or []
    told = ", ".join(f"{row['topic']} {row['before']:.0%} to {row['after']:.0%}" for row in risen)
    return [f"topics that rose: {told}"] if told else []


def webhook(receiver: str, alerts: Alerts) -> bytes:
    """``{version, receiver, alerts}``; each alert as in the topic ``alerts``."""
    rows = [{name: value for name, value in alert.items() if name not in _INTERNAL} for alert in alerts]
    return msgspec.json.encode({"version": "1", "receiver": receiver, "alerts": rows})


def alertmanager(alerts: Alerts) -> bytes:
    """Alertmanager's API v2. The labels stay the same over an alert's life, so its end finds its beginning; where the
    severity has risen, the alert of the lower one ends."""
    rows = []
    lower = [
        {**alert, "severity": alert["evidence"]["escalated_from"], "state": "resolved"}
        for alert in alerts
        if "escalated_from" in alert["evidence"]
    ]
    for alert in [*lower, *alerts]:
        over = alert["state"] == "resolved"
        labels = {
            "alertname": f"finsent_{alert['kind']}",
            **{name: str(alert[name]) for name in ("entity", "topic", "direction", "severity") if alert[name]},
            "alert_id": alert["id"],
        }
        annotations = {
            "summary": title({**alert, "state": "firing"}),
            "description": "\n".join([facts(alert), *_topics(alert), *_documents(alert)]),
            "model_version": alert["model_version"],
            "query": alert["evidence"].get("query", ""),
        }
        row = {"labels": labels, "annotations": annotations, "startsAt": alert["fired_at"]}
        row["endsAt"] = min(alert["at"], datetime.now(UTC)) if over else datetime.now(UTC) + HELD_OPEN
        if link := alert["evidence"].get("link"):
            row["generatorURL"] = link
        rows.append(row)
    return msgspec.json.encode(rows)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack(alerts: Alerts) -> bytes:
    """Slack's blocks (at most 50), with a plain text for notifications."""
    blocks: list[dict[str, Any]] = []
    for alert in alerts[:12]:
        mark = _MARK["resolved" if alert["state"] == "resolved" else alert["severity"]]
        header = {"type": "plain_text", "text": f"{mark} {title(alert)}"[:150], "emoji": True}
        blocks.append({"type": "header", "text": header})
        lines = [*_topics(alert), *_documents(alert)]
        told = [_escaped(facts(alert)), *(f"\u2022 {_escaped(line)}" for line in lines)]
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(told)[:3000]}})
        link = alert["evidence"].get("link")
        context = (
            f"{alert['severity']} \u00b7 {alert['kind']} \u00b7 id {alert['id']} \u00b7 model {alert['model_version']}"
        )
        context += f" \u00b7 <{link}|open>" if link else ""
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": context[:3000]}]})
        blocks.append({"type": "divider"})
    more = f" and {len(alerts) - 1} more" if len(alerts) > 1 else ""
    return msgspec.json.encode({"text": _escaped(title(alerts[0])) + more, "blocks": blocks[:50]})


def mail(alerts: Alerts) -> tuple[str, str]:
    """Subject and plain text."""
    more = f" and {len(alerts) - 1} more" if len(alerts) > 1 else ""
    subject = f"[{alerts[0]['severity']}] {title(alerts[0])}{more}".replace("\r", " ").replace("\n", " ")
    parts = []
    for alert in alerts:
        lines = [title(alert), facts(alert), *_topics(alert), "", *_documents(alert), ""]
        if link := alert["evidence"].get("link"):
            lines.append(link)
        lines += [alert["evidence"].get("query", ""), f"id {alert['id']}, model {alert['model_version']}"]
        parts.append("\n".join(lines))
    return subject[:200], "\n\n".join(parts) + "\n"
