"""What scoring returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of n texts, in the order of the texts.

    ``probabilities``: float32 [n, 3] (negative, neutral, positive), calibrated. ``embeddings``: float32 [n, hidden],
    rows of unit length. ``tokens``: int32 [n]. ``logits``: float32 [n, 3]. ``supported``: bool [n], false for a text in
    a language that the model does not read; its probabilities and logits are NaN, its embedding and tokens are 0.
    """

    probabilities: np.ndarray
    embeddings: np.ndarray
    tokens: np.ndarray
    logits: np.ndarray
    supported: np.ndarray
