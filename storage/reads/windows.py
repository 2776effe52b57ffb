"""Sentiment and topics by company and time window: the series that the shift tests work on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from clickhouse_driver import Client

from storage.reads.counting import FIRST, SAME_STORY, counted, counted_parameters, previous_times


class Windows(NamedTuple):
    """Sentiment by entity and window, as parallel arrays with one element for each entity and window."""

    entity: np.ndarray
    """str: the ticker; '' for documents that name no company."""

    start: np.ndarray
    """int64: the window's beginning, in Unix seconds."""

    documents: np.ndarray
    """int64: how many documents count in the window."""

    total: np.ndarray
    """float64: sum of the documents' sentiment."""

    squares: np.ndarray
    """float64: sum of its squares."""

    negative: np.ndarray
    """float64: sum of the probabilities that a document is negative."""

    negative_squares: np.ndarray
    """float64: sum of their squares."""


# The columns ``documents`` to ``negative_squares`` of ``Windows``.
SUMS = "count(), sum(sentiment), sum(sentiment * sentiment), sum(p_negative), sum(p_negative * p_negative)"


def windows(
    client: Client, since: datetime, until: datetime, width_s: int, entity: str = "", as_of: datetime | None = None
) -> Windows:
    """Windows of ``width_s`` seconds over ``since <= published_at < until``, of one entity, or of all ('').

    They are for people to look at: a window contains its start, not its end. With ``as_of``, only what had been stored
    by then counts.
    """
    columns = client.execute(
        f"""
        SELECT entity, toUnixTimestamp(toStartOfInterval(published_at, INTERVAL %(width)s SECOND)) AS start,
               {SUMS}
        FROM ({counted()})
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


# What was published until a moment is known at that moment: a window contains its end, not its start.
_COUNTED = """
    SELECT entity, published_at, sentiment, p_negative, `topics.name`
    FROM counted_scores(first = %(since)s, until = %(until)s, known = %(as_of)s, weekly = 0)
    WHERE entity != '' AND (empty(%(entities)s) OR has(%(entities)s, entity))
"""

_UNNAMED = f"""
    SELECT '' AS entity, published_at, sentiment, p_negative, `topics.name`
    FROM
    (
        SELECT published_at, sentiment, p_negative, `topics.name`, {previous_times()}
        FROM documents
        WHERE published_at > %(lookback)s AND published_at <= %(until)s AND ingested_at <= %(as_of)s
            AND hasAll(%(no_companies)s, mentions.entity) AND unscored = '' AND empty(%(entities)s)
    )
    WHERE {FIRST} AND published_at > %(since)s
"""

ALL_STORED = datetime(2200, 1, 1, tzinfo=UTC)
"""Nothing was stored after that."""

AT_ONCE = 1_000_000
"""How many documents are read at once, to bound the memory here and there; the documents of a day always are."""

_BY_DAY = """
    SELECT toUnixTimestamp(toStartOfDay(published_at, 'UTC')) AS day, count() FROM record_log
    WHERE published_at > %(since)s AND published_at <= %(until)s
    GROUP BY day ORDER BY day
"""

_START = "intDiv(toUnixTimestamp64Milli(published_at) - 1, 1000 * %(width)s) * %(width)s"


Topics = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Entity, topic, start (Unix seconds), count: parallel arrays."""


def sentiment_windows(
    client: Client,
    since: datetime,
    until: datetime,
    width_s: int = 60,
    entities: list[str] | None = None,
    as_of: datetime | None = None,
) -> Windows:
    """Windows of ``width_s`` seconds over ``since < published_at <= until``, of ``entities``, or of all (None).

    They are for the shift tests: a window contains its end, not its start. Of all, the entity '' stands for documents
    that name no company, such as news of the whole market. With ``as_of``, only what had been stored by then counts.
    """
    return _joined([as_windows(tone) for tone in _query(client, SUMS, since, until, width_s, entities, as_of)])


def sentiment_and_topic_windows(
    client: Client,
    since: datetime,
    until: datetime,
    width_s: int = 60,
    entities: list[str] | None = None,
    no_companies: Collection[str] = (),
) -> tuple[Windows, Topics]:
    """``sentiment_windows``, and for each topic of each document about a company one element in four parallel arrays:
    entity, topic, the window's start, and 1. The table is read once for both. A document that names only
    ``no_companies`` counts for the entity '', too."""
    read, found = [], []
    sums = f"{SUMS}, groupArrayArray(`topics.name`)"
    for columns in _query(client, sums, since, until, width_s, entities, None, no_companies):
        *tone, topics = columns or [[] for _ in range(8)]
        windows = as_windows(tone)
        count = np.fromiter(map(len, topics), np.int64, len(topics)) * (windows.entity != "")
        names = [name for n, held in zip(count.tolist(), topics, strict=True) if n for name in held]
        read.append(windows)
        found.append((np.repeat(windows.entity, count), np.array(names, dtype=object), np.repeat(windows.start, count)))
    entity, topic, start = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return _joined(read), (entity, topic, start, np.ones(len(start), np.int64))


def _joined(read: Sequence[Windows]) -> Windows:
    return Windows(*(np.concatenate(columns) for columns in zip(*read, strict=True)))


def _query(
    client: Client,
    sums: str,
    since: datetime,
    until: datetime,
    width_s: int,
    entities: list[str] | None,
    as_of: datetime | None,
    no_companies: Collection[str] = (),
) -> Iterator[Sequence[Sequence[Any]]]:
    """The columns entity, start and ``sums`` of the windows, one piece of time after the other."""
    for begin, end in pieces(client, since, until, width_s):
        yield client.execute(
            f"""
            SELECT entity, {_START} AS start, {sums}
            FROM ({_COUNTED} UNION ALL {_UNNAMED})
            GROUP BY entity, start
            """,
            {
                "lookback": begin - SAME_STORY,
                "since": begin,
                "until": end,
                "as_of": as_of or ALL_STORED,
                "width": width_s,
                "entities": list(entities or []),
                "no_companies": ["", *no_companies],
            },
            columnar=True,
        )


def pieces(client: Client, since: datetime, until: datetime, width_s: int) -> list[tuple[datetime, datetime]]:
    """``since`` to ``until`` in pieces of whole windows. What counts in a piece does not depend on the others, since
    each is read with the day before it (``FIRST``)."""
    ends, held = [since], 0
    if until - since > 2 * SAME_STORY:
        for day, documents in client.execute(_BY_DAY, {"since": since, "until": until}):
            end = datetime.fromtimestamp(day // width_s * width_s, UTC)
            if held and held + documents > AT_ONCE and end > ends[-1]:
                ends.append(end)
                held = 0
            held += documents
    return list(zip(ends, [*ends[1:], until], strict=True))
