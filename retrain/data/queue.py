"""What people should label next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Row = dict[str, Any]

FEWEST_FOR_A_CROWD = 5
"""A company with fewer documents has no mean sentiment to compare with."""

WATCHED, AGAINST_CROWD, AGAINST_VERSION, DRIFTING = 0.2, 0.3, 0.5, 0.5
"""What each ground for labelling a document adds to its uncertainty, which lies between 0 and 1."""


def queue(rows: Sequence[Mapping[str, Any]], limit: int, random_share: float = 0.2, seed: int = 13) -> list[Row]:
    """The documents to label next, out of the rows of ``storage.reads.unlabelled_documents``, with a ``reason`` each.

    A share of them is drawn at random, for an unbiased estimate of the model's quality. The others are picked one by
    one. The most uncertain come first (entropy of the probabilities over its maximum). These rank higher:

    - another version of the model (``other_sentiment``) gives another sentiment,
    - the other documents of the same company have another sentiment (the crowd),
    - the document is of a source that drifts, or names a company of the watch list.

    A document that resembles one already picked (cosine of the embeddings) ranks lower.
    """
    rng = np.random.default_rng(seed)
    limit = min(limit, len(rows))
    drawn = [int(i) for i in rng.permutation(len(rows))[: round(limit * random_share)]]
    picked = [{**rows[i], "reason": "random"} for i in drawn]
    if limit == len(picked):
        return picked
    p = np.array([[row["p_negative"], row["p_neutral"], row["p_positive"]] for row in rows])
    uncertain = -(p * np.log(np.clip(p, 1e-9, 1))).sum(1) / np.log(3)
    watched = np.array([bool(row["entities"]) for row in rows])
    drifting = np.array([bool(row.get("drifting")) for row in rows])
    crowd, version = _distance_from_crowd(rows), _distance_from_other_version(rows)
    vectors = _unit_vectors(rows)
    worth = uncertain + WATCHED * watched + AGAINST_CROWD * crowd + AGAINST_VERSION * version + DRIFTING * drifting
    likeness = np.zeros(len(rows), np.float32)
    taken = np.zeros(len(rows), bool)
    for i in drawn:
        taken[i], likeness = True, np.maximum(likeness, vectors @ vectors[i])
    while len(picked) < limit:
        i = int(np.argmax(np.where(taken, -np.inf, worth - likeness)))
        taken[i], likeness = True, np.maximum(likeness, vectors @ vectors[i])
        reasons = [
            reason
            for reason, holds in (
                ("against another version", version[i] > 0.25),
                ("against the crowd", crowd[i] > 0.5),
                ("uncertain", uncertain[i] > 0.5),
                ("drifting source", drifting[i]),
                ("watch list", watched[i]),
            )
            if holds
        ]
        picked.append({**rows[i], "reason": ", ".join(reasons or ["unlike the others"])})
    return picked


def _unit_vectors(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """The rows' embeddings, float32 [n, 384], each of length 1 (or 0 if there is none)."""
    raw = np.array([np.frombuffer(bytes.fromhex(row["embedding"]).ljust(384, b"\0"), np.int8) for row in rows])
    vectors = raw.astype(np.float32)
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1), 1)[:, None])


def _distance_from_other_version(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """How far each document's sentiment is from another version's: 0 to 1, and 0 if no other version scored it."""
    others = [row.get("other_sentiment") for row in rows]
    return np.array(
        [0.0 if other is None else abs(row["sentiment"] - other) / 2 for row, other in zip(rows, others, strict=True)]
    )


def _distance_from_crowd(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """How far each document's sentiment is from the mean of its companies: 0 to 1, and 0 if it names none."""
    of: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for entity in row["entities"]:
            of[entity].append(row["sentiment"])
    means = {entity: float(np.mean(values)) for entity, values in of.items() if len(values) >= FEWEST_FOR_A_CROWD}
    return np.array(
        [
            max((abs(row["sentiment"] - means[e]) / 2 for e in row["entities"] if e in means), default=0.0)
            for row in rows
        ]
    )
