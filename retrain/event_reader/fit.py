"""Fits the linear reader: one logistic regression a type, one softmax for the role and one for the state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from documents.events import EventRole, EventState
from model.events import EventWeights, features
from retrain.event_reader.cases import Case

ROLES, STATES = list(EventRole), list(EventState)
FIRST_BIAS = -4.0
"""The logit of a type before anything is learnt: most texts tell no event of it."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides the result besides the cases. A feature is learnt if at least ``least_count`` cases have it, or one
    case of the weight ``always``. ``spread`` is the inverse of the regularisation of the types, ``head_spreads`` of
    role and state."""

    least_count: int = 8
    always: float = 10.0
    kept_features: int = 50_000
    spread: float = 0.3
    head_spreads: tuple[float, float] = (3.0, 0.3)
    steps: int = 45


def fit(types: Sequence[str], cases: Sequence[Case], recipe: Recipe) -> EventWeights:
    """The weights that fit ``cases``, in int8."""
    names = [set(features(case.marked)) for case in cases]
    counts: Counter[str] = Counter()
    for own, case in zip(names, cases, strict=True):
        # What is written as an example must be learnt, however rare its words are elsewhere.
        counts.update(dict.fromkeys(own, recipe.least_count if case.weight >= recipe.always else 1))
    vocabulary = {name: i for i, name in enumerate(sorted(n for n, k in counts.items() if k >= recipe.least_count))}
    ids = [sorted(vocabulary[name] for name in own if name in vocabulary) for own in names]
    ends = np.cumsum([0, *map(len, ids)])
    x = csr_matrix(
        (np.ones(ends[-1], np.float32), np.fromiter(chain.from_iterable(ids), np.int32, ends[-1]), ends),
        (len(ids), len(vocabulary)),
    )
    rows, bias = _types(x, types, cases, recipe)
    roles, states = (_head(x, types, cases, recipe, head) for head in (0, 1))
    every = np.concatenate([rows, roles[0], states[0]], axis=1)
    # A common factor of role and state changes nothing in which is the highest, so int8 serves them as well.
    kept = np.sort(np.argsort(-np.abs(every).max(axis=1), kind="stable")[: recipe.kept_features])
    ordered = list(vocabulary)
    every = every[kept]
    scale = np.maximum(np.abs(every).max(axis=0), 1e-6).astype(np.float32) / 127
    return EventWeights(
        types=list(types),
        vocabulary={ordered[i]: k for k, i in enumerate(kept)},
        rows=np.clip(np.rint(every / scale), -127, 127).astype(np.int8),
        scale=scale,
        bias=np.concatenate([bias, roles[2], states[2]]).astype(np.float32),
        role_of=roles[1].astype(np.float32),
        state_of=states[1].astype(np.float32),
    )


def _types(x: csr_matrix, types: Sequence[str], cases: Sequence[Case], recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Weights [features, types] and bias, by L-BFGS over all types at once."""
    number = {name: i for i, name in enumerate(types)}
    y = np.zeros((len(cases), len(types)), np.float32)
    for i, case in enumerate(cases):
        for kind, probability in case.types.items():
            y[i, number[kind]] = probability
    weight = np.array([case.weight for case in cases], np.float32)[:, None]
    transposed = x.T.tocsr()
    shape = (x.shape[1], len(types))
    size = shape[0] * shape[1]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        values = flat.astype(np.float32)
        w, b = values[:size].reshape(shape), values[size:]
        z = x @ w + b
        total = (weight * (np.logaddexp(0, z) - y * z)).sum(dtype=np.float64)
        total += (w * w).sum(dtype=np.float64) / (2 * recipe.spread)
        slope = weight * (1 / (1 + np.exp(-z)) - y)
        gradient = transposed @ slope + w / recipe.spread
        return float(total), np.concatenate([gradient.ravel(), slope.sum(axis=0)]).astype(np.float64)

    start = np.zeros(size + len(types))
    start[size:] = FIRST_BIAS
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": recipe.steps, "maxcor": 6}).x
    return found[:size].reshape(shape), found[size:]


def _head(
    x: csr_matrix, types: Sequence[str], cases: Sequence[Case], recipe: Recipe, head: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Role (0) or state (1): weights [features, values], those of the types [types, values], and the bias."""
    values: list[EventRole] | list[EventState] = STATES if head else ROLES
    number = {name: i for i, name in enumerate(types)}
    told = [
        (i, number[kind], values.index(state if head else role), case.weight)  # type: ignore[arg-type]
        for i, case in enumerate(cases)
        for kind, role, state in case.events
    ]
    rows, kinds, wanted, weights = (np.array(column) for column in zip(*told, strict=True))
    ones = csr_matrix((np.ones(len(rows), np.float32), (np.arange(len(rows)), kinds)), (len(rows), len(types)))
    model = LogisticRegression(C=recipe.head_spreads[head], max_iter=250)
    model.fit(hstack([x[rows], ones]).tocsr(), wanted, sample_weight=weights)
    every = np.zeros((len(values), x.shape[1] + len(types)))
    every[model.classes_] = model.coef_
    bias = np.full(len(values), -20.0)  # a value that no case has is never predicted
    bias[model.classes_] = model.intercept_
    return every[:, : x.shape[1]].T, every[:, x.shape[1] :].T, bias
