"""How good a model is: macro-F1, accuracy of the sign, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.metrics import f1_score

from retrain.datasets import NOT_NEGATIVE, SIGN_ONLY, Example

FEWEST_TO_FIT = 100


def _labels(examples: Sequence[Example]) -> np.ndarray:
    return np.array([example.label for example in examples])


def macro_f1(logits: np.ndarray, examples: Sequence[Example]) -> float:
    """Mean over the sets of the macro-F1 of the labels, or for sets without neutrals the sign accuracy; weighted by the
    square root of a set's rows, for the small sets' scores are noise."""
    scores, weights = [], []
    for name in sorted({example.dataset for example in examples}):
        chosen = np.array([example.dataset == name for example in examples])
        scores.append(_score(name, logits[chosen], _labels(examples)[chosen]))
        weights.append(chosen.sum() ** 0.5)
    return float(np.average(scores, weights=weights))


def _score(name: str, logits: np.ndarray, labels: np.ndarray) -> float:
    if name in SIGN_ONLY:
        signed = labels != 1
        return float(((logits[:, 2] > logits[:, 0]) == (labels == 2))[signed].mean())
    if (labels == NOT_NEGATIVE).any():
        return float(f1_score(labels == 0, logits.argmax(1) == 0, average="macro"))
    return float(f1_score(labels, logits.argmax(1), average="macro"))


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """ECE with equal-width bins (Guo et al. 2017, arXiv 1706.04599)."""
    confidence, correct = probabilities.max(1), probabilities.argmax(1) == labels
    number = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(correct[number == b].sum() - confidence[number == b].sum()) for b in range(bins)]
    return float(sum(gaps) / len(labels))


def fit_calibration(logits: np.ndarray, examples: Sequence[Example]) -> dict[str, Any]:
    """What makes probabilities of logits: for texts ``alone`` and for ``pair``s with an entity a ``temperature``,
    ``softmax(logits / temperature)`` (Guo et al. 2017, arXiv 1706.04599), fitted by the negative log-likelihood of what
    a row says: its label, its sign in sets without neutrals, or that it is not negative.

    A bias a label fits the training sets' shares of the labels, which are no one else's: it was tried and made texts
    from elsewhere worse.
    """
    labels = _labels(examples)
    signed = np.array([e.dataset in SIGN_ONLY for e in examples])
    paired = np.array([e.entity is not None for e in examples])
    told = ~(signed & (labels == 1))

    def likelihood(rows: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        truth = labels[chosen]
        three = log_softmax(rows, axis=1)
        two = log_softmax(rows[:, [0, 2]], axis=1)[np.arange(len(truth)), (truth == 2).astype(int)]
        exact = three[np.arange(len(truth)), np.where(truth == NOT_NEGATIVE, 1, truth)]
        return np.where(
            truth == NOT_NEGATIVE, np.logaddexp(three[:, 1], three[:, 2]), np.where(signed[chosen], two, exact)
        )

    def fitted(kind: np.ndarray) -> dict[str, Any]:
        chosen = np.flatnonzero(told & (kind if (told & kind).sum() >= FEWEST_TO_FIT else True))
        found = minimize_scalar(
            lambda x: -likelihood(logits[chosen].astype(np.float64) * np.exp(-x), chosen).mean(), bounds=(-3, 3)
        )
        return {"temperature": float(np.exp(found.x)), "bias": [0.0, 0.0, 0.0]}

    return {"calibration": {"alone": fitted(~paired), "pair": fitted(paired)}}


def calibrated(logits: np.ndarray, examples: Sequence[Example], calibration: Mapping[str, Any]) -> np.ndarray:
    """Probabilities [n, 3] of the examples (see ``fit_calibration``)."""
    paired = np.array([e.entity is not None for e in examples])
    scaled = np.empty_like(logits)
    for name, rows in (("alone", ~paired), ("pair", paired)):
        scaled[rows] = logits[rows] / calibration[name]["temperature"] + np.array(calibration[name]["bias"], np.float32)
    return softmax(scaled, axis=1)


def report(probabilities: np.ndarray, examples: Sequence[Example]) -> str:
    """One line a set: rows, score, accuracy, ECE (over two classes where the set has no neutral rows); headlines with
    mixed entities apart."""
    labels = _labels(examples)
    names = np.array([example.dataset for example in examples])
    groups = {name: names == name for name in sorted(set(names))}
    groups["sentfin mixed"] = np.array([e.dataset == "sentfin" and e.mixed for e in examples])
    lines = []
    for name, chosen in groups.items():
        if not chosen.any():
            continue
        rows, truth = probabilities[chosen], labels[chosen]
        score = _score(name.split()[0], rows, truth)
        if name in SIGN_ONLY:
            rows, truth = rows[truth != 1][:, [0, 2]], truth[truth != 1] // 2
            rows = rows / rows.sum(axis=1, keepdims=True)
        elif (truth == NOT_NEGATIVE).any():
            rows, truth = np.stack([rows[:, 0], 1 - rows[:, 0]], axis=1), (truth != 0).astype(int)
        accuracy = float((rows.argmax(1) == truth).mean())
        ece = expected_calibration_error(rows, truth)
        lines.append(f"  {name:14} n {len(truth):5} score {score:.3f} accuracy {accuracy:.3f} ECE {ece:.3f}")
    return "\n".join(lines)
