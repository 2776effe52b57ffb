"""What the shift tests read: deduplicated windows of sentiment and of topics, and the indices as rows."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from clickhouse_driver import Client

from storage.queries import COPIES, NO_COPY, SAME_STORY, SUMS, Row, Windows, as_windows, first_told

# Everything published until a moment is known at that moment, so a window is open at its start and closed at its end.
_FIELDS = "published_at, ingested_at, kind, sentiment, p_negative, `topics.name`"
_PERIOD = """published_at > %(lookback)s AND published_at <= %(until)s
            AND (isNull(%(as_of)s) OR ingested_at <= %(as_of)s)"""
_COUNTED = f"""
    SELECT entity, {_FIELDS}
    FROM
    (
        SELECT entity, {_FIELDS}, {COPIES}
        FROM mentions
        WHERE {_PERIOD} AND (empty(%(entities)s) OR has(%(entities)s, entity))
    )
    WHERE {NO_COPY}
"""
_UNNAMED = f"""
    SELECT '' AS entity, {_FIELDS}
    FROM
    (
        SELECT {_FIELDS}, {first_told("story_id")} AS told_before,
               {first_told("source", "document_id")} AS sent_before
        FROM documents
        WHERE {_PERIOD} AND empty(mentions.entity) AND unscored = '' AND empty(%(entities)s)
    )
    WHERE {NO_COPY}
"""
_START = "intDiv(toUnixTimestamp64Milli(published_at) - 1, 1000 * %(width)s) * %(width)s"


def _parameters(
    since: datetime, until: datetime, width_s: int, entities: list[str] | None, as_of: datetime | None
) -> Row:
    names = list(entities or [])
    return {"lookback": since - SAME_STORY, "since": since, "until": until, "width": width_s, "entities": names,
            "as_of": as_of}  # fmt: skip


def tone_windows(
    client: Client,
    since: datetime,
    until: datetime,
    width_s: int = 60,
    entities: list[str] | None = None,
    as_of: datetime | None = None,
) -> Windows:
    """Deduplicated windows of ``width_s`` seconds over ``since < published_at <= until``, of some entities or all.

    The entity '' (of all only) is what names no company, such as news of the whole market.

    A window holds ``start < published_at <= start + width_s``. With ``as_of``, of what was stored by then.
    """
    columns = client.execute(
        f"""
        SELECT entity, {_START} AS start, {SUMS}
        FROM ({_COUNTED} UNION ALL {_UNNAMED})
        WHERE published_at > %(since)s
        GROUP BY entity, start
        """,
        _parameters(since, until, width_s, entities, as_of),
        columnar=True,
    )
    return as_windows(columns)


def topic_windows(
    client: Client,
    since: datetime,
    until: datetime,
    width_s: int = 60,
    entities: list[str] | None = None,
    as_of: datetime | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(entity, topic, start, documents): how many documents of each window have a topic, deduplicated as in
    ``tone_windows``."""
    columns = client.execute(
        f"""
        SELECT entity, name, {_START} AS start, count()
        FROM ({_COUNTED})
        ARRAY JOIN `topics.name` AS name
        WHERE published_at > %(since)s
        GROUP BY entity, name, start
        """,
        _parameters(since, until, width_s, entities, as_of),
        columnar=True,
    ) or [[], [], [], []]
    return (
        np.array(columns[0], dtype=object),
        np.array(columns[1], dtype=object),
        np.array(columns[2], np.int64),
        np.array(columns[3], np.int64),
    )
