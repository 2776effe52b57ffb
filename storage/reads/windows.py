"""Sentiment and topics by company and time window: the series that the shift tests work on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
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

# And each topic with its number of documents.
SUMS_AND_TOPICS = (
    f"{SUMS}, (sumMap(`topics.name`, arrayResize([1], length(`topics.name`), 1)) AS counted).1, counted.2"
)


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

SETTLED_AT_ONCE = 8_000_000
"""And how many of them where few rows come of what was worked out before (``settled_hours``)."""

_BY_DAY = """
    SELECT toUnixTimestamp(toStartOfDay(published_at, 'UTC')) AS day, count() FROM record_log
    WHERE published_at > %(since)s AND published_at <= %(until)s
    GROUP BY day ORDER BY day
"""

_UNSETTLED = """
    SELECT DISTINCT toUnixTimestamp(toStartOfDay(hour, 'UTC'))
    FROM index_hours(first = %(since)s, until = %(until)s, known = %(as_of)s)
    WHERE NOT settled
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
    """``sentiment_windows``, and for each topic of the documents about a company one element in four parallel arrays:
    entity, topic, the window's start, and how many. The table is read once for both. A document that names only
    ``no_companies`` counts for the entity '', too."""
    read, found = [], []
    for columns in _query(client, SUMS_AND_TOPICS, since, until, width_s, entities, None, no_companies):
        *tone, names, counts = columns or [[] for _ in range(9)]
        windows = as_windows(tone)
        read.append(windows)
        found.append(_topics(windows, names, counts))
    return _joined(read), _joined_topics(found)


class CoarseWindows(NamedTuple):
    """Windows longer than a minute, and what must be known of the minutes in them."""

    windows: Windows
    topics: Topics
    firsts: Windows
    """The minutes that have the first ``FIRSTS`` documents of each company and day, and maybe some of the next."""

    begin: int
    """When the first minute with documents begins, in Unix seconds; 0 without any."""


FIRSTS = 3

_MINUTE_S, _DAY_S = 60, 86400

_MINUTE = "intDiv(toUnixTimestamp64Milli(published_at) - 1, 60000) * 60"

_FIRSTS = f"""
    SELECT entity, {_MINUTE} AS start, {SUMS}
    FROM ({_COUNTED})
    WHERE {_START} IN %(starts)s
    GROUP BY entity, start
    ORDER BY entity, start
    LIMIT {FIRSTS} BY entity, intDiv(start + {_MINUTE_S}, {_DAY_S})
"""


def coarse_windows(
    client: Client, since: datetime, until: datetime, width_s: int, no_companies: Collection[str] = ()
) -> CoarseWindows:
    """``sentiment_and_topic_windows`` of all entities, in far fewer rows where there are many documents. The first
    documents of each company and day are told by the minute, since they count for the market."""
    read, found, firsts, begins = [], [], [], []
    sums = f"{SUMS_AND_TOPICS}, min({_MINUTE})"
    spans = pieces(client, since, until, width_s, coarse=True)
    for span, columns in zip(spans, _queries(client, sums, spans, width_s, None, None, no_companies), strict=True):
        *tone, names, counts, minutes = columns or [[] for _ in range(10)]
        windows = as_windows(tone)
        read.append(windows)
        found.append(_topics(windows, names, counts))
        begins += [min(minutes)] if minutes else []
        firsts.append(_first_minutes(client, *span, width_s, _with_firsts(windows, width_s)))
    return CoarseWindows(_joined(read), _joined_topics(found), _joined(firsts), min(begins, default=0))


def market_minutes(client: Client, since: datetime, until: datetime, no_companies: Collection[str] = ()) -> Windows:
    """By the minute what counts for the market: documents that name no company, and the first ``FIRSTS`` of each
    company and day, and maybe some of the next."""
    spans = pieces(client, since, until, _MINUTE_S)
    unnamed = _queries(client, SUMS, spans, _MINUTE_S, None, None, no_companies, f"({_UNNAMED})")
    firsts = (_first_minutes(client, *span, _MINUTE_S, None) for span in spans)
    return _joined([*map(as_windows, unnamed), *firsts])


