"""Measures robustness: how much small changes of the texts change the scores."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from documents import normalise
from model.evaluation.labelled import Labelled
from model.evaluation.metrics import confusion_counts, decided_classes, few_neutrals, macro_f1
from model.evaluation.noise import KINDS, perturb
from model.evaluation.prediction import Predictions, Progress, predict
from model.evaluation.resampling import SEED, interval, resampled_counts
from model.language import detect
from model.scorer import Scorer


def robustness(
    scorer: Scorer, rows: Sequence[Labelled], predictions: Predictions, progress: Progress | None = None
) -> dict[str, dict[str, Any]]:
    """What each kind of noise does (see ``model.evaluation.noise``), measured on the rows that it changes.

    For kinds that keep the meaning: ``macro_f1`` before, ``macro_f1_noisy`` after, their difference ``drop`` with its
    paired bootstrap ``interval``, the share of ``labels_changed`` and the mean absolute ``shift`` of the sentiment. If
    the set has few neutral rows, these are over its negative and positive rows and over these two classes.

    For ``negation``, on the rows whose label and prediction have the same sign: the share that ``moved`` the other way
    by 0.1 or more, and the share whose sign ``flipped``.

    ``became_unsupported`` counts rows whose language was no longer recognised as one that the model reads.
    """
    report: dict[str, dict[str, Any]] = {}
    signed = few_neutrals(np.array([row.label for row in rows]))
    for done, kind in enumerate(KINDS):
        noisy = [_noisy(row, kind) for row in rows]
        chosen = [
            i
            for i, (row, other) in enumerate(zip(rows, noisy, strict=True))
            if other and predictions.supported[i] and not (signed and row.label == 1)
        ]

        def show(records: int, share: float, done: int = done) -> None:
            if progress:
                progress(records, (done + share) / len(KINDS))

        after = predict(scorer, [row for i in chosen if (row := noisy[i])], show)
        kept = np.array(chosen, int)[after.supported]
        report[kind] = {"n": len(kept), "became_unsupported": int((~after.supported).sum())}
        if len(kept):
            labels = np.array([rows[i].label for i in kept])
            before, changed = predictions.probabilities[kept], after.probabilities[after.supported]
            report[kind] |= (_negated if kind == "negation" else _preserved)(before, changed, labels)
    return report


def _noisy(row: Labelled, kind: str) -> Labelled | None:
    """``row`` with noise of ``kind``, or None if that changes nothing."""
    text, entity = perturb(row.text, row.entity, kind, random.Random(f"{SEED}/{kind}/{row.entity}/{row.text}"))
    changed = normalise(text)
    if not changed or text == row.text:
        return None
    return replace(row, text=changed, entity=normalise(entity or "") or None, language=detect(changed, row.declared))


def _preserved(before: np.ndarray, after: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    names, clean, truth = decided_classes(before, labels)
    _, noisy, _ = decided_classes(after, labels)
    first, second, k = clean.argmax(axis=1), noisy.argmax(axis=1), len(names)
    cells = np.bincount((truth * k + first) * k + second, minlength=k**3)
    drawn = resampled_counts(cells).reshape(-1, k, k, k)
    scores = [float(macro_f1(confusion_counts(truth, predicted, k))) for predicted in (first, second)]
    return {
        "macro_f1": scores[0],
        "macro_f1_noisy": scores[1],
        "drop": scores[0] - scores[1],
        "interval": interval(macro_f1(drawn.sum(axis=3)) - macro_f1(drawn.sum(axis=2))),
        "labels_changed": float((first != second).mean()),
        "shift": float(np.abs(_sentiment(after) - _sentiment(before)).mean()),
    }


def _negated(before: np.ndarray, after: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    side = np.select([labels == 0, labels == 2], [-1, 1], 0)
    known = (side != 0) & (before.argmax(axis=1) == labels)
    if not known.any():
        return {"n": 0}
    shift = ((_sentiment(after) - _sentiment(before)) * side)[known]
    flipped = (_sentiment(after) * side)[known] < 0
    return {
        "n": int(known.sum()),
        "moved": float((shift < -0.1).mean()),
        "flipped": float(flipped.mean()),
        "mean_shift": float(shift.mean()),
        "interval": interval(resampled_counts(np.array([flipped.sum(), (~flipped).sum()]))[:, 0] / known.sum()),
    }


def _sentiment(probabilities: np.ndarray) -> np.ndarray:
    return probabilities[:, 2] - probabilities[:, 0]
