"""The tone of each company and of the market over time, as sums that any span can be read from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import numpy as np

from alerts.detection.window_sums import Sums, WindowSums, day_groups, sorted_order, split
from storage.reads import Windows

WINDOW_S = 60
MARKET = "*"
"""The entity that stands for all companies together."""

NAMES_TOPIC = "\x1f"
"""Separates the entity and the topic in the name of a series."""

NO_COMPANY = "no company"
"""The topic of the market's second series: news that names no company, such as news of interest rates."""

NEWS_OF_NO_COMPANY = f"{MARKET}{NAMES_TOPIC}{NO_COMPANY}"

MARKET_DOCUMENTS = 3
"""Only the first documents of each company and day count for the market: one company's crisis is not the market's."""


def series_name(entity: str, topic: str) -> str:
    """The name of the series of an entity's ``topic``, or of its tone where ``topic`` is ''."""
    return f"{entity}{NAMES_TOPIC}{topic}" if topic else entity


def entity_and_topic(name: str) -> tuple[str, str]:
    """The two parts of a series' name; the topic is '' for a tone."""
    entity, _, topic = name.partition(NAMES_TOPIC)
    return entity, topic


Look = Callable[[str, int, int], tuple[np.ndarray, np.ndarray]]
"""Takes the name of a series and two times, and returns the ends of its windows of ``WINDOW_S`` between these
(``first < end <= last``) and their values, as ``Series.within`` does."""


