"""The queries that people and the alert rules use, each with a name; input reaches SQL only as parameters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from clickhouse_driver import Client

SAME_STORY = timedelta(days=1)
"""A story that comes again within this does not count a second time."""

Row = dict[str, Any]


def select(client: Client, sql: str, parameters: Row | None = None) -> list[Row]:
    """The rows of ``sql`` as dictionaries."""
    rows, columns = client.execute(sql, parameters or {}, with_column_types=True)
    names = [name for name, _ in columns]
    return [dict(zip(names, row, strict=True)) for row in rows]


class Windows(NamedTuple):
    """Sentiment per entity and window, as parallel arrays: ``entity`` str, ``start`` int64 (Unix seconds),
    ``documents`` int64, ``total`` and ``squares`` float64 (sums of the sentiment and of its square)."""

    entity: np.ndarray
    start: np.ndarray
    documents: np.ndarray
    total: np.ndarray
    squares: np.ndarray


# A story counts once an entity, and so does a document that its producer sends again.
COUNTED = """
    SELECT *
    FROM
    (
        SELECT *
        FROM mentions
        WHERE published_at >= %(lookback)s AND published_at < %(until)s
            AND (%(entity)s = '' OR entity = %(entity)s)
            AND (isNull(%(as_of)s) OR ingested_at <= %(as_of)s)
        ORDER BY published_at, ingested_at, topic, partition, offset
        LIMIT 1 BY entity, story_id
    )
    ORDER BY published_at, ingested_at, topic, partition, offset
    LIMIT 1 BY entity, source, document_id
