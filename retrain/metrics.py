"""How good a model is: macro-F1, accuracy of the sign, calibration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.metrics import f1_score

from retrain.datasets import SIGN_ONLY, Example


def _labels(examples: Sequence[Example]) -> np.ndarray:
    return np.array([example.label for example in examples])


def macro_f1(logits: np.ndarray, examples: Sequence[Example]) -> float:
    """Mean over the sets of the macro-F1 of the three labels, or for sets without neutrals the sign accuracy;
    weighted by the square root of a set's rows, for the small sets' scores are noise."""
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
    return float(f1_score(labels, logits.argmax(1), average="macro"))


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """ECE with equal-width bins (Guo et al. 2017, arXiv 1706.04599)."""
    confidence, correct = probabilities.max(1), probabilities.argmax(1) == labels
    number = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(correct[number == b].sum() - confidence[number == b].sum()) for b in range(bins)]
    return float(sum(gaps) / len(labels))


def fit_temperature(logits: np.ndarray, examples: Sequence[Example]) -> float:
    """The temperature that minimises the negative log-likelihood of the rows with three labels (Guo et al.)."""
    chosen = np.array([example.dataset not in SIGN_ONLY for example in examples])
    rows, labels = logits[chosen], _labels(examples)[chosen]

    def loss(temperature: float) -> float:
        return float(-log_softmax(rows / temperature, axis=1)[np.arange(len(labels)), labels].mean())

    return float(minimize_scalar(loss, bounds=(0.3, 10), method="bounded").x)


def report(logits: np.ndarray, examples: Sequence[Example], temperature: float = 1.0) -> str:
    """One line a set: rows, score, accuracy, ECE; the rows of headlines with mixed entities apart."""
    labels = _labels(examples)
    names = np.array([example.dataset for example in examples])
    groups = {name: names == name for name in sorted(set(names))}
    groups["sentfin mixed"] = np.array([e.dataset == "sentfin" and e.mixed for e in examples])
    lines = []
    for name, chosen in groups.items():
        if not chosen.any():
            continue
        rows, truth = logits[chosen], labels[chosen]
        score = _score(name.split()[0], rows, truth)
        ece = expected_calibration_error(softmax(rows / temperature, axis=1), truth)
        accuracy = float((rows.argmax(1) == truth).mean())
        lines.append(f"  {name:14} n {len(truth):5} score {score:.3f} accuracy {accuracy:.3f} ECE {ece:.3f}")
    return "\n".join(lines)
