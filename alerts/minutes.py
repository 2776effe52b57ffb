"""The windows of a minute of single series, which are read when a test needs them, and kept for one evaluation."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
from clickhouse_driver import Client

from alerts.detection import MARKET, NEWS_OF_NO_COMPANY, WINDOW_S, Series, entity_and_topic
from alerts.transition import event_time
from storage.reads import Topics, Windows, market_minutes, sentiment_and_topic_windows

HOUR, DAY = 3600, 86400

Part = tuple[Windows, Topics]


class Minutes:
    """The minutes of ``(since, until]`` (Unix seconds). Nothing is read before it is asked for, and nothing twice:
    of companies, hours are kept, and of the market days, since the first documents of a day count for it."""

    def __init__(self, client: Client, since: int, until: int, no_companies: Collection[str] = ()) -> None:
        self._client, self._since, self._until, self._no_companies = client, since, until, no_companies
        self._parts: dict[tuple[str, int], Part] = {}
        self._made: dict[tuple[str, int, int], tuple[Series, Topics]] = {}

    def of_tone(self, name: str, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """The windows of a company or of the market: a ``Look``."""
        series, _ = self._series(MARKET if name == NEWS_OF_NO_COMPANY else name, first, last)
        i = series.index(name)
        return series.within(i, first, last) if i is not None else (np.zeros(0, np.int64), np.zeros((0, 5)))

    def of_topic(self, name: str, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """The windows of a topic of a company: a ``Look`` with the number of documents as the only value."""
        entity, topic = entity_and_topic(name)
        _, (_, topics, start, count) = self._series(entity, first, last)
        here = (topics == topic) & (start + WINDOW_S > first) & (start + WINDOW_S <= last)
        order = np.argsort(start[here], kind="stable")
        return start[here][order] + WINDOW_S, count[here][order].astype(float)[:, None]

    def expect(self, moments: Iterable[tuple[str, str, int]], width_s: int) -> None:
        """Read at once what will be asked of these entities and topics: the windows of ``width_s`` seconds at each
        moment, up to it."""
        asked = [(entity, topic, at) for entity, topic, at in moments if at % width_s]
        companies = [(entity, at) for entity, _, at in asked if entity != MARKET]
        if companies:
            hours = [hour for _, at in companies for hour in _places(at - at % width_s, at, HOUR)]
            self._read(sorted({entity for entity, _ in companies}), min(hours), max(hours))
        for entity, _, at in asked:
            if entity == MARKET:
                self._series(MARKET, at - at % width_s, at)

    def _series(self, entity: str, first: int, last: int) -> tuple[Series, Topics]:
        """What is known of one entity between two times, or somewhat more."""
        places = _places(first, last, _unit(entity))
        if not places:
            places = range(0, 1)
        key = entity, places[0], places[-1]
        if key not in self._made:
            missing = [place for place in places if (entity, place) not in self._parts]
            if missing:
                self._read([entity], missing[0], missing[-1])
            parts = [self._parts[entity, place] for place in places]
            windows = Windows(*(np.concatenate(columns) for columns in zip(*(one for one, _ in parts), strict=True)))
            topics = tuple(np.concatenate(columns) for columns in zip(*(one for _, one in parts), strict=True))
            self._made[key] = Series(windows, None, self._no_companies), topics  # type: ignore[assignment]
        return self._made[key]

    def _read(self, entities: list[str], first: int, last: int) -> None:
        """Read the hours ``first`` to ``last`` of companies, or these days of the market."""
        unit, others = _unit(entities[0]), self._no_companies
        since = max(first * unit - WINDOW_S, self._since)
        until = max(min((last + 1) * unit - WINDOW_S, self._until), since)
        span = event_time(since), event_time(until)
        if entities == [MARKET]:
            windows = market_minutes(self._client, *span, others)
            nothing = np.zeros(0, object), np.zeros(0, object), np.zeros(0, np.int64), np.zeros(0, np.int64)
            read: dict[str, Part] = {MARKET: (windows, nothing)}
        else:
            windows, topics = sentiment_and_topic_windows(self._client, *span, WINDOW_S, entities)
            read = {one: _part(windows, topics, windows.entity == one, topics[0] == one) for one in entities}
        for entity, (windows, topics) in read.items():
            of_windows, of_topics = ((start + WINDOW_S) // unit for start in (windows.start, topics[2]))
            for place in range(first, last + 1):
                self._parts[entity, place] = _part(windows, topics, of_windows == place, of_topics == place)


def _unit(entity: str) -> int:
    return DAY if entity == MARKET else HOUR


def _places(first: int, last: int, unit: int) -> range:
    """Which hours or days have windows that end after ``first`` and not after ``last``."""
    return range((first // WINDOW_S + 1) * WINDOW_S // unit, last // unit + 1)


def _part(windows: Windows, topics: Topics, of_windows: np.ndarray, of_topics: np.ndarray) -> Part:
    """The chosen windows and topics."""
    entity, topic, start, count = (column[of_topics] for column in topics)
    return Windows(*(column[of_windows] for column in windows)), (entity, topic, start, count)
