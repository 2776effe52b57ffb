"""Alerts in their latest state, and the transitions that receivers are sent."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
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
    ids: Sequence[str] | None = None,
    offset: int = 0,
    moment: datetime | None = None,
    entities: Collection[str] | None = None,
) -> list[Row]:
    """Alerts in their latest state (pending, firing, resolved, inactive), newest first, with ``evidence`` decoded.

    An escalated alert is firing with the higher severity, last raised at ``escalated_at`` (None if never). Measures and
    evidence are those of the moment at which it fired. ``acknowledged_by`` is '' where nobody looks after it.

    ``kind`` is sentiment_shift, topic_shift, buzz, event, feed_stale, or '' for any. ``since`` leaves out alerts that
    fired earlier; with ``unfinished``, those that fired earlier and were not over at ``since`` are included. ``ids``
    and ``entities`` leave out all others, and the first ``offset`` ones are left out. With ``moment``, all is as it was
    then.
    """
    rows = select(
        client,
        """
        SELECT id, any(a.incident) AS incident, any(a.kind) AS kind, any(a.entity) AS entity, any(a.topic) AS topic,
               any(a.direction) AS direction, argMax(a.state, (a.at, a.state = 'resolved')) AS latest,
               if(startsWith(latest, 'escalated'), 'firing', latest) AS state,
               argMax(a.severity, (a.at, a.state != 'firing')) AS severity,
               if(countIf(a.state = 'firing') > 0, minIf(a.fired_at, a.state = 'firing'), min(a.fired_at)) AS fired_at,
               maxIf(a.at, a.state = 'resolved') AS resolved_at,
               maxOrNullIf(a.at, startsWith(a.state, 'escalated')) AS escalated_at,
               argMax((a.before_mean, a.after_mean, a.before_documents, a.after_documents, a.began_at,
                       a.model_version, a.evidence), (a.state = 'firing', a.at)) AS firing,
               firing.1 AS before_mean, firing.2 AS after_mean, firing.3 AS before_documents,
               firing.4 AS after_documents, firing.5 AS began_at, firing.6 AS model_version, firing.7 AS evidence
        FROM alerts AS a FINAL
        WHERE (%(entity)s = '' OR a.entity = %(entity)s) AND (%(kind)s = '' OR a.kind = %(kind)s)
            AND (%(unfinished)s OR isNull(%(since)s) OR a.fired_at >= %(since)s)
            AND (%(any)s OR a.id IN %(ids)s) AND (%(everybody)s OR a.entity IN %(entities)s)
            AND (isNull(%(moment)s) OR a.at <= %(moment)s)
        GROUP BY id
        HAVING NOT %(unfinished)s OR isNull(%(since)s) OR state IN ('pending', 'firing') OR max(a.at) >= %(since)s
        ORDER BY fired_at DESC, id
        LIMIT %(limit)s OFFSET %(offset)s
        """,
        {
            "entity": entity,
            "since": since,
            "limit": limit,
            "kind": kind,
            "unfinished": unfinished,
            "any": ids is None,
            "ids": [*(ids or ()), ""],
            "offset": offset,
            "moment": moment,
            "everybody": entities is None,
            "entities": [*(entities or ()), ""],
        },
    )
    acknowledged = _acknowledged(client, moment)
    for row in rows:
        row["acknowledged_by"] = acknowledged.get(row["id"], "")
        row["evidence"] = json.loads(row["evidence"])
        del row["firing"], row["latest"]
        if row["state"] != "resolved":
            row["resolved_at"] = None
    return rows


def alerts_recorded(client: Client, since: datetime, until: datetime) -> list[Row]:
    """The alerts that were recorded as firing, or as escalated, in ``since < recorded_at <= until``, in their latest
    state. ``sent_to`` are the receivers that were sent something about the alert."""
    times = {"since": since, "until": until}
    begun = client.execute(
        "SELECT DISTINCT id FROM alerts WHERE recorded_at > %(since)s AND recorded_at <= %(until)s "
        "AND state NOT IN ('pending', 'inactive', 'resolved')",
        times,
    )
    ids = [row[0] for row in begun]
    rows = alerts_now(client, limit=1_000_000, ids=ids)
    sent = dict(
        client.execute(
            "SELECT id, groupUniqArray(toString(receiver)) FROM alert_deliveries FINAL "
            "WHERE outcome = 'sent' AND id IN %(ids)s GROUP BY id",
            {"ids": [*ids, ""]},
        )
    )
    for row in rows:
        row["sent_to"] = sent.get(row["id"], [])
    return rows


def transitions_to_send(client: Client, since: datetime) -> list[Row]:
    """The transitions that receivers are sent (to firing, escalated and resolved), oldest first, sent already or not.

    They are of all alerts for which a transition was recorded since ``since``. Each row has, besides the columns of
    ``alerts``:

    - ``outcomes``: what became of the transition at each receiver: sent, dead (given up) or held (silenced)
    - ``began``: the same for the alert's firing and escalations together: sent if one of them was sent, else the latest
      outcome, and nothing as long as one of them has no outcome
    - ``ended``: whether the alert is resolved
    - ``acknowledged``: who looks after the alert, '' for nobody
    - ``incident_told``: the receivers that were sent something about the alert's incident, each with the worst severity
      that it was told
    - ``parts``: the alerts of the incident: fired_at, id, kind, topic, direction, severity
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
    incidents = sorted({row["incident"] for row in rows})
    incident_told, parts = _incident_told(client, incidents), _incident_parts(client, incidents)
    beginnings: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        if row["state"] != "resolved":
            beginnings.setdefault(row["id"], []).append(outcomes.get((row["id"], row["state"]), {}))
    for row in rows:
        row["evidence"] = json.loads(row["evidence"])
        row["outcomes"] = outcomes.get((row["id"], row["state"]), {})
        row["began"] = _together(beginnings.get(row["id"], []))
        row["incident_told"] = incident_told.get(row["incident"], {})
        row["parts"] = parts.get(row["incident"], [])
        row["ended"], row["acknowledged"] = row["id"] in ended, acknowledged.get(row["id"], "")
    return rows


