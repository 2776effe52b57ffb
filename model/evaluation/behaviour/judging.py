"""How many cases a scorer answers rightly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from documents import LABELS
from model.evaluation.behaviour.cases import Case, behaviours
from model.evaluation.labelled import Labelled
from model.evaluation.prediction import Progress, predict
from model.scorer import Scorer

WORST = 3
"""So many wrong cases of each kind are shown, those of which the scorer was the surest."""


def judge(scorer: Scorer, cases: Sequence[Case], progress: Progress | None = None) -> dict[str, dict[str, Any]]:
    """By kind of sentence: ``cases``, ``right``, their ``share``, the same of the held-out templates alone, and the
    ``worst`` answers with their probability of the label that was given.

    An answer is right if the label is that with the largest probability.
    """
    probabilities = predict(scorer, [_labelled(case) for case in cases], progress).probabilities
    given = probabilities.argmax(axis=1)
    report: dict[str, dict[str, Any]] = {}
    for name, about in behaviours().items():
        chosen = np.array([i for i, case in enumerate(cases) if case.behaviour == name], int)
        right = given[chosen] == [cases[i].label for i in chosen]
        held_out = np.array([cases[i].held_out for i in chosen], bool)
        wrong = sorted(chosen[~right], key=lambda i: -float(probabilities[i].max()))
        report[name] = {
            "about": about,
            **_share(right),
            "held_out": _share(right[held_out]),
            "worst": [_answer(cases[i], probabilities[i]) for i in _one_a_template(cases, wrong)[:WORST]],
        }
    return report


def _labelled(case: Case) -> Labelled:
    return Labelled(0, case.text, case.label, case.entity, "en", "en", case.behaviour, "", "", False)


def _share(right: np.ndarray) -> dict[str, Any]:
    return {"cases": len(right), "right": int(right.sum()), "share": float(right.mean()) if len(right) else None}


def _answer(case: Case, probabilities: np.ndarray) -> dict[str, Any]:
    return {
        "text": case.text,
        "entity": case.entity,
        "label": LABELS[case.label],
        "sentiment": float(probabilities[2] - probabilities[0]),
    }


def _one_a_template(cases: Sequence[Case], chosen: Sequence[int]) -> list[int]:
    first: dict[str, int] = {}
    for i in chosen:
        first.setdefault(cases[i].template, i)
    return list(first.values())
