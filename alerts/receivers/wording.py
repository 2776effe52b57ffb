"""An alert in words, for people who read it in a chat or an e-mail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.detection import MARKET
from alerts.receivers.contract import Digest
from documents import AlertKind, AlertState, Direction
from documents.events import EventState
from errors import many

MOST_DOCUMENTS, MOST_SOURCES = 5, 4


def title(alert: Mapping[str, Any]) -> str:
    """One line: what happened, about whom, how bad it is, and whether it is a new part of a known incident."""
    new_part = alert.get("update") and alert["state"] == AlertState.FIRING
    return f"{_what(alert)} (part of the same incident)" if new_part else _what(alert)


def _what(alert: Mapping[str, Any]) -> str:
    who = "The market" if alert["entity"] == MARKET else str(alert["entity"])
    topic = f" ({alert['topic']})" if alert["topic"] else ""
    if alert["kind"] == AlertKind.FEED_STALE:
        what = f"the feed {who.removeprefix('feed:')} is silent"
        return what if alert["state"] == AlertState.FIRING else f"the feed {who.removeprefix('feed:')} is back"
    if alert["kind"] == AlertKind.EVENT:
        return event_title(alert)
    what = {
        AlertKind.SENTIMENT_SHIFT: f"{who}{topic}: sentiment turned {alert['direction']}",
        AlertKind.TOPIC_SHIFT: f"{who}: more of {alert['topic']}"
        if alert["direction"] == Direction.UP
        else f"{who}: less of {alert['topic']}",
        AlertKind.BUZZ: f"{who}: far more talk than usual",
    }[alert["kind"]]
    if AlertState(alert["state"]).is_escalation:
        return f"{what}: {alert['severity']} by now"
    return what if alert["state"] == AlertState.FIRING else f"{what}: over"


def facts(alert: Mapping[str, Any]) -> str:
    """One line of numbers: the means before and after with their intervals, when it began, and the documents since."""
    evidence = alert["evidence"]
    if alert["kind"] == AlertKind.EVENT:
        return event_facts(alert)
    if alert["kind"] == AlertKind.FEED_STALE:
        return f"last document {evidence.get('last_stored_at', '')}"

    def value(mean: float) -> str:
        if alert["kind"] == AlertKind.TOPIC_SHIFT:
            return f"{mean:.0%}"
        return f"{mean:.1f} a day" if alert["kind"] == AlertKind.BUZZ else f"{mean:+.2f}"

    def side(name: str) -> str:
        interval = [value(end) for end in evidence.get(f"{name}_interval") or ()]
        between = f" [{', '.join(interval)}]" if interval else ""
        return f"{value(alert[f'{name}_mean'])}{between} of {alert[f'{name}_documents']}"

    waited = evidence.get("price_of_waiting") or {}
    return (
        f"{side('before')} -> {side('after')} {'document' if alert['after_documents'] == 1 else 'documents'}; "
        f"began {alert['began_at']:%Y-%m-%d %H:%M} UTC, "
        f"{many(waited.get('documents', 0), 'document')} in {waited.get('hours', 0)} h since"
    )


HEARD = {
    EventState.HAPPENED: "",
    EventState.THREATENED: "threatened: ",
    EventState.RUMOURED: "rumoured: ",
    EventState.DENIED: "denied: ",
    EventState.AVERTED: "averted: ",
}
"""What is written before the type of an event for each state."""


def event_title(alert: Mapping[str, Any]) -> str:
    """One line about an event: who, what, and in which state."""
    event = alert["evidence"].get("event", {})
    name = str(alert["topic"]).replace("_", " ")
    state = EventState(event.get("state", EventState.HAPPENED))
    what = f"{alert['entity']}: {HEARD.get(state, '')}{name}"
    if AlertState(alert["state"]).is_escalation:
        return f"{what}: {alert['severity']} by now"
    if alert["state"] == AlertState.FIRING or state in (EventState.DENIED, EventState.AVERTED):
        return what
    return f"{what}: over"


def event_facts(alert: Mapping[str, Any]) -> str:
    """One line about an event: how bad, in which role, since when, and by how many and whom it is told."""
    event = alert["evidence"].get("event", {})
    sources = event.get("sources", [])
    named = ", ".join(sources[:MOST_SOURCES]) + (
        f" and {len(sources) - MOST_SOURCES} more" if sources[MOST_SOURCES:] else ""
    )
    stories = "1 story" if event.get("stories") == 1 else many(event.get("stories", 0), "independent story")
    ended = f"; {event['state']} by {event['ended_by']}" if "ended_by" in event else ""
    return (
        f"{event.get('group', '')}, severity {event.get('severity', '')} of 5, {alert['direction']}; "
        f"{alert['entity']} is the {event.get('role', 'subject')}; since {alert['began_at']:%Y-%m-%d %H:%M} UTC; "
        f"{stories}, from {named}{ended}"
    )


def document_lines(alert: Mapping[str, Any]) -> list[str]:
    """A line for each of the documents that moved the mean the most."""
    lines = []
    for document in alert["evidence"].get("documents", [])[:MOST_DOCUMENTS]:
        text = (document.get("title") or document.get("text") or "")[:200].replace("\n", " ")
        words = f" [{', '.join(document['words'])}]" if document.get("words") else ""
        lines.append(f"{document.get('sentiment', 0):+.2f} {document.get('source', '')}: {text}{words}")
    return lines


def exposure_lines(alert: Mapping[str, Any]) -> list[str]:
    """One line with what the desks hold of the company, if they hold anything."""
    held = ", ".join(
        f"{row['desk']} {row['exposure']:,.0f} {row['currency']}".rstrip() for row in alert.get("exposure") or []
    )
    return [f"exposure: {held}"] if held else []


def incident_lines(alert: Mapping[str, Any]) -> list[str]:
    """One line with the other parts of the alert's incident, if it has any."""
    others = [part for part in alert.get("parts") or [] if part["id"] != alert["id"]]
    named = ", ".join(
        f"{_what({**part, 'entity': '', 'state': AlertState.FIRING, 'evidence': {}}).removeprefix(': ')} "
        f"({part['severity']}, {part['fired_at']:%Y-%m-%d %H:%M} UTC)"
        for part in others
    )
    return [f"incident {alert['incident']}, other parts: {named}"] if others else []