def _incident_told(client: Client, incidents: Sequence[str]) -> dict[str, dict[str, str]]:
    """The receivers to which something was sent about each incident, with the worst severity that they were told."""
    told: dict[str, dict[str, str]] = {}
    for incident, receiver, severity in client.execute(
        """
        SELECT a.incident, toString(d.receiver),
               argMax(toString(a.severity), indexOf(['notice', 'warning', 'critical'], toString(a.severity)))
        FROM (SELECT id, incident, toString(state) AS become, severity FROM alerts FINAL
              WHERE incident IN %(incidents)s) AS a
        INNER JOIN (SELECT id, toString(state) AS become, receiver FROM alert_deliveries FINAL
                    WHERE outcome = 'sent') AS d ON a.id = d.id AND a.become = d.become
        GROUP BY a.incident, d.receiver
        """,
        {"incidents": [*incidents, ""]},
    ):
        told.setdefault(incident, {})[receiver] = severity
    return told


def _incident_parts(client: Client, incidents: Sequence[str]) -> dict[str, list[Row]]:
    """The alerts of each incident, in the order in which they fired."""
    names = ("fired_at", "id", "kind", "topic", "direction", "severity")
    rows = client.execute(
        "SELECT incident, parts FROM incidents WHERE incident IN %(incidents)s", {"incidents": [*incidents, ""]}
    )
    return {incident: [dict(zip(names, part, strict=True)) for part in parts] for incident, parts in rows}


def _together(outcomes: Sequence[dict[str, str]]) -> dict[str, str]:
    """One outcome at each receiver for several transitions: ``began`` of ``transitions_to_send``."""
    together = {}
    for receiver in {name for one in outcomes for name in one}:
        became = [one.get(receiver) for one in outcomes]
        if "sent" in became:
            together[receiver] = "sent"
        elif became[-1] is not None and None not in became:
            together[receiver] = became[-1]
    return together


def _acknowledged(client: Client, moment: datetime | None = None) -> dict[str, str]:
    """Who looks after an alert (or did at ``moment``), by its id; '' where somebody did before, and no longer does."""
    return dict(
        client.execute(
            "SELECT id, argMax(if(action = 'acknowledged', by, ''), at) FROM alert_actions FINAL "
            "WHERE isNull(%(moment)s) OR at <= %(moment)s GROUP BY id",
            {"moment": moment},
        )
    )
