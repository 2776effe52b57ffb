"""Turns a network's logits into probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct


class Scale(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of the calibration. Probabilities are
    ``softmax(bias - ((best - logits) / temperature) ** power)``, where ``best`` is the largest logit.

    With power 1 this is temperature scaling with a bias, ``softmax(logits / temperature + bias)`` (Guo et al. 2017,
    arXiv 1706.04599). A power above 1 is needed because training with smoothed labels keeps the logits of clear texts
    as close together as those of doubtful texts. Clear texts then get too little confidence and doubtful texts too
    much, and no temperature corrects both.
    """

    temperature: Annotated[float, Meta(gt=0)] = 1.0
    power: Annotated[float, Meta(gt=0, le=10)] = 1.0
    bias: tuple[float, float, float] = (0.0, 0.0, 0.0)


def scale_rows(scales: Sequence[Scale]) -> np.ndarray:
    """``scales`` as float32 [n, 5], the form that ``calibrate`` takes."""
    return np.array([[scale.temperature, scale.power, *scale.bias] for scale in scales], np.float32)


def calibrate(logits: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Probabilities float32 [n, 3] of ``logits`` [n, 3]; row i of ``scales`` [n, 5] (see ``scale_rows``) calibrates
    row i of the logits.

    Without a bias the order of the three labels stays as it is in the logits.
    """
    behind = np.maximum(logits.max(axis=1, keepdims=True) - logits, 0) / scales[:, :1]
    scaled = scales[:, 2:] - behind ** scales[:, 1:2]
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)
