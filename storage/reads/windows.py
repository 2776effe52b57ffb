"""Sentiment and topics by company and time window: the series that the shift tests work on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
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
SUMS_AND_TOPICS = f"{SUMS}, (sumMap(`topics.name`, arrayResize([1], length(`topics.name`), 1)) AS counted).1, counted.2"


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


NO_WINDOWS = as_windows([])


def _where(windows: Windows, chosen: np.ndarray) -> Windows:
    return Windows(*(column[chosen] for column in windows))


# What was published until a moment is known at that moment: a window contains its end, not its start.
_COUNTED = """
    SELECT entity, published_at, sentiment, p_negative, `topics.name`
    FROM counted_scores(first = %(since)s, until = %(until)s, known = %(as_of)s, weekly = 0)
    WHERE entity != '' AND (empty(%(entities)s) OR has(%(entities)s, entity))
"""

# The same of hours that are settled, which is what ``counted_scores`` says of them, but ten times as fast for a few.
_SETTLED = """
    SELECT entity, published_at, sentiment, p_negative, `topics.name`
    FROM settled_counts FINAL
    ARRAY JOIN
        entities AS entity, times AS published_at, sentiments AS sentiment, negatives AS p_negative,
        topics AS `topics.name`
    WHERE hour >= %(since)s - INTERVAL 1 HOUR AND hour <= %(until)s AND toUnixTimestamp(hour) IN %(hours)s
        AND published_at > %(since)s AND published_at <= %(until)s
        AND entity != '' AND (empty(%(entities)s) OR has(%(entities)s, entity))
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
"""And how many of them where few rows come of what was worked out before (``settled_counts``)."""

_BY_DAY = """
    SELECT toUnixTimestamp(toStartOfDay(published_at, 'UTC')) AS day, count() FROM record_log
    WHERE published_at > %(since)s AND published_at <= %(until)s
    GROUP BY day ORDER BY day
"""

_HOURS = """
    SELECT toUnixTimestamp(hour), rows, hashes, settled
    FROM index_hours(first = %(since)s, until = %(until)s, known = %(as_of)s)
    ORDER BY hour
"""
_HOUR_S = 3600


class _Piece(NamedTuple):
    """A span ``begin < published_at <= end``, and its hours (Unix seconds) if all of them are settled, else none."""

    begin: datetime
    end: datetime
    hours: list[int]


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
    minutes: np.ndarray
    """int64: when the first minute with documents begins, of each window."""

    topics: Topics
    firsts: Windows
    """The minutes that have the first ``FIRSTS`` documents of each company and day, and maybe some of the next."""

    def where(
        self, chosen: Callable[[np.ndarray], np.ndarray], first: Callable[[np.ndarray], np.ndarray]
    ) -> CoarseWindows:
        """The windows whose beginning is ``chosen``, and those of ``firsts`` by ``first``."""
        here, of_topics, minutes = chosen(self.windows.start), chosen(self.topics[2]), first(self.firsts.start)
        topics: Any = tuple(column[of_topics] for column in self.topics)
        return CoarseWindows(_where(self.windows, here), self.minutes[here], topics, _where(self.firsts, minutes))

    @staticmethod
    def joined(parts: Sequence[CoarseWindows]) -> CoarseWindows:
        """The windows of all parts."""
        return CoarseWindows(
            _joined([NO_WINDOWS, *(part.windows for part in parts)]),
            np.concatenate([np.zeros(0, np.int64), *(part.minutes for part in parts)]),
            _joined_topics([_topics(NO_WINDOWS, [], []), *(part.topics for part in parts)]),
            _joined([NO_WINDOWS, *(part.firsts for part in parts)]),
        )


FIRSTS = 3

_MINUTE_S, _DAY_S = 60, 86400

_MINUTE = "intDiv(toUnixTimestamp64Milli(published_at) - 1, 60000) * 60"

_FIRSTS = f"""
    SELECT entity, {_MINUTE} AS start, {SUMS}
    FROM ({{source}})
    WHERE %(all)s OR {_START} IN %(starts)s
    GROUP BY entity, start
    ORDER BY entity, start
    LIMIT {FIRSTS} BY entity, intDiv(start + {_MINUTE_S}, {_DAY_S})
"""


def coarse_windows(
    client: Client,
    spans: Sequence[tuple[datetime, datetime]],
    width_s: int,
    no_companies: Collection[str] = (),
    held: CoarseWindows | None = None,
) -> CoarseWindows:
    """``sentiment_and_topic_windows`` of all entities and some spans, in far fewer rows where there are many documents.
    The first documents of each company and day are told by the minute, since they count for the market. What is
    ``held`` of other spans, of the same days too, is joined with that."""
    read = [held] if held is not None else []
    sums = f"{SUMS_AND_TOPICS}, min({_MINUTE})"
    parts = [part for since, until in spans for part in _settled_pieces(client, since, until, width_s)]
    for columns in _queries(client, sums, parts, width_s, None, None, no_companies):
        *tone, names, counts, minutes = columns or [[] for _ in range(10)]
        windows = as_windows(tone)
        read.append(CoarseWindows(windows, np.array(minutes, np.int64), _topics(windows, names, counts), NO_WINDOWS))
    found = CoarseWindows.joined(read)
    starts = _with_firsts(found.windows, width_s)
    firsts = [_first_minutes(client, part, width_s, starts) for part in parts]
    return found._replace(firsts=_joined([found.firsts, *firsts]))


