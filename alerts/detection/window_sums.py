"""Sums over windows of one minute, cumulated, so that the sum of any span costs two binary searches.

Empty windows cost nothing, nor does older history.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_SHIFT = 2**34
"""Greater than any time in seconds: ``row * _SHIFT + time`` puts a series and a time into one sortable number."""


class Sums(NamedTuple):
    """Sums over the documents of each span, as float arrays [pairs]."""

    documents: np.ndarray
    """Number of documents."""
    total: np.ndarray
    """Sum of their sentiment."""
    squares: np.ndarray
    """Sum of the squares of the sentiment."""
    negative: np.ndarray
    """Sum of the probability that a document is negative."""
    negative_squares: np.ndarray
    """Sum of the squares of that probability."""


class WindowSums:
    """The windows of many series over some time, sorted by series (``row``) and end."""

    def __init__(self, row: np.ndarray, end: np.ndarray, values: np.ndarray) -> None:
        order = sorted_order(row, end)
        self.row, self.end = row[order], end[order]
        self._key = self.row * _SHIFT + self.end
        self._sums = np.concatenate([np.zeros((1, values.shape[1])), values[order].cumsum(axis=0)])

    def values(self) -> np.ndarray:
        """The values of each window, [windows, columns]."""
        return np.diff(self._sums, axis=0)

    def place(self, i: np.ndarray | int, at: np.ndarray | int) -> np.ndarray:
        """The number of windows, of all series before ``i`` and of ``i``, that end at or before ``at``."""
        return np.searchsorted(self._key, np.asarray(i) * _SHIFT + np.maximum(at, 0), side="right")

    def between(self, i: np.ndarray | int, first: np.ndarray | int, last: np.ndarray | int) -> np.ndarray:
        """The sums [..., columns] over ``first < end <= last``."""
        sums: np.ndarray = self._sums[self.place(i, last)] - self._sums[self.place(i, first)]
        return sums

    def within(self, i: int, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """The ends of one series' windows in ``first < end <= last``, and their values [windows, columns]."""
        here = slice(int(self.place(i, first)), int(self.place(i, last)))
        return self.end[here], np.diff(self._sums[here.start : here.stop + 1], axis=0)

    def moments(self, after: int, until: int, tick_s: int) -> np.ndarray:
        """The ticks in ``(after - tick_s, until + tick_s)`` by which a window has ended, as keys for ``split``."""
        here = (self.end > after - tick_s) & (self.end <= until)
        return self.row[here] * _SHIFT + -(-self.end[here] // tick_s) * tick_s


def split(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The series and the times of ``keys``."""
    return keys // _SHIFT, keys % _SHIFT


def sorted_order(row: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The order that sorts windows by series and end."""
    return np.argsort(row * _SHIFT + end, kind="stable")


def day_groups(row: np.ndarray, end: np.ndarray) -> np.ndarray:
    """A number for each series and day, UTC."""
    return row * _SHIFT + end // 86400
