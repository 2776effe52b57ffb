"""How good predictions are: accuracy, macro-F1, sign accuracy and calibration, with bootstrap intervals.

Texts are treated as the live path treats them: they are normalised, and never scored in a language that the model does
not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from documents import LABELS
from errors import many
from model.evaluation.calibration_error import calibration_error
from model.evaluation.labelled import NOT_NEGATIVE, BadData, Labelled
from model.evaluation.prediction import Predictions
from model.evaluation.resampling import interval, resampled_counts

FEW_NEUTRALS = 0.1
"""A set with a smaller share of neutral rows was labelled by the sign; which rows are neutral is then by chance."""


def evaluate(rows: Sequence[Labelled], predictions: Predictions) -> dict[str, Any]:
    """The report on one file, ready for JSON.

    It has the figures of ``measure`` for all rows, for ``mixed`` rows, ``by_source``, and ``by_kind``, ``by_language``
    and ``by_agreement`` if the file has more than one of each. Rows in a language that the model does not read are
    counted in ``unsupported`` and nowhere else.

    Raises ``BadData`` if no row can be scored.
    """
    unread = [row for row, supported in zip(rows, predictions.supported, strict=True) if not supported]
    kept = [row for row, supported in zip(rows, predictions.supported, strict=True) if supported]
    languages = dict(Counter(row.language for row in unread).most_common())
    if not kept:
        raise BadData(f"none of {many(len(rows), 'row')} is in a language that the model reads: {', '.join(languages)}")
    probabilities = predictions.probabilities[predictions.supported]
    labels = np.array([row.label for row in kept])
    report = {
        "rows": len(rows),
        "unsupported": {"n": len(unread), "languages": languages, "lines": [row.line for row in unread]},
        **measure(probabilities, labels),
        "notes": _notes(labels),
    }
    for name, field in (("source", "source"), ("kind", "kind"), ("language", "language"), ("agreement", "agreement")):
        values = [str(getattr(row, field)) for row in kept]
        if name == "source" or len(set(values)) > 1:
            report[f"by_{name}"] = {
                value: measure(probabilities[chosen], labels[chosen], brief=True)
                for value in sorted(set(values) - {""})
                for chosen in [np.array([other == value for other in values])]
            }
    mixed = np.array([row.mixed for row in kept])
    report["mixed"] = (
        measure(probabilities[mixed], labels[mixed], brief=True) if mixed.any() else {"n": 0, "macro_f1": None}
    )
    return report


def _notes(labels: np.ndarray) -> list[str]:
    if (labels == NOT_NEGATIVE).any():
        return ["labels tell negative from the rest only: figures are over the two classes negative and non_negative"]
    neutral = (labels == 1).mean()
    if neutral == 0:
        return ["no neutral rows: figures are over the two classes negative and positive"]
    if neutral < FEW_NEUTRALS:
        return [
            f"only {neutral:.1%} of the rows are neutral, so accuracy and macro-F1 say little, see the sign; ECE and "
            "what noise does are over the negative and positive rows and these two classes"
        ]
    return []


def few_neutrals(labels: np.ndarray) -> bool:
    """Whether a set was labelled by the sign: it has neutral rows, but fewer than ``FEW_NEUTRALS``."""
    return bool(0 < (labels == 1).mean() < FEW_NEUTRALS) and NOT_NEGATIVE not in labels


def decided_classes(probabilities: np.ndarray, labels: np.ndarray) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """(names, probabilities [n, k], labels [n]) over the k classes that the labels distinguish."""
    if (labels == NOT_NEGATIVE).any():
        return (
            ("negative", "non_negative"),
            np.stack([probabilities[:, 0], 1 - probabilities[:, 0]], axis=1),
            (labels != 0).astype(int),
        )
    if not (labels == 1).any():
        two = probabilities[:, [0, 2]]
        return ("negative", "positive"), two / two.sum(axis=1, keepdims=True), labels // 2
    return LABELS, probabilities, labels


def measure(probabilities: np.ndarray, labels: np.ndarray, brief: bool = False) -> dict[str, Any]:
    """The figures of ``probabilities`` float [n, 3] given the true ``labels`` int [n], n > 0.

    ``accuracy``, ``macro_f1`` and ``ece`` are over the ``classes`` that the labels distinguish: negative and positive
    if no row is neutral, negative and non_negative if some rows are non_negative. If few rows are neutral, ``ece`` is
    over the negative and positive rows (``ece_classes``). ``macro_f1`` is the mean F1 of the classes that occur as
    labels or predictions. ``sign_accuracy`` is the share of negative and positive rows for which
    p(positive) - p(negative) has the right sign; None unless both labels occur. ``intervals`` has [low, high] of each.

    Unless ``brief``, also: ``per_class``; ``confusion`` (rows true, columns predicted); ``calibration`` (see
    ``calibration_error``); ``sign``, the figures of the negative and positive rows over these two classes.
    """
    names, decided, truth = decided_classes(probabilities, labels)
    predicted = decided.argmax(axis=1)
    counts = confusion_counts(truth, predicted, len(names))
    drawn = resampled_counts(counts.ravel()).reshape(-1, *counts.shape)
    signed = (labels == 0) | (labels == 2)
    surest, sure_of = decided.max(axis=1), names
    right = predicted == truth
    if few_neutrals(labels):
        sure_of, two, sides = decided_classes(probabilities[signed], labels[signed])
        surest, right = two.max(axis=1), two.argmax(axis=1) == sides
    calibrated = calibration_error(surest, right)
    report: dict[str, Any] = {
        "n": len(labels),
        "classes": list(names),
        "ece_classes": list(sure_of),
        "accuracy": float(np.trace(counts) / len(labels)),
        "macro_f1": float(macro_f1(counts)),
        "sign_accuracy": None,
        "ece": calibrated["ece"],
        "intervals": {
            "accuracy": interval(np.trace(drawn, axis1=1, axis2=2) / len(labels)),
            "macro_f1": interval(macro_f1(drawn)),
            "sign_accuracy": None,
            "ece": calibrated["interval"],
        },
    }
    if (labels == 0).any() and (labels == 2).any():
        right = ((probabilities[:, 2] > probabilities[:, 0]) == (labels == 2))[signed]
        report["sign_accuracy"] = float(right.mean())
        shares = resampled_counts(np.array([right.sum(), (~right).sum()]))[:, 0] / len(right)
        report["intervals"]["sign_accuracy"] = interval(shares)
    if brief:
        return report
    report["per_class"] = _per_class(names, counts, drawn)
    report["confusion"] = {"labels": list(names), "counts": counts.tolist()}
    report["calibration"] = calibrated
    if report["sign_accuracy"] is not None and signed.any():
        whole = measure(probabilities[signed], labels[signed], brief=True)
        _, decided, truth = decided_classes(probabilities[signed], labels[signed])
        error = calibration_error(decided.max(axis=1), decided.argmax(axis=1) == truth)
        report["sign"] = {
            **{name: whole[name] for name in ("n", "accuracy", "macro_f1", "ece", "intervals")},
            **{name: error[name] for name in ("ece_debiased", "ece_if_calibrated")},
        }
    return report


def _per_class(names: Sequence[str], counts: np.ndarray, drawn: np.ndarray) -> dict[str, dict[str, Any]]:
    """Precision, recall and F1 of each class, of confusion ``counts`` and of resampled ones (``drawn``)."""
    scores, scores_drawn = np.nan_to_num(_f1(counts)), np.nan_to_num(_f1(drawn))
    return {
        name: {
            "n": int(counts[i].sum()),
            "precision": _share(counts[i, i], counts[:, i].sum()),
            "recall": _share(counts[i, i], counts[i].sum()),
            "f1": float(scores[i]),
            "interval": interval(scores_drawn[:, i]),
        }
        for i, name in enumerate(names)
    }


def confusion_counts(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """int [classes, classes]: rows true, columns predicted."""
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes)


def _f1(counts: np.ndarray) -> np.ndarray:
    """F1 [..., classes] of confusion counts [..., true, predicted]; NaN for a class that does not occur."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    occurring = counts.sum(axis=-1) + counts.sum(axis=-2)
    return np.where(occurring > 0, 2 * hits / np.maximum(occurring, 1), np.nan)


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """The mean F1 of the classes that occur, of confusion counts [..., true, predicted]."""
    return np.nanmean(_f1(counts), axis=-1)


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None
