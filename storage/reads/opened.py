"""What one person looked at: what they opened, labelled and acknowledged."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from clickhouse_driver import Client

ACTS = """
SELECT at, action, subject, entity
FROM
(
    SELECT at, toString(action) AS action, subject, '' AS entity FROM audit_log
    WHERE user = %(user)s AND action IN ('acknowledged', 'labelled')
    UNION ALL
    SELECT at, 'opened' AS action, document_id AS subject, toString(entity) AS entity FROM opened_log
    WHERE user = %(user)s
)
WHERE at > toDateTime64(%(since)s, 3, 'UTC') AND at <= toDateTime64(%(until)s, 3, 'UTC')
ORDER BY at DESC, action, subject, entity
LIMIT %(most)s
"""

# The ids are asked for in the server: hundreds of long ones would be more than a query may have.
OF_ALERTS = f"SELECT DISTINCT id, entity FROM alerts WHERE id IN (SELECT subject FROM ({ACTS})) AND entity != ''"
OF_DOCUMENTS = f"""
SELECT document_id, mentions.entity, `topics.name` FROM documents
WHERE document_id != '' AND document_id IN (SELECT subject FROM ({ACTS}))
LIMIT 1 BY document_id
"""


class LookedAt(NamedTuple):
    """One thing that a person did: opened, labelled or acknowledged; the companies and topics that it was about."""

    at: datetime
    action: str
    entities: list[str]
    topics: list[str]


def looked_at(client: Client, user: str, since: datetime, until: datetime, most: int = 500) -> list[LookedAt]:
    """What ``user`` did in ``since < at <= until``: the newest ``most``, without what is about no company."""
    span = {
        "user": user,
        "since": f"{since.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        "until": f"{until.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        "most": most,
    }
    acts = client.execute(ACTS, span)
    if not acts:
        return []
    alerts: dict[str, list[str]] = {}
    for identity, entity in client.execute(OF_ALERTS, span):
        alerts.setdefault(identity, []).append(entity)
    documents = {
        identity: (list(dict.fromkeys(entities)), list(topics))
        for identity, entities, topics in client.execute(OF_DOCUMENTS, span)
    }
    found = []
    for at, action, subject, entity in acts:
        entities, topics = documents.get(subject, ([], []))
        if action == "acknowledged":
            entities, topics = alerts.get(subject, []), []
        if entity or entities:
            found.append(LookedAt(at, action, [entity] if entity else entities, topics))
    return found
