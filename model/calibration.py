"""Probabilities of logits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model.registry.manifest import Scale


def rows(scales: Sequence[Scale]) -> np.ndarray:
    """``scales`` as float32 [n, 5], for ``probabilities``."""
    return np.array([[scale.temperature, scale.power, *scale.bias] for scale in scales], np.float32)


def probabilities(logits: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """float32 [n, 3] of ``logits`` [n, 3] with one of ``rows`` each [n, 5] (see ``Scale``).

    A label keeps its place among the three but for the bias.
    """
    behind = np.maximum(logits.max(axis=1, keepdims=True) - logits, 0) / scales[:, :1]
    scaled = scales[:, 2:] - behind ** scales[:, 1:2]
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)
