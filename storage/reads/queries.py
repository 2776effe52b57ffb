"""The queries that people and the alert rules use, each with a name; input reaches SQL only as parameters."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
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
    ``documents`` int64, ``total`` and ``squares`` float64 (sums of the sentiment and of its square), ``negative`` and
    ``negative_squares`` likewise of the probability that a document is negative."""

    entity: np.ndarray
    start: np.ndarray
    documents: np.ndarray
    total: np.ndarray
    squares: np.ndarray
    negative: np.ndarray
    negative_squares: np.ndarray


SUMS = "count(), sum(sentiment), sum(sentiment * sentiment), sum(p_negative), sum(p_negative * p_negative)"


def first_told(*keys: str) -> str:
    """SQL: when a row with the same ``keys`` came before this one (1900 where none did)."""
    return (
        f"lagInFrame(published_at, 1, toDateTime64('1900-01-01', 3, 'UTC')) OVER (PARTITION BY {', '.join(keys)} "
        "ORDER BY published_at, ingested_at, topic, partition, offset "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    )


COPIES = f"""{first_told("entity", "story_id")} AS told_before,
               {first_told("entity", "source", "document_id")} AS sent_before"""
NO_COPY = "told_before < published_at - INTERVAL 1 DAY AND sent_before < published_at - INTERVAL 1 DAY"
"""A story counts once an entity and day, and so does a document that its producer sends again. What counts does not
depend on how much is read, if that begins ``SAME_STORY`` earlier: the view ``counted_mentions`` says the same."""

COUNTED = f"""
    SELECT * EXCEPT (told_before, sent_before)
    FROM
    (
        SELECT *, {COPIES}
        FROM mentions
        WHERE published_at >= %(lookback)s AND published_at < %(until)s
            AND (%(entity)s = '' OR entity = %(entity)s)
            AND (isNull(%(as_of)s) OR ingested_at <= %(as_of)s)
    )
    WHERE {NO_COPY}
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
               {SUMS}
        FROM ({COUNTED})
        WHERE published_at >= %(since)s
        GROUP BY entity, start
        ORDER BY entity, start
        """,
        {**_counted(since, until, entity, as_of), "width": width_s},
        columnar=True,
    )
    return as_windows(columns)


def as_windows(columns: Sequence[Sequence[Any]]) -> Windows:
    """The columns of a query (entity, start, ``SUMS``) as arrays."""
    entity, start, documents, *sums = columns or [[]] * len(Windows._fields)
    whole = (np.array(column, np.int64) for column in (start, documents))
    return Windows(np.array(entity, dtype=object), *whole, *(np.array(column, np.float64) for column in sums))


def _told_of(entity: str | None) -> str:
    """``COUNTED`` up to and with ``until``; for None, of the documents that name no company."""
    counted = COUNTED.replace("published_at < ", "published_at <= ", 1)
    if entity is None:
        counted = counted.replace("FROM mentions", "FROM documents").replace("PARTITION BY entity, ", "PARTITION BY ")
        counted = counted.replace(
            "AND (%(entity)s = '' OR entity = %(entity)s)", "AND empty(mentions.entity) AND unscored = ''"
        )
    return counted


def moving_documents(
    client: Client,
    entity: str | None,
    since: datetime,
    until: datetime,
    baseline: float,
    topic: str = "",
    sign: int = 0,
    limit: int = 5,
) -> list[Row]:
    """The documents in ``since < published_at <= until`` that moved an index the most: about ``entity`` ('' for any,
    None for those that name none), on ``topic`` ('' for any); farthest from the ``baseline`` sentiment in the direction
    ``sign`` (-1, 1), or for 0 the newest stories."""
    surface = "'' AS surface" if entity is None else "surface"
    return select(
        client,
        f"""
        SELECT document_id, source, kind, published_at, title, text, url, {surface}, label, sentiment, model_version,
               topic, partition, offset, novelty
        FROM ({_told_of(entity)})
        WHERE published_at > %(since)s AND (%(about)s = '' OR has(`topics.name`, %(about)s))
        ORDER BY if(%(sign)s = 0, novelty, (sentiment - %(baseline)s) * %(sign)s) DESC, published_at, document_id
        LIMIT 1 BY document_id
        LIMIT %(limit)s
        """,
        {
            **_counted(since, until, entity or "", None),
            "baseline": baseline,
            "limit": limit,
            "about": topic,
            "sign": sign,
        },
    )


def rising_topics(
    client: Client, entity: str | None, before: datetime, since: datetime, until: datetime, limit: int = 3
) -> list[Row]:
    """The topics whose share of the documents about ``entity`` ('' for any, None for those that name none) rose the
    most, from ``before < published_at <= since`` to ``since < published_at <= until``: ``topic``, both shares and the
    later documents. Of two later documents at least, and by a tenth of all."""
    return select(
        client,
        f"""
        SELECT name AS topic, round(countIf(NOT late) / greatest(any(all_before), 1), 4) AS before,
               round(countIf(late) / any(all_after), 4) AS after, countIf(late) AS documents
        FROM
        (
            SELECT `topics.name` AS names, published_at > %(since)s AS late,
                   countIf(NOT late) OVER () AS all_before, countIf(late) OVER () AS all_after
            FROM ({_told_of(entity)})
            WHERE published_at > %(before)s
        )
        ARRAY JOIN names AS name
        GROUP BY name
        HAVING documents >= 2 AND after >= before + 0.1
        ORDER BY after - before DESC, name
        LIMIT %(limit)s
        """,
        {**_counted(before, until, entity or "", None), "since": since, "before": before, "limit": limit},
    )