"""


def _counted(since: datetime, until: datetime, entity: str, as_of: datetime | None) -> Row:
    return {"lookback": since - SAME_STORY, "since": since, "until": until, "entity": entity, "as_of": as_of}


def windows(
    client: Client, since: datetime, until: datetime, width_s: int, entity: str = "", as_of: datetime | None = None
) -> Windows:
    """Deduplicated windows of ``width_s`` seconds over ``since <= published_at < until``, of one entity or all.

    With ``as_of``, of what was stored by then.
    """
    columns = client.execute(
        f"""
        SELECT entity, toUnixTimestamp(toStartOfInterval(published_at, INTERVAL %(width)s SECOND)) AS start,
               count(), sum(sentiment), sum(sentiment * sentiment)
        FROM ({COUNTED})
        WHERE published_at >= %(since)s
        GROUP BY entity, start
        ORDER BY entity, start
        """,
        {**_counted(since, until, entity, as_of), "width": width_s},
        columnar=True,
    ) or [[], [], [], [], []]
    return Windows(
        np.array(columns[0], dtype=object),
        np.array(columns[1], np.int64),
        np.array(columns[2], np.int64),
        np.array(columns[3], np.float64),
        np.array(columns[4], np.float64),
    )


def moving_documents(
    client: Client, entity: str, since: datetime, until: datetime, baseline: float, limit: int = 5
) -> list[Row]:
    """The documents about ``entity`` farthest from the ``baseline`` sentiment, in the direction of their mean."""
    return select(
        client,
        f"""
        WITH ({{mean}}) AS mean
        SELECT document_id, source, kind, published_at, title, text, url, surface, label, sentiment, model_version,
               topic, partition, offset
        FROM ({COUNTED})
        WHERE published_at >= %(since)s
        ORDER BY (sentiment - %(baseline)s) * if(mean < %(baseline)s, -1, 1) DESC, published_at, document_id
        LIMIT %(limit)s
        """.replace("{mean}", f"SELECT avg(sentiment) FROM ({COUNTED}) WHERE published_at >= %(since)s"),
        {**_counted(since, until, entity, None), "baseline": baseline, "limit": limit},
    )


def watermark(client: Client, since: datetime) -> datetime | None:
    """How far the documents' own time has come: the least over the partitions of their latest ``published_at``, of
    partitions with rows stored after ``since``. None where there are none."""
    rows = client.execute(
        """
        SELECT min(latest), count() FROM
        (
            SELECT max(published_at) AS latest FROM record_log
            WHERE ingested_at >= %(since)s AND error_kind = ''
            GROUP BY topic, topic_id, partition
        )
        """,
        {"since": since},
    )
    return rows[0][0] if rows[0][1] else None


ALERT_COLUMNS = (
    "id", "kind", "entity", "direction", "severity", "state", "fired_at", "at", "recorded_at", "before_mean",
    "after_mean", "before_documents", "after_documents", "began_at", "model_version", "evidence",
)  # fmt: skip


def write_alerts(client: Client, transitions: Sequence[Row]) -> None:
    """Append alert transitions: dictionaries with the columns of ``alerts``; ``evidence`` is any JSON value."""
    if transitions:
        rows = [
            [json.dumps(row["evidence"], default=str) if name == "evidence" else row[name] for name in ALERT_COLUMNS]
            for row in transitions
        ]
        client.execute(f"INSERT INTO alerts ({', '.join(ALERT_COLUMNS)}) VALUES", rows)


def alerts(client: Client, entity: str = "", since: datetime | None = None, limit: int = 1000) -> list[Row]:
    """Alerts with their latest state, newest first; ``evidence`` is decoded."""
    rows = select(
        client,
        """
        SELECT id, any(kind) AS kind, any(entity) AS entity, any(direction) AS direction,
               argMin(severity, a.at) AS severity, argMax(a.state, a.at) AS state, min(a.fired_at) AS fired_at,
               maxIf(a.at, a.state = 'resolved') AS resolved_at, argMin(a.before_mean, a.at) AS before_mean,
               argMin(a.after_mean, a.at) AS after_mean, argMin(a.before_documents, a.at) AS before_documents,
               argMin(a.after_documents, a.at) AS after_documents, argMin(a.began_at, a.at) AS began_at,
               argMin(a.model_version, a.at) AS model_version, argMin(a.evidence, a.at) AS evidence
        FROM alerts AS a FINAL
        WHERE (%(entity)s = '' OR a.entity = %(entity)s) AND (isNull(%(since)s) OR a.fired_at >= %(since)s)
        GROUP BY id
        ORDER BY fired_at DESC, id
        LIMIT %(limit)s
        """,
        {"entity": entity, "since": since, "limit": limit},
    )
    for row in rows:
        row["evidence"] = json.loads(row["evidence"])
        if row["state"] != "resolved":
            row["resolved_at"] = None
    return rows


def latest_documents(client: Client, entity: str, limit: int = 20, as_of: datetime | None = None) -> list[Row]:
    """The newest documents about ``entity``, each once; with ``as_of``, of what was stored by then."""
    return select(
        client,
        """
        SELECT published_at, kind, source, document_id, surface, label, sentiment, title, text, url, model_version
        FROM mentions
        WHERE entity = %(entity)s AND (isNull(%(as_of)s) OR ingested_at <= %(as_of)s)
        ORDER BY published_at DESC, document_id
        LIMIT %(limit)s
        """,
        {"entity": entity, "limit": limit, "as_of": as_of},
    )


def movers(client: Client, at: datetime, span: timedelta = timedelta(days=1), minimum: int = 5) -> list[Row]:
    """Entities by the change of their mean sentiment, the ``span`` before ``at`` against the span before that."""
    found = windows(client, at - 2 * span, at, int(span.total_seconds()))
    middle = (at - span).timestamp()
    rows = []
    for entity in sorted(set(found.entity)):
        here = found.entity == entity
        halves = [here & (found.start < middle - span.total_seconds() / 2), here & (found.start >= middle - 1)]
        before, after = ((found.documents[half].sum(), found.total[half].sum()) for half in halves)
        if min(before[0], after[0]) >= minimum:
            change = after[1] / after[0] - before[1] / before[0]
            rows.append({"entity": entity, "before": before[1] / before[0], "after": after[1] / after[0],
                         "change": change, "documents": int(after[0])})  # fmt: skip
    return sorted(rows, key=lambda row: -abs(row["change"]))


def dead_letters(client: Client, since: datetime | None = None, limit: int = 100) -> list[Row]:
    """Bad records, newest first, with what was done with them ('' if nothing was)."""
    return select(
        client,
        """
        SELECT d.topic AS topic, d.topic_id AS topic_id, d.partition AS partition, d.offset AS offset,
               d.ingested_at AS ingested_at, d.error_kind AS error_kind, d.error_field AS error_field,
               d.error AS error, length(d.raw) AS bytes, if(toUnixTimestamp(a.at) = 0, '', toString(a.action)) AS action
        FROM dead_letters AS d
        LEFT JOIN (SELECT * FROM dead_letter_actions FINAL) AS a USING (topic, topic_id, partition, offset)
        WHERE isNull(%(since)s) OR d.ingested_at >= %(since)s
        ORDER BY ingested_at DESC, topic, partition, offset
        LIMIT %(limit)s
        """,
        {"since": since, "limit": limit},
    )


def dead_letter(client: Client, topic: str, partition: int, offset: int) -> list[Row]:
    """The bad records at a position (one for each identity the topic has had), with ``raw`` as hexadecimal."""
    return select(
        client,
        """
        SELECT topic, topic_id, partition, offset, ingested_at, error_kind, error_field, error, hex(raw) AS raw
        FROM dead_letters
        WHERE topic = %(topic)s AND partition = %(partition)s AND offset = %(offset)s
        ORDER BY ingested_at DESC
        """,
        {"topic": topic, "partition": partition, "offset": offset},
    )


def record_dead_letter_actions(client: Client, action: str, positions: Iterable[tuple[str, str, int, int]]) -> None:
    """Remember that the bad records at ``positions`` (topic, topic id, partition, offset) were ``replayed`` or
    ``dropped``."""
    rows = [(*position, action, datetime.now().astimezone()) for position in positions]
    if rows:
        client.execute("INSERT INTO dead_letter_actions (topic, topic_id, partition, offset, action, at) VALUES", rows)