def _with_firsts(windows: Windows, width_s: int) -> list[int]:
    """When the windows begin that may have first documents of a company and day."""
    named = np.flatnonzero(windows.entity != "")
    if not len(named):
        return []
    _, entity = np.unique(windows.entity[named].astype(str), return_inverse=True)
    start, documents = windows.start[named], windows.documents[named]
    order = np.lexsort((start, entity))
    entity, start, documents = entity[order], start[order], documents[order]
    day = start // _DAY_S
    new = np.r_[True, (entity[1:] != entity[:-1]) | (day[1:] != day[:-1])]
    before = documents.cumsum() - documents
    before -= np.repeat(before[new], np.diff(np.r_[np.flatnonzero(new), len(before)]))
    # The minute that ends a day belongs to the next one, in which it may be the first.
    last = start + width_s >= (day + 1) * _DAY_S
    return [int(one) for one in np.unique(start[(before < FIRSTS) | last])]


def _first_minutes(
    client: Client, since: datetime, until: datetime, width_s: int, starts: Sequence[int] | None
) -> Windows:
    """The minutes with the first documents of each company and day, of the windows that begin at ``starts``, or of all
    (None)."""
    if starts is not None and not starts:
        return as_windows([])
    query = _FIRSTS if starts is not None else _FIRSTS.replace(f"WHERE {_START} IN %(starts)s", "")
    values = {"since": since, "until": until, "as_of": ALL_STORED, "entities": [], "width": width_s}
    return as_windows(client.execute(query, {**values, "starts": starts}, columnar=True))


def _topics(windows: Windows, names: Sequence[Sequence[str]], counts: Sequence[Sequence[int]]) -> Topics:
    """The topics of each window of a company, as parallel arrays."""
    many = np.fromiter(map(len, names), np.int64, len(names))
    of_company = np.repeat(windows.entity != "", many)
    topic = np.array(list(chain.from_iterable(names)), dtype=object)
    count = np.array(list(chain.from_iterable(counts)), np.int64)
    columns = np.repeat(windows.entity, many), topic, np.repeat(windows.start, many), count
    return tuple(column[of_company] for column in columns)  # type: ignore[return-value]


def _joined_topics(found: Sequence[Topics]) -> Topics:
    return tuple(np.concatenate(columns) for columns in zip(*found, strict=True))  # type: ignore[return-value]


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
    spans = pieces(client, since, until, width_s)
    return _queries(client, sums, spans, width_s, entities, as_of, no_companies)


def _queries(
    client: Client,
    sums: str,
    spans: Sequence[tuple[datetime, datetime]],
    width_s: int,
    entities: list[str] | None,
    as_of: datetime | None,
    no_companies: Collection[str],
    source: str = f"({_COUNTED} UNION ALL {_UNNAMED})",
) -> Iterator[Sequence[Sequence[Any]]]:
    """The columns entity, start and ``sums`` of the windows of each span."""
    for begin, end in spans:
        yield client.execute(
            f"""
            SELECT entity, {_START} AS start, {sums}
            FROM {source}
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


def pieces(
    client: Client, since: datetime, until: datetime, width_s: int, coarse: bool = False
) -> list[tuple[datetime, datetime]]:
    """``since`` to ``until`` in pieces of whole windows. What counts in a piece does not depend on the others, since
    each is read with the day before it (``FIRST``). The pieces are longer for ``coarse`` windows of settled days."""
    ends, held = [since], 0.0
    if until - since > 2 * SAME_STORY:
        span = {"since": since, "until": until, "as_of": ALL_STORED}
        unsettled = {day for (day,) in client.execute(_UNSETTLED, span)} if coarse else set()
        for day, documents in client.execute(_BY_DAY, span):
            whole = not coarse or day in unsettled
            size = documents / (1 if whole else SETTLED_AT_ONCE / AT_ONCE)
            end = datetime.fromtimestamp(day // width_s * width_s, UTC)
            if held and held + size > AT_ONCE and end > ends[-1]:
                ends.append(end)
                held = 0
            held += size
    return list(zip(ends, [*ends[1:], until], strict=True))
