"""Whether the mean of a measure has changed: ADWIN over the means of blocks of documents.

ADWIN is river's (Bifet and Gavalda 2007, "Learning from Time-Changing Data with Adaptive Windowing").
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BLOCKS = 50
"""The current window is divided into this many blocks, and their means are tested. Documents that arrive together
resemble each other, so tested singly they would look like changes."""

WIDE = 4.0
"""Block means are scaled so that 0 and 1 lie this many standard deviations from the reference's middle. ADWIN's bound
is for values between 0 and 1, and is tight only for values that fill this range."""

RECENT = 2
"""A change is news if ADWIN saw it at most this many current windows ago. More than one, because a look may have been
missed."""


class Change(NamedTuple):
    """The means of the reference and of the current window.

    ``began`` is the index of the first document after the change; None if ADWIN sees no change, or saw it long ago.
    ``effect`` is the change of the mean, in standard deviations of the documents before it.
    """

    reference_mean: float
    current_mean: float
    effect: float
    began: int | None


def change(values: np.ndarray, current: int, delta: float) -> Change:
    """Compare the last ``current`` of ``values`` (float64 [n], between 0 and 1) with those before them. ``delta`` is
    ADWIN's confidence."""
    from river.drift import ADWIN

    reference = values[:-current]
    size = max(1, current // BLOCKS)
    blocks, usual = _block_means(values, size), _block_means(reference, size)
    # Quantiles, because the reference may already hold documents from after the change.
    middle = float(np.median(usual))
    spread = max(1.4826 * float(np.median(np.abs(usual - middle))), 0.1 * float(usual.std()), 1e-4)
    scaled = np.clip((blocks - middle) / (2 * WIDE * spread) + 0.5, 0, 1)
    detector = ADWIN(delta=delta, clock=1)
    detected = [detector.drift_detected for value in scaled.tolist() if detector.update(value) is None]
    last = max((i for i, seen in enumerate(detected) if seen), default=-1)
    began = None
    if len(blocks) - last <= RECENT * BLOCKS:
        began = len(values) - (len(blocks) - _split(scaled)) * size
    before = values[:began] if began and began < len(reference) else reference
    mean, now = float(before.mean()), float(values[-current:].mean())
    return Change(mean, now, (now - mean) / max(float(before.std()), 1e-3), began)


def _split(values: np.ndarray) -> int:
    """The index at which the mean of ``values`` most likely changed, by the least squares of two means."""
    n, k = len(values), np.arange(1, len(values))
    sums = np.cumsum(values)[:-1]
    return int(k[np.argmax((sums - values.mean() * k) ** 2 / (k * (n - k)))])


def _block_means(values: np.ndarray, size: int) -> np.ndarray:
    """The means of blocks of ``size`` values; the last block ends with the last value."""
    return np.asarray(values[len(values) % size :].reshape(-1, size).mean(axis=1))
