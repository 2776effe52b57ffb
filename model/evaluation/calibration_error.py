"""Measures calibration: how far confidences are from the share of predictions that are correct."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from model.evaluation.resampling import RESAMPLES, SEED, interval

MOST_BINS, FEWEST_IN_BIN, FEWEST_IN_PICTURE = 10, 100, 20


def calibration_error(confidence: np.ndarray, correct: np.ndarray) -> dict[str, Any]:
    """How far ``confidence`` float [n], the probability of the predicted class, is from being ``correct`` bool [n].

    ``ece``: the expected calibration error (Naeini et al. 2015; Guo et al. 2017, arXiv 1706.04599). It is the mean over
    rows of |share correct - mean confidence| in a row's bin. Bins have equal mass (Nguyen and O'Connor 2015), which is
    less biased than equal width (Roelofs et al. 2022, arXiv 2012.08668). ``bins``: one for each hundred rows, 10 at
    most. ``curve``: the same with more bins, for a picture.

    ``interval``: the basic bootstrap interval of ``ece``. The percentile interval would be too high, because resampling
    adds noise and noise raises an ECE. Noise raises it even for a perfectly calibrated model:
    ``ece_if_calibrated`` is the mean and the 95th percentile that such a model would show on these confidences.

    ``ece_debiased``: ``ece`` minus its estimated bias, with normally distributed bin accuracies, as in the library of
    Kumar et al. 2019 ("Verified Uncertainty Calibration", arXiv 1909.10155). ``squared_debiased``: their estimator of
    the squared error (section 5), the mean over rows of (gap**2 - its variance), which can be below 0.
    """
    n = len(confidence)
    number = max(1, min(MOST_BINS, n // FEWEST_IN_BIN))
    order = np.argsort(confidence, kind="stable")
    sizes = np.array([len(part) for part in np.array_split(order, number)])
    which = np.empty(n, int)
    which[order] = np.repeat(np.arange(number), sizes)
    gaps = correct - confidence.astype(float)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(which, weights=values, minlength=number) / sizes

    accuracy, gap = mean(correct), mean(gaps)
    ece = float(np.abs(gap) @ sizes / n)
    deviation = np.sqrt(accuracy * (1 - accuracy) / sizes)
    lifted = float(_folded(gap, deviation) @ sizes / n)
    expected = np.sqrt(mean(confidence * (1.0 - confidence)) / sizes)
    rng = np.random.default_rng(SEED)
    calibrated = np.abs(rng.normal(size=(RESAMPLES, number)) * expected) @ sizes / n
    draws = np.empty(RESAMPLES // 4)
    for i in range(len(draws)):
        rows = rng.integers(n, size=n)
        draws[i] = np.abs(np.bincount(which[rows], weights=gaps[rows], minlength=number)).sum() / n
    low, high = interval(draws)
    squared = gap**2 - np.where(sizes > 1, accuracy * (1 - accuracy) / np.maximum(sizes - 1, 1), 0)
    return {
        "ece": ece,
        "interval": [max(0.0, 2 * ece - high), max(0.0, 2 * ece - low)],
        "ece_debiased": max(0.0, 2 * ece - lifted),
        "ece_if_calibrated": {"mean": float(calibrated.mean()), "p95": float(np.quantile(calibrated, 0.95))},
        "squared_debiased": float(squared @ sizes / n),
        "mean_confidence": float(confidence.mean()),
        "bins": _bins(confidence[order], correct[order], number),
        "curve": _bins(confidence[order], correct[order], max(1, min(MOST_BINS, n // FEWEST_IN_PICTURE))),
    }


def _bins(confidence: np.ndarray, correct: np.ndarray, number: int) -> list[dict[str, float]]:
    """``number`` bins of equal mass of the ascending ``confidence``."""
    return [
        {
            "n": len(rows),
            "from": float(confidence[rows[0]]),
            "to": float(confidence[rows[-1]]),
            "confidence": float(confidence[rows].astype(float).mean()),
            "accuracy": float(correct[rows].mean()),
        }
        for rows in np.array_split(np.arange(len(confidence)), number)
    ]


def _folded(mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """The mean absolute value of normally distributed numbers."""
    safe = np.where(deviation > 0, deviation, 1)
    spread = safe * math.sqrt(2 / math.pi) * np.exp(-(mean**2) / (2 * safe**2))
    erf = np.array([math.erf(x) for x in mean / (safe * math.sqrt(2))])
    return np.where(deviation > 0, spread + mean * erf, np.abs(mean))
