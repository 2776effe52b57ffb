"""How good a reader is on labels by reading that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from documents.events import EventTypes
from model.events import LANGUAGE_OF_HEAD, EventReader, EventWeights
from retrain.event_reader.fit import ROLES, STATES
from retrain.event_reader.labels import Labelled

FEW = 10
"""Types with fewer cases are left out of the mean over types."""

SHIFTS = np.arange(-4, 2.01, 0.25)
NEARLY_BEST = 0.98
"""F1 is flat around its maximum: thresholds with at least this share of the best one are as good by this measure. Of
those for grave types the middle one is taken, since a crisis that is missed costs as well; for others the highest."""


def set_thresholds(
    weights: EventWeights, types: EventTypes, rows: Sequence[Labelled], embeddings: np.ndarray | None = None
) -> None:
    """Move the bias (with ``embeddings``, that of the head) so that a probability of one half is the threshold with the
    best F1 over ``rows``: one for the grave types, which are adverse and of severity 4 or 5, and one for the others.
    (One for each type was no better.)"""
    logits, told = told_of(weights, types, rows, embeddings)
    grave = _grave(weights, types)
    for chosen in (grave, ~grave):
        f1 = [_scores(told[:, chosen], logits[:, chosen] >= one)["f1"] for one in SHIFTS]
        good = [one for one, score in zip(SHIFTS, f1, strict=True) if score >= NEARLY_BEST * max(f1)]
        shift = good[len(good) // 2] if chosen is grave else good[-1]
        if embeddings is None:
            weights.bias[: len(weights.types)][chosen] -= shift
        elif weights.head is not None:
            weights.head.second_bias[chosen] -= shift


def _grave(weights: EventWeights, types: EventTypes) -> np.ndarray:
    kinds = [types.by_name[name] for name in weights.types]
    return np.array([kind.polarity < 0 and kind.severity >= 4 for kind in kinds])


def judge(
    weights: EventWeights, types: EventTypes, rows: Sequence[Labelled], embeddings: np.ndarray | None = None
) -> dict[str, Any]:
    """Of the reader by words, or with the ``embeddings`` [n, hidden] of the rows by both: precision, recall and F1 over
    all events, and over the adverse types of severity 4 and 5; how often role and state are right where the type is;
    the share of texts without an event in which one was told; also by language."""
    logits, told = told_of(weights, types, rows, embeddings)
    found = logits >= 0
    grave = _grave(weights, types)
    codes = np.array([row.language for row in rows])
    result: dict[str, Any] = {}
    for name, chosen in (("all", codes != ""), ("en", codes == "en"), ("zh", codes == "zh")):
        if not chosen.any():
            continue
        none = chosen & ~told.any(axis=1)
        result[name] = {
            "rows": int(chosen.sum()),
            **_scores(told[chosen], found[chosen]),
            "grave": _scores(told[chosen][:, grave], found[chosen][:, grave]),
            "role": _right(weights, types, rows, found, chosen, 1),
            "state": _right(weights, types, rows, found, chosen, 2),
            "false_in_texts_without": round(float(found[none].any(axis=1).mean()), 3),
            "false_grave_in_texts_without": round(float(found[none][:, grave].any(axis=1).mean()), 3),
        }
    cases = told.sum(axis=0)
    f1 = 2 * (told & found).sum(axis=0) / np.maximum(cases + found.sum(axis=0), 1)
    for least in (FEW, 30):
        result[f"macro_f1_of_types_with_{least}"] = {
            "types": int((cases >= least).sum()),
            "f1": round(float(f1[cases >= least].mean()), 3),
        }
    result["types"] = {
        name: {"cases": int(n), "f1": round(float(f), 2)} for name, n, f in zip(weights.types, cases, f1, strict=True)
    }
    return result


def told_of(
    weights: EventWeights, types: EventTypes, rows: Sequence[Labelled], embeddings: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(logits float32 [n, types], whether each type is told bool [n, types])."""
    logits = EventReader(weights, types).logits([row.marked for row in rows])[:, : len(weights.types)]
    if embeddings is not None and weights.head is not None:
        own = np.array([row.language == LANGUAGE_OF_HEAD for row in rows])
        logits[own] = weights.head.logits(logits[own], embeddings[own])
    told = np.zeros(logits.shape, bool)
    for i, row in enumerate(rows):
        for kind, _, _ in row.events:
            told[i, weights.types.index(kind)] = True
    return logits, told


def _right(
    weights: EventWeights, types: EventTypes, rows: Sequence[Labelled], found: np.ndarray, chosen: np.ndarray, head: int
) -> float:
    """How often role (1) or state (2) is right, where the type was found."""
    logits = EventReader(weights, types).logits([row.marked for row in rows])
    count, right = len(weights.types), []
    for i in np.flatnonzero(chosen).tolist():
        for event in rows[i].events:
            k = weights.types.index(event[0])
            if found[i, k] and head == 1:
                own = logits[i, count : count + len(ROLES)] + weights.role_of[k]
                right.append(ROLES[int(np.argmax(own))] == event[1])
            elif found[i, k]:
                own = logits[i, count + len(ROLES) :] + weights.state_of[k]
                right.append(STATES[int(np.argmax(own))] == event[2])
    return round(float(np.mean(right)), 3) if right else 0.0


def _scores(told: np.ndarray, found: np.ndarray) -> dict[str, float]:
    both = float((told & found).sum())
    return {
        "precision": round(both / max(1.0, float(found.sum())), 3),
        "recall": round(both / max(1.0, float(told.sum())), 3),
        "f1": round(2 * both / max(1.0, float(found.sum() + told.sum())), 3),
    }