class Series:
    """The tone of many entities. All methods take an entity as its index in ``entities``.

    ``entities`` [n] str holds ``MARKET`` first, and the companies; ``NEWS_OF_NO_COMPANY`` stands for the windows with
    the entity ''. The market is the news that names no company, and the first documents of each company and day;
    ``no_companies`` are entities that are no part of it, such as currencies. A window ``start`` holds the documents
    with ``start < published_at <= start + WINDOW_S``, so that at any moment everything published until then is known.

    With ``earlier``, the new series takes over what that one holds and does not compute it again. All ``windows`` must
    then end later, and those of one day be in one of the two, since the market counts the first documents of a day.

    The windows may be longer, of ``width_s`` seconds, where nearly all that is asked for begins and ends with them.
    ``firsts`` are then the windows of ``WINDOW_S`` with the first documents of each company and day, ``begin`` is the
    end of the very first of these, and ``look`` gives the others where something begins or ends within a long one.
    """

    def __init__(
        self,
        windows: Windows,
        earlier: Series | None = None,
        no_companies: Collection[str] = (),
        width_s: int = WINDOW_S,
        firsts: Windows | None = None,
        begin: int = 0,
        look: Look | None = None,
    ) -> None:
        self._index: dict[str, int] = dict(earlier._index) if earlier else {MARKET: 0}
        self.width_s, self._look = width_s, look
        rows, ends, values = self._columns(windows, width_s)
        self._no_company = self._index.get(NEWS_OF_NO_COMPANY, -1)
        counted = self._counted(rows, ends, values, no_companies)
        if firsts is not None:
            unnamed = rows == self._no_company
            market = self._counted(*self._columns(firsts, WINDOW_S), no_companies)
            counted = (
                np.concatenate([ends[unnamed], -(-market[0] // width_s) * width_s]),
                np.concatenate([values[unnamed], market[1]]),
            )
        part = WindowSums(
            np.concatenate([np.zeros(len(counted[0]), np.int64), rows]),
            np.concatenate([counted[0], ends]),
            np.concatenate([counted[1], values]),
        )
        self.entities = np.array(list(self._index))
        self._parts: tuple[WindowSums, ...] = (*(earlier._parts if earlier else ()), part)
        begins: list[int] = [begin] if begin else [int(part.end.min())] if len(part.end) else []
        if earlier and earlier.begin:
            begins.append(earlier.begin)
        self.begin: int = min(begins, default=0)

    def _columns(self, windows: Windows, width_s: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The rows, ends and values of windows, sorted by row and end. Entities that are new get an index."""
        names = self._index
        rows = np.fromiter(
            (names.setdefault(name or NEWS_OF_NO_COMPANY, len(names)) for name in windows.entity.tolist()),
            np.int64,
            len(windows.start),
        )
        ends = (windows.start + width_s).astype(np.int64)
        values = np.stack(windows[2:], axis=1).astype(float)
        order = sorted_order(rows, ends)
        return rows[order], ends[order], values[order]

    def _counted(
        self, rows: np.ndarray, ends: np.ndarray, values: np.ndarray, no_companies: Collection[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ends and the values of what counts for the market."""
        share = _first_of_day(rows, ends, values[:, 0])
        share[rows == self._no_company] = 1
        share[np.isin(rows, [self._index[name] for name in no_companies if name in self._index])] = 0
        counted = np.flatnonzero(share > 0)
        return ends[counted], values[counted] * share[counted, None]

    def __len__(self) -> int:
        return len(self.entities)

    def is_market(self, i: np.ndarray | int) -> np.ndarray:
        """Whether each of the entities ``i`` is the market or the news that names no company."""
        return (np.asarray(i) == 0) | (np.asarray(i) == self._no_company)

    def index(self, entity: str) -> int | None:
        """The index of ``entity`` in ``entities``; None where it is not there."""
        return self._index.get(entity)

    def indices(self, entities: Iterable[str]) -> list[int]:
        """The indices of all series that documents about ``entities`` change; '' is a document that names none."""
        own = [i for name in entities if (i := self._index.get(name or NEWS_OF_NO_COMPANY)) is not None]
        return sorted({0, *own}) if own else []

    def between(self, i: np.ndarray | int, first: np.ndarray | int, last: np.ndarray | int) -> Sums:
        """Sums over ``first < time <= last`` (Unix seconds) of the entities ``i``; all three broadcast."""
        sums = self._sums(i, first, last)
        return Sums(*(sums[..., column] for column in range(5)))  # type: ignore[call-arg]

    def _sums(self, i: np.ndarray | int, first: np.ndarray | int, last: np.ndarray | int) -> np.ndarray:
        """The sums [..., columns] over ``first < time <= last`` of the entities ``i``."""
        sums: np.ndarray = sum(part.between(i, first, last) for part in self._parts)  # type: ignore[assignment]
        for sign, moment in ((-1, first), (1, last)) if self._look else ():
            if np.any(np.mod(moment, self.width_s)):
                sums = sums + sign * self._begun(i, moment, sums.shape[-1])
        return sums

    def _begun(self, i: np.ndarray | int, at: np.ndarray | int, columns: int) -> np.ndarray:
        """The sums [..., columns] from the beginning of the long window to ``at``, which is within it."""
        rows, moments = np.broadcast_arrays(i, at)
        sums = np.zeros((*rows.shape, columns))
        for row, moment in set(zip(rows.ravel().tolist(), moments.ravel().tolist(), strict=True)):
            if begun := moment % self.width_s:
                _, values = self._minutes(row, moment - begun, moment)
                sums[(rows == row) & (moments == moment)] = values.sum(axis=0)
        return sums

    def _minutes(self, i: int, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """As ``within``, where the windows that are held are longer ones."""
        assert self._look is not None
        return self._look(str(self.entities[i]), first, last)

    def windows(self, i: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """How many windows in ``first < time <= last`` have documents."""
        if self._look:
            spans = zip(i.tolist(), first.tolist(), last.tolist(), strict=True)
            return np.array([len(self._minutes(*span)[0]) for span in spans])
        return np.sum([part.place(i, last) - part.place(i, first) for part in self._parts], axis=0)

    def pooled(self, i: np.ndarray, first: np.ndarray | int, last: np.ndarray | int) -> Sums:
        """Sums over all companies together, which serve as a prior for the entities ``i``."""
        return self.between(0, first, last)

    def within(self, i: int, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """The ends of one entity's windows in ``first < end <= last``, in order and each once, and their values
        [windows, columns of Sums]."""
        if self._look:
            return self._minutes(i, first, last)
        parts = [part.within(i, first, last) for part in self._parts]
        ends, values = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        # The market has a window of each company, in the order in which the storage happened to give them.
        ends, place = np.unique(ends, return_inverse=True)
        sums = np.zeros((len(ends), values.shape[1]))
        np.add.at(sums, place, values)
        return ends, sums

    def moments(self, after: int, until: int, tick_s: int) -> tuple[np.ndarray, np.ndarray]:
        """(entity, tick) as two int64 arrays: the ticks in ``(after, until]`` at which an entity has new documents."""
        keys = [part.moments(after, until, tick_s) for part in self._parts]
        entity, at = split(np.unique(np.concatenate(keys)))
        kept = (at > after) & (at <= until)
        return entity[kept], at[kept]


def _first_of_day(rows: np.ndarray, ends: np.ndarray, documents: np.ndarray) -> np.ndarray:
    """The share of each window's documents that is among the first ``MARKET_DOCUMENTS`` of its entity and day. The
    windows are sorted by row and time."""
    if not len(rows):
        return np.zeros(0)
    group = day_groups(rows, ends)
    firsts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    before = documents.cumsum() - documents
    earlier = before - np.repeat(before[firsts], np.diff(np.r_[firsts, len(rows)]))
    return np.clip(MARKET_DOCUMENTS - earlier, 0, documents) / np.maximum(documents, 1)
