"""Two versions on the same documents: how often they agree, which labels change, and how much slower one is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrain.data import LABELS

Z = 1.96
"""The normal distribution's quantile for 95 % intervals."""

FEWEST = 30
"""A source with fewer documents gets no figures of its own."""

RESAMPLES = 500
SEED = 20200615

Interval = tuple[float, float]
"""Low and high of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A mean change from one version to the other."""

    mean: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Agreement:
    """Figures of two versions on the same documents; those that need a document are None without any.

    ``agreement`` is the share of documents with the same label. ``flips`` counts the others by the two labels, as in
    'neutral to positive', the most frequent first. ``sentiment_shift`` and ``confidence_shift`` are mean changes from
    the first version to the second, ``sentiment_moved`` is the mean absolute change of the sentiment.
    """

    documents: int
    agreement: float | None
    agreement_interval: Interval
    flips: dict[str, int]
    sentiment_shift: Shift | None
    sentiment_moved: float | None
    confidence_shift: Shift | None


@dataclass(frozen=True, slots=True)
class Slowdown:
    """The ratio of the second version's seconds to the first's, over ``documents``; None without any."""

    documents: int
    ratio: float | None
    interval: Interval | None


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    share, extra = hits / n, Z * Z / n
    middle, half = share + extra / 2, Z * np.sqrt((share * (1 - share) + extra / 4) / n)
    return float((middle - half) / (1 + extra)), float((middle + half) / (1 + extra))


def agreement(a: np.ndarray, b: np.ndarray) -> Agreement:
    """Compare two versions' probabilities [n, 3] of the same documents."""
    n = len(a)
    before, after = a.argmax(1), b.argmax(1)
    same = int((before == after).sum())
    counts = np.zeros((3, 3), int)
    np.add.at(counts, (before, after), 1)
    flips = {
        f"{LABELS[i]} to {LABELS[j]}": int(counts[i, j]) for i in range(3) for j in range(3) if i != j and counts[i, j]
    }
    moved = (b[:, 2] - b[:, 0]) - (a[:, 2] - a[:, 0])
    return Agreement(
        documents=n,
        agreement=same / n if n else None,
        agreement_interval=wilson(same, n),
        flips=dict(sorted(flips.items(), key=lambda item: -item[1])),
        sentiment_shift=_shift(moved),
        sentiment_moved=float(np.abs(moved).mean()) if n else None,
        confidence_shift=_shift(b.max(1) - a.max(1)) if n else None,
    )


def by_source(source: np.ndarray, a: np.ndarray, b: np.ndarray) -> dict[str, Agreement]:
    """``agreement`` of each source with at least ``FEWEST`` documents, the largest first."""
    names, counts = np.unique(source, return_counts=True)
    chosen = [str(names[i]) for i in np.argsort(-counts, kind="stable") if counts[i] >= FEWEST]
    return {name: agreement(a[source == name], b[source == name]) for name in chosen}


def slowdown(a: np.ndarray, b: np.ndarray) -> Slowdown:
    """Compare the seconds [n] that two versions took for the same documents. Documents with a time of 0 were not timed
    and do not count. The interval is a bootstrap."""
    timed = (a > 0) & (b > 0)
    a, b = a[timed], b[timed]
    if not len(a):
        return Slowdown(0, None, None)
    rng = np.random.default_rng(SEED)
    drawn = rng.integers(0, len(a), (RESAMPLES, len(a)))
    low, high = np.percentile(b[drawn].sum(1) / a[drawn].sum(1), [2.5, 97.5])
    return Slowdown(len(a), float(b.sum() / a.sum()), (float(low), float(high)))


def furthest(a: np.ndarray, b: np.ndarray, most: int) -> list[int]:
    """The indices of the documents on which the sentiments of two versions differ most."""
    moved = np.abs((b[:, 2] - b[:, 0]) - (a[:, 2] - a[:, 0]))
    return [int(i) for i in np.argsort(-moved, kind="stable")[:most]]


def _shift(changes: np.ndarray) -> Shift | None:
    if not len(changes):
        return None
    mean = float(changes.mean())
    if len(changes) == 1:
        return Shift(mean, (-2.0, 2.0))  # the whole range
    half = float(Z * changes.std(ddof=1) / np.sqrt(len(changes)))
    return Shift(mean, (mean - half, mean + half))