def topic_lines(alert: Mapping[str, Any]) -> list[str]:
    """One line with the topics that rose, if any did."""
    risen = alert["evidence"].get("topics") or []
    listed = ", ".join(f"{row['topic']} {row['before']:.0%} to {row['after']:.0%}" for row in risen)
    return [f"topics that rose: {listed}"] if listed else []


def digest_title(digest: Digest) -> str:
    """One line: of which day a digest is, and how much is in it."""
    count = len(digest.alerts) + digest.more
    companies = len({alert["entity"] for alert in digest.alerts})
    what = (
        f"{many(count, 'alert')} at {many(companies, 'company')}"
        if digest.alerts
        else "no alert that was not sent already"
    )
    return f"Digest of {digest.until:%d %B %Y, %H:%M %Z}: {what}"


def digest_events(digest: Digest) -> list[str]:
    """A heading, and a line for each event that raised no alert; empty if there are none."""
    lines = []
    for event in digest.events:
        stories = f", {event['stories']} stories" if event["stories"] > 1 else ""
        what = f"{HEARD.get(EventState(event['state']), '')}{event['type'].replace('_', ' ')}"
        text = event["title"][:200].replace("\n", " ")
        lines.append(f"{event['entity']}: {what} ({event['source']}{stories}): {text}")
    return ["What else happened, without an alert:", *lines] if lines else []


def digest_lines(alert: Mapping[str, Any]) -> list[str]:
    """An alert in a digest: what, the numbers, what the desks hold, and the document that says most."""
    state = "" if alert["state"] == AlertState.FIRING else f" ({alert['state']})"
    known = f" (acknowledged by {alert['acknowledged_by']})" if alert.get("acknowledged_by") else ""
    what = title({**alert, "state": AlertState.FIRING})
    return [f"{what}{state}{known}", facts(alert), *exposure_lines(alert), *document_lines(alert)[:1]]
