"""How good a model is: macro-F1, accuracy of the sign, calibration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from model import Scale, calibrate, scale_rows
from model.evaluation import calibration_error
from retrain.data import NOT_NEGATIVE, SIGN_ONLY, Example

FEWEST_TO_FIT = 100
"""A calibration is fitted on at least so many rows."""


def _labels(examples: Sequence[Example]) -> np.ndarray:
    return np.array([example.label for example in examples])


def macro_f1(logits: np.ndarray, examples: Sequence[Example]) -> float:
    """The mean over the sets of each set's score, from logits or probabilities [n, 3].

    A set's score is the macro-F1 of its labels or, for a set without neutral rows, the accuracy of the sign. A set
    weighs as the square root of its number of rows, because the scores of small sets are noisy.
    """
    scores, sizes = scores_of_sets(logits, examples), Counter(example.dataset for example in examples)
    return float(np.average(list(scores.values()), weights=[sizes[name] ** 0.5 for name in scores]))


def scores_of_sets(logits: np.ndarray, examples: Sequence[Example]) -> dict[str, float]:
    """The score of each set by itself; see ``macro_f1``. Logits or probabilities are [n, 3]."""
    names, labels = np.array([e.dataset for e in examples]), _labels(examples)
    return {str(name): _score(name, logits[names == name], labels[names == name]) for name in np.unique(names)}


def signs_of_sets(logits: np.ndarray, examples: Sequence[Example]) -> dict[str, float]:
    """The accuracy of the sign of each set: of its rows that are positive or negative, in how many that label is more
    likely than its opposite. Logits or probabilities are [n, 3]. Sets without such rows, or that do not say whether a
    row is positive, are left out."""
    names, labels = np.array([e.dataset for e in examples]), _labels(examples)
    usable = [name for name in np.unique(names) if np.isin(labels[names == name], (0, 2)).any()]
    usable = [name for name in usable if not (labels[names == name] == NOT_NEGATIVE).any()]
    return {str(name): _sign(logits[names == name], labels[names == name]) for name in usable}


def _sign(logits: np.ndarray, labels: np.ndarray) -> float:
    signed = labels != 1
    return float(((logits[:, 2] > logits[:, 0]) == (labels == 2))[signed].mean())


def _score(name: str, logits: np.ndarray, labels: np.ndarray) -> float:
    from sklearn.metrics import f1_score

    if name in SIGN_ONLY:
        return _sign(logits, labels)
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
    """The ``calibration`` of an adapter's config: how probabilities are made of its logits [n, 3].

    For texts ``alone`` and for ``pair``s with an entity it holds a ``temperature`` and a ``power`` (see
    ``model.Scale``). They are fitted by the negative log-likelihood of what a row says: its label, its sign in sets
    without neutral rows, or that it is not negative. A set weighs as the square root of its rows, as in ``macro_f1``.

    A bias for each label was tried. It fits the training sets' shares of the labels, which differ elsewhere, and made
    texts from other sources worse.
    """
    from scipy.optimize import minimize

    labels = _labels(examples)
    signed = np.array([e.dataset in SIGN_ONLY for e in examples])
    paired = np.array([e.entity is not None for e in examples])
    names = np.array([e.dataset for e in examples])
    usable = ~(signed & (labels == 1))

    def fitted(kind: np.ndarray) -> Scale:
        chosen = np.flatnonzero(usable & (kind if (usable & kind).sum() >= FEWEST_TO_FIT else True))
        truth, two_only, rows = labels[chosen], signed[chosen], logits[chosen].astype(np.float64)
        sizes = Counter(names[chosen])
        weights = np.array([sizes[name] ** -0.5 for name in names[chosen]])

        def loss(x: np.ndarray) -> float:
            scale = Scale(temperature=float(np.exp(x[0])), power=float(np.exp(x[1])))
            p = calibrate(rows, np.repeat(scale_rows([scale]), len(rows), axis=0)).astype(np.float64) + 1e-9
            given = np.where(truth == NOT_NEGATIVE, p[:, 1] + p[:, 2], p[np.arange(len(p)), np.minimum(truth, 2)])
            return -float(np.average(np.log(given / np.where(two_only, p[:, 0] + p[:, 2], 1)), weights=weights))

        minimum = minimize(loss, [0.0, 0.0], method="Nelder-Mead", bounds=[(-3, 3), (-0.7, 1.4)])
        return Scale(temperature=round(float(np.exp(minimum.x[0])), 4), power=round(float(np.exp(minimum.x[1])), 4))

    return {"calibration": msgspec.to_builtins({"alone": fitted(~paired), "pair": fitted(paired)})}


def calibrated(logits: np.ndarray, examples: Sequence[Example], fit: Mapping[str, Any]) -> np.ndarray:
    """Probabilities [n, 3] of the examples (see ``fit_calibration``)."""
    both = scale_rows([msgspec.convert(fit[kind], Scale) for kind in ("alone", "pair")])
    return calibrate(logits, both[[int(e.entity is not None) for e in examples]])


def score_table(probabilities: np.ndarray, examples: Sequence[Example]) -> str:
    """A table as text, one line a set: rows, score, accuracy of the labels and of the sign, and the expected
    calibration error (ECE), which ``finsent evaluate`` reports too.

    For sets with hardly any neutral rows, accuracy and ECE are over two classes. Headlines whose companies have
    different labels have a line of their own.
    """
    labels = _labels(examples)
    names = np.array([example.dataset for example in examples])
    groups = {name: names == name for name in sorted(set(names))}
    groups["sentfin mixed"] = np.array([e.dataset == "sentfin" and e.mixed for e in examples])
    signs, lines = signs_of_sets(probabilities, examples), []
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
        errors = calibration_error(rows.max(1), rows.argmax(1) == truth)
        lines.append(
            f"  {name:14} n {len(truth):5} score {score:.3f} accuracy {accuracy:.3f} "
            f"sign {signs.get(name, np.nan):.3f} ECE {errors['ece']:.3f} "
            f"(of a calibrated model {errors['ece_if_calibrated']['mean']:.3f})"
        )
    return "\n".join(lines)