def stored_hours(client: Client, since: datetime, until: datetime) -> dict[int, tuple[int, int]]:
    """What is stored of each hour (Unix seconds) from that of ``since`` to that of ``until``, and of the 24 before it.
    As long as that is the same, so is what counts in the hour."""
    rows = client.execute(_HOURS, {"since": since, "until": until, "as_of": ALL_STORED})
    return {hour: (stored, hashes) for hour, stored, hashes, _ in rows}


def market_minutes(client: Client, since: datetime, until: datetime, no_companies: Collection[str] = ()) -> Windows:
    """By the minute what counts for the market: documents that name no company, and the first ``FIRSTS`` of each
    company and day, and maybe some of the next."""
    parts = _settled_pieces(client, since, until, _MINUTE_S)
    unnamed = _queries(client, SUMS, parts, _MINUTE_S, None, None, no_companies, _UNNAMED)
    firsts = (_first_minutes(client, part, _MINUTE_S) for part in parts)
    return _joined([NO_WINDOWS, *map(as_windows, unnamed), *firsts])


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


def _first_minutes(client: Client, part: _Piece, width_s: int, starts: Sequence[int] | None = None) -> Windows:
    """The minutes with the first documents of each company and day, of the windows that begin at ``starts``, or of all
    (None)."""
    hours = part.hours
    if starts is not None:
        since, until = part.begin.timestamp() // width_s * width_s, part.end.timestamp()
        starts = [start for start in starts if since <= start < until]
        if not starts:
            return NO_WINDOWS
        hours = sorted({at // _HOUR_S * _HOUR_S for start in starts for at in (start, start + width_s)} & set(hours))
    columns = client.execute(
        _FIRSTS.format(source=_SETTLED if part.hours else _COUNTED),
        {
            "since": part.begin,
            "until": part.end,
            "as_of": ALL_STORED,
            "entities": [],
            "width": width_s,
            "hours": [0, *hours],
            "all": starts is None,
            "starts": [0, *(starts or ())],
        },
        columnar=True,
    )
    return as_windows(columns)


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
    if entities and as_of is None and _HOUR_S % width_s == 0:
        parts = _settled_pieces(client, since, until, width_s)
    else:
        parts = [_Piece(*span, []) for span in pieces(client, since, until, width_s)]
    return _queries(client, sums, parts, width_s, entities, as_of, no_companies)


def _queries(
    client: Client,
    sums: str,
    parts: Sequence[_Piece],
    width_s: int,
    entities: list[str] | None,
    as_of: datetime | None,
    no_companies: Collection[str],
    source: str = "",
) -> Iterator[Sequence[Sequence[Any]]]:
    """The columns entity, start and ``sums`` of the windows of each piece, of all or of a ``source``."""
    for begin, end, hours in parts:
        yield client.execute(
            f"""
            SELECT entity, {_START} AS start, {sums}
            FROM ({source or f"{_SETTLED if hours else _COUNTED} UNION ALL {_UNNAMED}"})
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
                "hours": [0, *hours],
            },
            columnar=True,
        )


def _settled_pieces(client: Client, since: datetime, until: datetime, width_s: int) -> list[_Piece]:
    """As ``pieces``, for a query with few rows and windows that divide an hour. Those of settled hours are apart."""
    rows = client.execute(_HOURS, {"since": since, "until": until, "as_of": ALL_STORED})
    unsettled = [hour for hour, *_, settled in rows if not settled]
    if not rows or not unsettled:
        return _long_pieces(rows, since, until)
    # What was published at the very beginning of an hour is in the window before.
    first = datetime.fromtimestamp(max(unsettled[0] - width_s, 0), UTC)
    last = datetime.fromtimestamp(unsettled[-1] + _HOUR_S, UTC)
    found = _long_pieces(rows, since, first) if first > since else []
    found += [_Piece(*span, []) for span in pieces(client, max(first, since), min(last, until), width_s)]
    return found + (_long_pieces(rows, last, until) if last < until else [])


def _long_pieces(rows: Sequence[tuple[int, int, int, int]], since: datetime, until: datetime) -> list[_Piece]:
    """A span of settled hours in pieces that end with an hour."""
    ends, held = [since], 0.0
    here = [(hour, stored) for hour, stored, *_ in rows if since.timestamp() - _HOUR_S < hour <= until.timestamp()]
    for hour, stored in here:
        # Of each hour the number of rows is told together with those of the 24 before it.
        if held > SETTLED_AT_ONCE and since.timestamp() < hour < until.timestamp():
            ends.append(datetime.fromtimestamp(hour, UTC))
            held = 0.0
        held += stored / 25
    spans = zip(ends, [*ends[1:], until], strict=True)
    # What was published when the last hour of a piece is over is in the next hour.
    return [
        _Piece(begin, end, [hour for hour, _ in here if begin.timestamp() - _HOUR_S < hour <= end.timestamp()])
        for begin, end in spans
    ]


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
