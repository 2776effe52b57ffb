"""The uncertainty of a macro-F1, and of the difference of two, by paired bootstraps over the rows.

Intervals are percentile bootstraps (Efron and Tibshirani 1993).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrain.data import NOT_NEGATIVE, SIGN_ONLY, Example
from retrain.judge.metrics import macro_f1

RESAMPLES = 500
SEED = 20200615


def _resamples(examples: Sequence[Example]) -> np.ndarray:
    """How often each resample draws each row, float32 [RESAMPLES, n]; of each set as many rows as it has."""
    rng = np.random.default_rng(SEED)
    names = np.array([e.dataset for e in examples])
    drawn = np.zeros((RESAMPLES, len(examples)), np.float32)
    for name in sorted(set(names)):
        rows = np.flatnonzero(names == name)
        drawn[:, rows] = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), RESAMPLES)
    return drawn


def _resampled(p: np.ndarray, examples: Sequence[Example], drawn: np.ndarray) -> np.ndarray:
    """``macro_f1`` of each resample, from counts: calling the function 500 times would take seconds."""
    names, truth = np.array([e.dataset for e in examples]), np.array([e.label for e in examples])
    predicted = p.argmax(1)
    scores, weights = [], []
    for name in sorted(set(names)):
        here = names == name
        if name in SIGN_ONLY:
            signed = here & (truth != 1)
            right = (p[signed, 2] > p[signed, 0]) == (truth[signed] == 2)
            scores.append(drawn[:, signed] @ right / np.maximum(drawn[:, signed].sum(1), 1))
        else:
            t, q = truth[here], predicted[here]
            if (t == NOT_NEGATIVE).any():
                t, q = (t == 0).astype(int), (q == 0).astype(int)
            f1 = [
                2
                * (drawn[:, here] @ ((t == c) & (q == c)))
                / np.maximum(drawn[:, here] @ ((t == c).astype(int) + (q == c)), 1)
                for c in sorted({*t, *q})
            ]
            scores.append(np.mean(f1, axis=0))
        weights.append(here.sum() ** 0.5)
    return np.average(scores, axis=0, weights=weights)


def bounds(values: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of resampled values."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def difference(a: np.ndarray, b: np.ndarray, examples: Sequence[Example]) -> tuple[float, float, float, float]:
    """(macro-F1 of ``a``, macro-F1 of ``b``, low, high) for probabilities [n, 3]; low and high bound the 95 % interval
    of b - a."""
    drawn = _resamples(examples)
    low, high = bounds(_resampled(b, examples, drawn) - _resampled(a, examples, drawn))
    return macro_f1(a, examples), macro_f1(b, examples), low, high


def interval(p: np.ndarray, examples: Sequence[Example]) -> tuple[float, float]:
    """The 95 % interval of the macro-F1 of probabilities [n, 3]."""
    return bounds(_resampled(p, examples, _resamples(examples)))
