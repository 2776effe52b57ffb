"""Scores labelled rows in batches of like length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from model.evaluation.labelled import Labelled
from model.scorer import Scorer

CHUNK = 512
"""Rows that are scored in one call."""

Progress = Callable[[int, float], Any]
"""Called with (rows done, share done)."""


class Predictions(NamedTuple):
    """``probabilities`` float32 [n, 3] and ``supported`` bool [n], in the order of the rows."""

    probabilities: np.ndarray
    supported: np.ndarray


def predict(scorer: Scorer, rows: Sequence[Labelled], progress: Progress | None = None) -> Predictions:
    """Score every row about its entity, in the row's language."""
    probabilities, supported = np.zeros((len(rows), 3), np.float32), np.zeros(len(rows), bool)
    # Sorted by length, so that little is padded. Progress therefore slows down towards the end.
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].text))
    for start in range(0, len(rows), CHUNK):
        chosen = order[start : start + CHUNK]
        part = [rows[i] for i in chosen]
        scores = scorer.score([r.text for r in part], [r.entity for r in part], [r.language for r in part])
        probabilities[chosen], supported[chosen] = scores.probabilities, scores.supported
        if progress:
            progress(start + len(part), (start + len(part)) / len(rows))
    return Predictions(probabilities, supported)