def feeds(client: Client, since: datetime) -> list[tuple[str, datetime, int]]:
    """(topic, when its latest document was stored, documents) of the topics with documents stored after ``since``."""
    return client.execute(  # type: ignore[no-any-return]
        """
        SELECT topic, max(ingested_at), toUInt64(count()) FROM record_log
        WHERE ingested_at >= %(since)s AND error_kind = ''
        GROUP BY topic ORDER BY topic
        """,
        {"since": since},
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
    "id", "kind", "entity", "topic", "direction", "severity", "state", "fired_at", "at", "recorded_at", "before_mean",
    "after_mean", "before_documents", "after_documents", "began_at", "model_version", "evidence",
)  # fmt: skip


def write_alerts(client: Client, transitions: Sequence[Row]) -> None:
    """Append alert transitions: dictionaries with the columns of ``alerts``; ``evidence`` is any JSON value."""
    if transitions:
        rows = [
            [
                json.dumps(row["evidence"], default=str) if name == "evidence" else row.get(name, "")
                for name in ALERT_COLUMNS
            ]
            for row in transitions
        ]
        client.execute(f"INSERT INTO alerts ({', '.join(ALERT_COLUMNS)}) VALUES", rows)


def alerts(
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


def acknowledge(client: Client, ids: Sequence[str], by: str, note: str = "", undo: bool = False) -> None:
    """Note that ``by`` looks after the alerts ``ids``, or with ``undo`` that nobody does."""
    action, now = "reopened" if undo else "acknowledged", datetime.now(UTC)
    client.execute(
        "INSERT INTO alert_actions (id, action, by, note, at) VALUES", [(one, action, by, note, now) for one in ids]
    )


def add_silence(
    client: Client, entity: str, kind: str, starts_at: datetime, ends_at: datetime, by: str, note: str = ""
) -> str:
    """Hold back what is sent about ``entity`` ('' for any) of ``kind`` ('' for any); returns the silence's id."""
    identity = uuid.uuid4().hex[:16]
    row = (identity, entity, kind, starts_at, ends_at, by, note, datetime.now(UTC))
    client.execute("INSERT INTO silences (silence_id, entity, kind, starts_at, ends_at, by, note, at) VALUES", [row])
    return identity


def silences(client: Client, at: datetime) -> list[Row]:
    """The silences that hold at ``at``."""
    # A parameter has whole seconds, a silence has thousandths.
    sql = "SELECT * FROM silences FINAL WHERE starts_at < toDateTime(%(at)s, 'UTC') + 1 AND ends_at > %(at)s"
    return select(client, sql, {"at": at})


def due_alerts(client: Client, since: datetime) -> list[Row]:
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


CLAIM_SEEN_S = 0.3
"""After so long a claim is visible to all: inserts of a row take some milliseconds."""


def claim(client: Client, message: str, worker: str, lease_s: float) -> bool:
    """Whether ``worker`` may send ``message``: no other one claimed it in the last ``lease_s`` seconds."""
    parameters = {"message": message, "worker": worker, "lease": lease_s}
    held = "message = %(message)s AND at > now64(6) - toIntervalMillisecond(toUInt32(%(lease)s * 1000))"
    others = client.execute(f"SELECT count() FROM alert_claims WHERE {held} AND worker != %(worker)s", parameters)
    if others[0][0]:
        return False
    renew_claim(client, message, worker)
    # Two that found nobody at the same moment both stand here soon: the earlier one has it. A claim gets its time
    # before others can see it, so who looked at once might not see an earlier one.
    time.sleep(CLAIM_SEEN_S)
    first = client.execute(f"SELECT worker FROM alert_claims WHERE {held} ORDER BY at, worker LIMIT 1", parameters)
    return bool(first) and first[0][0] == worker


def renew_claim(client: Client, message: str, worker: str) -> None:
    """``worker``, which has the claim, keeps it for another lease."""
    client.execute("INSERT INTO alert_claims (message, worker) VALUES", [(message, worker)])


def deliveries(client: Client, since: datetime, outcome: str = "", limit: int = 1000) -> list[Row]:
    """What became of each transition at each receiver, newest first: sent, dead (given up), held (back), again."""
    return select(
        client,
        """
        SELECT at, receiver, id, state, outcome, attempts, error FROM alert_deliveries FINAL
        WHERE at >= %(since)s AND (%(outcome)s = '' OR outcome = %(outcome)s)
        ORDER BY at DESC, receiver, id LIMIT %(limit)s
        """,
        {"since": since, "outcome": outcome, "limit": limit},
    )


def write_deliveries(client: Client, rows: Sequence[tuple[str, str, str, str, int, str]]) -> None:
    """Append outcomes of deliveries: (id, state, receiver, sent|dead|held|again, attempts, error)."""
    now = datetime.now(UTC)
    if rows:
        client.execute(
            "INSERT INTO alert_deliveries (id, state, receiver, outcome, attempts, error, at) VALUES",
            [(*row, now) for row in rows],
        )


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
