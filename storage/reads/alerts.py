"""Alerts in their latest state, and the transitions that receivers are sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from clickhouse_driver import Client

from storage.rows import Row, select


def alerts_now(
    client: Client,
    entity: str = "",
    since: datetime | None = None,
    limit: int = 1000,
    kind: str = "",
    unfinished: bool = False,
) -> list[Row]:
    """Alerts with their latest state (pending, firing, resolved, inactive), newest first; ``evidence`` is decoded.

    An alert that was escalated (last at ``escalated_at``, else None) is firing with the higher severity; the other
    columns are of when it fired. ``since`` is when they fired; with ``unfinished``, also those that are not over, or
    were not at ``since``.
    ``acknowledged_by`` is '' where nobody has; ``kind`` is sentiment_shift, topic_shift, buzz or feed_stale.
    """
    rows = select(
        client,
        """
        SELECT id, any(a.kind) AS kind, any(a.entity) AS entity, any(a.topic) AS topic,
               any(a.direction) AS direction, argMax(a.state, (a.at, a.state = 'resolved')) AS latest,
               if(startsWith(latest, 'escalated'), 'firing', latest) AS state,
               argMax(a.severity, (a.at, a.state != 'firing')) AS severity,
               if(countIf(a.state = 'firing') > 0, minIf(a.fired_at, a.state = 'firing'), min(a.fired_at)) AS fired_at,
               maxIf(a.at, a.state = 'resolved') AS resolved_at,
               maxOrNullIf(a.at, startsWith(a.state, 'escalated')) AS escalated_at,
               argMax((a.before_mean, a.after_mean, a.before_documents, a.after_documents, a.began_at,
                       a.model_version, a.evidence), (a.state = 'firing', a.at)) AS told,
               told.1 AS before_mean, told.2 AS after_mean, told.3 AS before_documents, told.4 AS after_documents,
               told.5 AS began_at, told.6 AS model_version, told.7 AS evidence
        FROM alerts AS a FINAL
        WHERE (%(entity)s = '' OR a.entity = %(entity)s) AND (%(kind)s = '' OR a.kind = %(kind)s)
            AND (%(unfinished)s OR isNull(%(since)s) OR a.fired_at >= %(since)s)
        GROUP BY id
        HAVING NOT %(unfinished)s OR isNull(%(since)s) OR state IN ('pending', 'firing') OR max(a.at) >= %(since)s
        ORDER BY fired_at DESC, id
        LIMIT %(limit)s
        """,
        {"entity": entity, "since": since, "limit": limit, "kind": kind, "unfinished": unfinished},
    )
    acknowledged = _acknowledged(client)
    for row in rows:
        row["acknowledged_by"] = acknowledged.get(row["id"], "")
        row["evidence"] = json.loads(row["evidence"])
        del row["told"], row["latest"]
        if row["state"] != "resolved":
            row["resolved_at"] = None
    return rows


def transitions_to_send(client: Client, since: datetime) -> list[Row]:
    """The transitions of the alerts about which something was recorded after ``since``, oldest first, that receivers
    may be told: to firing, escalated and resolved.

    ``outcomes`` is what became of each (receiver: sent, dead or held); ``began`` the same of the alert's firing and
    escalations together: sent if one of them was, and nothing while it is not known of all; ``ended`` is whether the
    alert is resolved, ``acknowledged`` by whom.
    """
    rows = select(
        client,
        """
        SELECT * EXCEPT (version) FROM alerts FINAL
        WHERE id IN (SELECT id FROM alerts WHERE recorded_at >= %(since)s) AND state NOT IN ('pending', 'inactive')
        ORDER BY at, state = 'resolved', state, id
        """,
        {"since": since},
    )
    ids = [row["id"] for row in rows]
    outcomes: dict[tuple[str, str], dict[str, str]] = {}
    for id_, state, receiver, outcome in client.execute(
        "SELECT id, state, receiver, outcome FROM alert_deliveries FINAL WHERE id IN %(ids)s AND outcome != 'again'",
        {"ids": [*ids, ""]},
    ):
        outcomes.setdefault((id_, state), {})[receiver] = outcome
    acknowledged, ended = _acknowledged(client), {row["id"] for row in rows if row["state"] == "resolved"}
    beginnings: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        if row["state"] != "resolved":
            beginnings.setdefault(row["id"], []).append(outcomes.get((row["id"], row["state"]), {}))
    for row in rows:
        row["evidence"] = json.loads(row["evidence"])
        row["outcomes"] = outcomes.get((row["id"], row["state"]), {})
        row["began"] = _together(beginnings.get(row["id"], []))
        row["ended"], row["acknowledged"] = row["id"] in ended, acknowledged.get(row["id"], "")
    return rows


def _together(outcomes: Sequence[dict[str, str]]) -> dict[str, str]:
    """What became of several transitions at each receiver: see ``due_alerts``."""
    together = {}
    for receiver in {name for one in outcomes for name in one}:
        became = [one.get(receiver) for one in outcomes]
        if "sent" in became:
            together[receiver] = "sent"
        elif became[-1] is not None and None not in became:
            together[receiver] = became[-1]
    return together


def _acknowledged(client: Client) -> dict[str, str]:
    """Who looks after each alert that somebody does or did ('')."""
    return dict(
        client.execute(
            "SELECT id, argMax(if(action = 'acknowledged', by, ''), at) FROM alert_actions FINAL GROUP BY id"
        )
    )
