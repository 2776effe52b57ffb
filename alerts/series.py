"""What was said when, as sums that any span can be read from: the tone of entities, and the shares of their topics.

Pure functions over numpy arrays; knows neither Kafka nor ClickHouse.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from storage.reads import Windows

WINDOW_S = 60
MARKET = "*"
"""The entity that stands for all companies together."""

NAMES_TOPIC = "\x1f"
"""Between the entity and the topic in the name of a series."""

NO_COMPANY = "no company"
"""The market's second series: news that names no company, such as of interest rates or of a pandemic."""

NEWS_OF_NO_COMPANY = f"{MARKET}{NAMES_TOPIC}{NO_COMPANY}"

MARKET_DOCUMENTS = 3
"""Of each company, so many documents a day count for the market: one company's crisis is not the market's."""

_ENTITY = 2**34  # greater than any time in seconds: one number holds an entity and a time


class Sums(NamedTuple):
    """Float arrays [pairs]: how many documents, the sums of their sentiment and of its square, and of their
    probability of being negative and its square."""

    documents: np.ndarray
    total: np.ndarray
    squares: np.ndarray
    negative: np.ndarray
    negative_squares: np.ndarray


class _Part:
    """Windows of some time as cumulative sums, sorted by series (``row``) and end."""

    def __init__(self, row: np.ndarray, end: np.ndarray, values: np.ndarray) -> None:
        key = row * _ENTITY + end
        order = np.argsort(key, kind="stable")
        self._key, self.row, self.end = key[order], row[order], end[order]
        self._sums = np.concatenate([np.zeros((1, values.shape[1])), values[order].cumsum(axis=0)])

    def values(self) -> np.ndarray:
        """[windows, columns]."""
        return np.diff(self._sums, axis=0)

    def place(self, i: np.ndarray | int, at: np.ndarray | int) -> np.ndarray:
        """The number of windows, of all series before ``i`` and of ``i``, that end at or before ``at``."""
        return np.searchsorted(self._key, np.asarray(i) * _ENTITY + np.maximum(at, 0), side="right")

    def between(self, i: np.ndarray | int, first: np.ndarray | int, last: np.ndarray | int) -> np.ndarray:
        """The sums [..., columns] over ``first < end <= last``."""
        found: np.ndarray = self._sums[self.place(i, last)] - self._sums[self.place(i, first)]
        return found

    def within(self, i: int, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """The ends of one series' windows in ``first < end <= last``, and their values [windows, columns]."""
        here = slice(int(self.place(i, first)), int(self.place(i, last)))
        return self.end[here], np.diff(self._sums[here.start : here.stop + 1], axis=0)


class Series:
    """Windows of many entities as cumulative sums: any span of any entity costs two binary searches, and neither
    empty windows nor older history cost anything.

    ``entities`` [n] str: ``MARKET`` first, among the others ``NEWS_OF_NO_COMPANY`` (entity '' of the windows). The
    market is what names no company and the first documents of each company. A window ``start`` holds the documents with
    ``start < published_at <= start + WINDOW_S``, so that at a moment everything published until then is known.

    With ``earlier``, what that series holds comes before ``windows``, and its work is not done again: all ``windows``
    end later, the first of them at ``day_begins`` or after.
    """

    def __init__(self, windows: Windows, earlier: Series | None = None) -> None:
        self._index: dict[str, int] = dict(earlier._index) if earlier else {MARKET: 0}
        names = self._index
        rows = np.fromiter(
            (names.setdefault(name or NEWS_OF_NO_COMPANY, len(names)) for name in windows.entity.tolist()),
            np.int64,
            len(windows.start),
        )
        ends = (windows.start + WINDOW_S).astype(np.int64)
        values = np.stack(windows[2:], axis=1).astype(float)
        order = np.argsort(rows * _ENTITY + ends, kind="stable")
        rows, ends, values = rows[order], ends[order], values[order]
        self._no_company = names.get(NEWS_OF_NO_COMPANY, -1)
        share = _first_of_day(rows, ends, values[:, 0])
        share[rows == self._no_company] = 1
        counted = np.flatnonzero(share > 0)
        part = _Part(
            np.concatenate([np.zeros(len(counted), np.int64), rows]),
            np.concatenate([ends[counted], ends]),
            np.concatenate([values[counted] * share[counted, None], values]),
        )
        self.entities = np.array(list(names))
        self._parts: tuple[_Part, ...] = (*(earlier._parts if earlier else ()), part)
        begins = [int(part.end.min()) for part in self._parts if len(part.end)]
        self.begin = min(begins) if begins else 0

    def __len__(self) -> int:
        return len(self.entities)

    def is_market(self, i: np.ndarray | int) -> np.ndarray:
        """Whether each of the entities ``i`` is no company but the market, or the news of no company."""
        return (np.asarray(i) == 0) | (np.asarray(i) == self._no_company)

    def index(self, entity: str) -> int | None:
        """Where ``entity`` stands in ``entities``."""
        return self._index.get(entity)

    def indices(self, entities: Iterable[str]) -> list[int]:
        """The places of all that a document about ``entities`` ('' where it names none) changes."""
        own = [i for name in entities if (i := self._index.get(name or NEWS_OF_NO_COMPANY)) is not None]
        return sorted({0, *own}) if own else []

    def between(self, i: np.ndarray | int, first: np.ndarray | int, last: np.ndarray | int) -> Sums:
        """Sums over ``first < time <= last`` (Unix seconds) of the entities ``i``; all three broadcast."""
        found = sum(part.between(i, first, last) for part in self._parts)
        return Sums(*(found[..., column] for column in range(5)))  # type: ignore[index]

    def windows(self, i: np.ndarray | int, first: np.ndarray | int, last: np.ndarray | int) -> np.ndarray:
        """How many windows with documents there are in ``first < time <= last``."""
        return np.sum([part.place(i, last) - part.place(i, first) for part in self._parts], axis=0)

    def pooled(self, i: np.ndarray, first: np.ndarray | int, last: np.ndarray | int) -> Sums:
        """Sums over all companies together: what the past of each of the entities ``i`` is combined with."""
        return self.between(0, first, last)

    def within(self, i: int, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """The ends of one entity's windows in ``first < end <= last``, and their values [windows, columns of Sums]."""
        found = [part.within(i, first, last) for part in self._parts]
        return np.concatenate([ends for ends, _ in found]), np.concatenate([values for _, values in found])

    def moments(self, after: int, until: int, tick_s: int) -> tuple[np.ndarray, np.ndarray]:
        """(entity, tick) int64 arrays: the ticks in ``(after, until]`` at which an entity has something new."""
        found = []
        for part in self._parts:
            here = (part.end > after - tick_s) & (part.end <= until)
            found.append(part.row[here] * _ENTITY + -(-part.end[here] // tick_s) * tick_s)
        pairs = np.unique(np.concatenate(found))
        entity, at = pairs // _ENTITY, pairs % _ENTITY
        kept = (at > after) & (at <= until)
        return entity[kept], at[kept]


class Topics(Series):
    """The shares of topics in the documents of each entity: a series, named ``entity NAMES_TOPIC topic``, holds the
    entity's documents, and as their sentiment 1 where a document has the topic and 0 elsewhere.

    ``topics`` are (entity, topic, start, documents), as ``storage.tone_and_topics`` gives them, of the same time as the
    last part of ``tone``; with ``earlier``, that holds what came before. What past shares are pooled with is the
    topic's share among all companies' documents.
    """

    def __init__(self, tone: Series, topics: tuple[np.ndarray, ...], earlier: Topics | None = None) -> None:
        self._tone = tone
        entity, topic, start, count = topics
        self._index = dict(earlier._index) if earlier else {}
        names = self._index
        rows = np.fromiter(
            (
                names.setdefault(f"{e}{NAMES_TOPIC}{t}", len(names))
                for e, t in zip(entity.tolist(), topic.tolist(), strict=True)
            ),
            np.int64,
            len(start),
        )
        fresh = list(names)[len(earlier.entities) if earlier else 0 :]
        owners = [name.partition(NAMES_TOPIC) for name in fresh]
        self._of: dict[str, int] = dict(earlier._of) if earlier else {}
        every = [self._of.setdefault(t, len(self._of)) for _, _, t in owners]
        self._owner = np.array([tone.index(e) or 0 for e, _, _ in owners], np.int64)
        self._topic = np.array(every, np.int64)
        if earlier:
            self._owner = np.concatenate([earlier._owner, self._owner])
            self._topic = np.concatenate([earlier._topic, self._topic])
        ends, values = (start + WINDOW_S).astype(np.int64), count.astype(float)[:, None]
        self.entities = np.array(list(names), dtype=str)
        self._parts = (*(earlier._parts if earlier else ()), _Part(rows, ends, values))
        # By topic over all companies, and the documents of all companies.
        self._all: tuple[_Part, ...] = (*(earlier._all if earlier else ()), _Part(self._topic[rows], ends, values))
        last = tone._parts[-1]
        named = ~tone.is_market(last.row)
        everyone = np.zeros(int(named.sum()), np.int64)
        documents = _Part(everyone, last.end[named], last.values()[named, :1])
        self._documents: tuple[_Part, ...] = (*(earlier._documents if earlier else ()), documents)
        self.begin = tone.begin

    def is_market(self, i: np.ndarray | int) -> np.ndarray:
        """None of them is."""
        return np.zeros(np.shape(i), bool)

    def indices(self, entities: Iterable[str]) -> list[int]:
        """The places of all that a document about ``entities`` changes."""
        return [int(i) for i in np.flatnonzero(np.isin(self._owner, [i for i in self._tone.indices(entities) if i]))]

    def between(self, i: np.ndarray | int, first: np.ndarray | int, last: np.ndarray | int) -> Sums:
        """Sums over ``first < time <= last`` (Unix seconds) of the series ``i``; all three broadcast."""
        documents = self._tone.between(self._owner[i], first, last).documents
        total = sum(part.between(i, first, last) for part in self._parts)[..., 0]  # type: ignore[index]
        return Sums(documents, total, total, np.zeros_like(total), np.zeros_like(total))

    def pooled(self, i: np.ndarray, first: np.ndarray | int, last: np.ndarray | int) -> Sums:
        """Sums over all companies: of the topic of each of the series ``i``."""
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
        """(series, tick) int64 arrays: the ticks in ``(after, until]`` at which a series' entity has something new."""
        entity, at = self._tone.moments(after, until, tick_s)
        order = np.argsort(self._owner, kind="stable")
        owners = self._owner[order]
        first, last = np.searchsorted(owners, entity, "left"), np.searchsorted(owners, entity, "right")
        count = last - first
        place = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count) + np.repeat(first, count)
        return order[place], np.repeat(at, count)


def day_begins(at: int) -> int:
    """The last second that does not belong to the day of ``at``: where a series may be divided into an earlier and a
    later one, since the market counts the first documents of a day."""
    return at // 86400 * 86400 - WINDOW_S


def _first_of_day(rows: np.ndarray, ends: np.ndarray, documents: np.ndarray) -> np.ndarray:
    """The share of each window (sorted by row and time) that is among the first ``MARKET_DOCUMENTS`` of its entity
    that day."""
    if not len(rows):
        return np.zeros(0)
    group = rows * _ENTITY + ends // 86400
    firsts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    before = documents.cumsum() - documents
    earlier = before - np.repeat(before[firsts], np.diff(np.r_[firsts, len(rows)]))
    return np.clip(MARKET_DOCUMENTS - earlier, 0, documents) / np.maximum(documents, 1)
