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
    ``deciding``: int32 [n, 2], of a text that was read in passages where the sentence that decided begins and ends in
    it, else -1. ``cut``: bool [n], true where some of a text was too much to be read.
    """

    probabilities: np.ndarray
    embeddings: np.ndarray
    tokens: np.ndarray
    logits: np.ndarray
    supported: np.ndarray
    deciding: np.ndarray
    cut: np.ndarray
