"""Two versions on the same documents: how often they agree, which labels change, and how much slower one is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from retrain.data import LABELS

Z = 1.96
"""The normal distribution's quantile for 95 % intervals."""

FEWEST = 30
"""A source with fewer documents gets no figures of its own."""

RESAMPLES = 500


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    share, extra = hits / n, Z * Z / n
    middle, half = share + extra / 2, Z * np.sqrt((share * (1 - share) + extra / 4) / n)
    return float((middle - half) / (1 + extra)), float((middle + half) / (1 + extra))


def agreement(a: np.ndarray, b: np.ndarray) -> dict[str, Any]:
    """Figures of two versions' probabilities [n, 3] of the same documents, as plain JSON.

    ``agreement`` is the share with the same label; ``flips`` counts the documents whose label changes, by the two
    labels; ``sentiment_shift`` and ``confidence_shift`` are the mean changes from ``a`` to ``b``, ``sentiment_moved``
    the mean absolute change. Intervals are 95 %. Means and shares are None without documents.
    """
    n = len(a)
    before, after = a.argmax(1), b.argmax(1)
    same = int((before == after).sum())
    low, high = wilson(same, n)
    counts = np.zeros((3, 3), int)
    np.add.at(counts, (before, after), 1)
    flips = {
        f"{LABELS[i]} to {LABELS[j]}": int(counts[i, j]) for i in range(3) for j in range(3) if i != j and counts[i, j]
    }
    moved = (b[:, 2] - b[:, 0]) - (a[:, 2] - a[:, 0])
    return {
        "documents": n,
        "agreement": same / n if n else None,
        "agreement_interval": [low, high],
        "flips": dict(sorted(flips.items(), key=lambda item: -item[1])),
        "sentiment_shift": _mean(moved),
        "sentiment_moved": float(np.abs(moved).mean()) if n else None,
        "confidence_shift": _mean(b.max(1) - a.max(1)) if n else None,
    }


def by_source(source: np.ndarray, a: np.ndarray, b: np.ndarray) -> dict[str, dict[str, Any]]:
    """``agreement`` of each source with at least ``FEWEST`` documents, the largest first."""
    names, counts = np.unique(source, return_counts=True)
    chosen = [str(names[i]) for i in np.argsort(-counts, kind="stable") if counts[i] >= FEWEST]
    return {name: agreement(a[source == name], b[source == name]) for name in chosen}


def slower(a: np.ndarray, b: np.ndarray) -> dict[str, Any]:
    """The ratio of ``b``'s seconds to ``a``'s, over the documents that both have a time above 0 for, with the 95 %
    interval of a bootstrap; None without such documents."""
    timed = (a > 0) & (b > 0)
    a, b = a[timed], b[timed]
    if not len(a):
        return {"documents": 0, "ratio": None, "interval": None}
    rng = np.random.default_rng(20200615)
    drawn = rng.integers(0, len(a), (RESAMPLES, len(a)))
    low, high = np.percentile(b[drawn].sum(1) / a[drawn].sum(1), [2.5, 97.5])
    return {"documents": len(a), "ratio": float(b.sum() / a.sum()), "interval": [float(low), float(high)]}


def furthest(a: np.ndarray, b: np.ndarray, most: int) -> list[int]:
    """The documents on which the sentiments of two versions differ most."""
    moved = np.abs((b[:, 2] - b[:, 0]) - (a[:, 2] - a[:, 0]))
    return [int(i) for i in np.argsort(-moved, kind="stable")[:most]]


def _mean(values: Sequence[float] | np.ndarray) -> dict[str, Any] | None:
    values = np.asarray(values, float)
    if not len(values):
        return None
    half = Z * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("inf")
    mean = float(values.mean())
    return {"mean": mean, "interval": [mean - half, mean + half] if np.isfinite(half) else [-2.0, 2.0]}
