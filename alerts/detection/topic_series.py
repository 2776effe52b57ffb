"""The shares of topics as series that the shift test reads like tones."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from alerts.detection.series import Look, Series, entity_and_topic, series_name
from alerts.detection.window_sums import Sums, WindowSums


class TopicSeries(Series):
    """The shares of topics in the documents of each company.

    The series of an entity and a topic (see ``series_name``) holds the entity's documents; in place of the sentiment
    it has 1 for a document with the topic and 0 for the others. The prior is the topic's share in the documents of all
    companies.

    ``topics`` are the arrays (entity, topic, start, documents) of ``storage.reads.sentiment_and_topic_windows``, over
    the same time as the last part of ``tone``, and with windows as long. ``earlier`` holds the time before. ``look``
    is that of ``Series``, and its values are [windows, 1]: documents with the topic.
    """

    def __init__(
        self,
        tone: Series,
        topics: tuple[np.ndarray, ...],
        earlier: TopicSeries | None = None,
        look: Look | None = None,
    ) -> None:
        self._tone, self.width_s, self._look = tone, tone.width_s, look
        entity, topic, start, count = topics
        self._index = dict(earlier._index) if earlier else {}
        names = self._index
        rows = np.fromiter(
            (
                names.setdefault(series_name(e, t), len(names))
                for e, t in zip(entity.tolist(), topic.tolist(), strict=True)
            ),
            np.int64,
            len(start),
        )
        fresh = list(names)[len(earlier.entities) if earlier else 0 :]
        owners = [entity_and_topic(name) for name in fresh]
        self._of: dict[str, int] = dict(earlier._of) if earlier else {}
        every = [self._of.setdefault(t, len(self._of)) for _, t in owners]
        self._owner = np.array([tone.index(e) or 0 for e, _ in owners], np.int64)
        self._topic = np.array(every, np.int64)
        if earlier:
            self._owner = np.concatenate([earlier._owner, self._owner])
            self._topic = np.concatenate([earlier._topic, self._topic])
        ends, values = (start + tone.width_s).astype(np.int64), count.astype(float)[:, None]
        self.entities = np.array(list(names), dtype=str)
        self._parts = (*(earlier._parts if earlier else ()), WindowSums(rows, ends, values))
        # For the prior: the documents of each topic over all companies, and all documents of companies.
        self._all: tuple[WindowSums, ...] = (
            *(earlier._all if earlier else ()),
            WindowSums(self._topic[rows], ends, values),
        )
        last = tone._parts[-1]
        named = ~tone.is_market(last.row)
        everyone = np.zeros(int(named.sum()), np.int64)
        documents = WindowSums(everyone, last.end[named], last.values()[named, :1])
        self._documents: tuple[WindowSums, ...] = (*(earlier._documents if earlier else ()), documents)
        self.begin = tone.begin

    def is_market(self, i: np.ndarray | int) -> np.ndarray:
        """Never: the market has no shares of topics."""
        return np.zeros(np.shape(i), bool)

    def indices(self, entities: Iterable[str]) -> list[int]:
        """The indices of all series that documents about ``entities`` change."""
        return [int(i) for i in np.flatnonzero(np.isin(self._owner, [i for i in self._tone.indices(entities) if i]))]

    def between(self, i: np.ndarray | int, first: np.ndarray | int, last: np.ndarray | int) -> Sums:
        """Sums over ``first < time <= last`` (Unix seconds) of the series ``i``; all three broadcast."""
        documents = self._tone.between(self._owner[i], first, last).documents
        total = self._sums(i, first, last)[..., 0]
        return Sums(documents, total, total, np.zeros_like(total), np.zeros_like(total))

    def pooled(self, i: np.ndarray, first: np.ndarray | int, last: np.ndarray | int) -> Sums:
        """Sums over all companies of the topic of each of the series ``i``, which serve as its prior."""
        documents = sum(part.between(0, first, last) for part in self._documents)[..., 0]  # type: ignore[index]
        total = sum(part.between(self._topic[i], first, last) for part in self._all)[..., 0]  # type: ignore[index]
        return Sums(documents + np.zeros_like(total), total, total, np.zeros_like(total), np.zeros_like(total))

    def within(self, i: int, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """The ends of the windows of one series in ``first < end <= last``, and their values [windows, Sums]."""
        ends, values = self._tone.within(int(self._owner[i]), first, last)
        own, counts = Series.within(self, i, first, last)
        total = np.zeros(len(ends))
        np.add.at(total, np.searchsorted(ends, own), counts[:, 0])
        nothing = np.zeros(len(ends))
        return ends, np.stack([values[:, 0], total, total, nothing, nothing], axis=1)

    def moments(self, after: int, until: int, tick_s: int) -> tuple[np.ndarray, np.ndarray]:
        """(series, tick) as two int64 arrays: the ticks in ``(after, until]`` at which the entity of a series has new
        documents."""
        entity, at = self._tone.moments(after, until, tick_s)
        order = np.argsort(self._owner, kind="stable")
        owners = self._owner[order]
        first, last = np.searchsorted(owners, entity, "left"), np.searchsorted(owners, entity, "right")
        count = last - first
        place = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count) + np.repeat(first, count)
        return order[place], np.repeat(at, count)
