"""Sentiment and topics by company and time window: the series that the shift tests work on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from clickhouse_driver import Client

from storage.reads.counting import COPIES, COUNTED, NO_COPY, SAME_STORY, counted_parameters, previous_time
from storage.rows import Row


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
        {**counted_parameters(since, until, entity, as_of), "width": width_s},
        columnar=True,
    )
    return as_windows(columns)


def as_windows(columns: Sequence[Sequence[Any]]) -> Windows:
    """The columns of a query (entity, start, ``SUMS``) as arrays."""
    entity, start, documents, *sums = columns or [[]] * len(Windows._fields)
    whole = (np.array(column, np.int64) for column in (start, documents))
    return Windows(np.array(entity, dtype=object), *whole, *(np.array(column, np.float64) for column in sums))


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
        SELECT {_FIELDS}, {previous_time("story_id")} AS story_before,
               {previous_time("source", "document_id")} AS document_before
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


Topics = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def sentiment_windows(
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
    return as_windows(_read(client, SUMS, _parameters(since, until, width_s, entities, as_of)))


def sentiment_and_topic_windows(
    client: Client, since: datetime, until: datetime, width_s: int = 60, entities: list[str] | None = None
) -> tuple[Windows, Topics]:
    """``tone_windows``, and (entity, topic, start, 1) for each topic of each document about a company; both at the
    cost of one reading."""
    columns = _read(
        client, f"{SUMS}, groupArrayArray(`topics.name`)", _parameters(since, until, width_s, entities, None)
    )
    *tone, topics = columns or [[] for _ in range(8)]
    windows = as_windows(tone)
    count = np.fromiter(map(len, topics), np.int64, len(topics)) * (windows.entity != "")
    names = [name for n, held in zip(count.tolist(), topics, strict=True) if n for name in held]
    return windows, (
        np.repeat(windows.entity, count),
        np.array(names, dtype=object),
        np.repeat(windows.start, count),
        np.ones(len(names), np.int64),
    )


def _read(client: Client, sums: str, parameters: Row) -> Sequence[Sequence[Any]]:
    found: Sequence[Sequence[Any]] = client.execute(
        f"""
        SELECT entity, {_START} AS start, {sums}
        FROM ({_COUNTED} UNION ALL {_UNNAMED})
        WHERE published_at > %(since)s
        GROUP BY entity, start
        """,
        parameters,
        columnar=True,
    )
    return found
