"""From people's labels to examples: agreement, conflicts resolved in the open, and what to label next."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np

from retrain.data.datasets import LABELS, SIGNED, Example, clusters

NAME = "labels"
"""What the set of people's labels is called among the sets."""

PEOPLES = frozenset({NAME, SIGNED})
FEWEST_TO_TELL, LEAST_NEUTRAL = 100, 0.01
"""Of so many labels fewer neutral ones than this share: nobody was asked for neutrals, so they must not teach that
nothing is neutral, and are called ``SIGNED``."""

PARTS = ("train", "validation", "test")
SHARES = (0.65, 0.15, 0.2)


@dataclass(frozen=True, slots=True)
class Judged:
    """One item on which its annotators agree by majority; ``at`` is when its last label was stored."""

    example: Example
    at: datetime
    votes: int


@dataclass(slots=True)
class Resolved:
    """The items of a set of labels. ``ties`` have no majority and are left out, ``unknown`` name a document that is
    not stored; ``alpha`` is None where no item has two annotators."""

    items: list[Judged] = field(default_factory=list)
    ties: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    annotators: int = 0
    doubly: int = 0
    alpha: float | None = None


def resolve(rows: Sequence[Mapping[str, Any]]) -> Resolved:
    """The majority's label of each item; ``rows`` are those of ``storage.reads.labels``."""
    items: dict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        items[row["document_id"], row["text"], row["entity"]].append(row)
    found = Resolved(annotators=len({row["annotator"] for row in rows}))
    units = []
    for (document, given, _), votes in items.items():
        text = given or "\n".join(part for part in (votes[0]["title"], votes[0]["body"]) if part)
        if not text:
            found.unknown.append(document)
            continue
        counts = Counter(LABELS.index(row["label"]) for row in votes)
        units.append([LABELS.index(row["label"]) for row in votes])
        (label, most), *others = counts.most_common()
        if others and others[0][1] == most:
            found.ties.append(document or given)
            continue
        example = Example(NAME, text, label, votes[0]["surface"] or None)
        found.items.append(Judged(example, max(row["ingested_at"] for row in votes), len(votes)))
    neutral = sum(item.example.label == LABELS.index("neutral") for item in found.items)
    if len(found.items) >= FEWEST_TO_TELL and neutral < LEAST_NEUTRAL * len(found.items):
        found.items = [replace(item, example=replace(item.example, dataset=SIGNED)) for item in found.items]
    found.doubly = sum(len(unit) > 1 for unit in units)
    found.alpha = alpha(units)
    return found


def alpha(units: Sequence[Sequence[int]]) -> float | None:
    """Krippendorff's alpha for nominal labels (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability"): 1 is
    perfect agreement, 0 that of chance. A unit is the labels of one item; None where no item has two."""
    coincidences = np.zeros((len(LABELS), len(LABELS)))
    for unit in units:
        if len(unit) > 1:
            counts = np.bincount(unit, minlength=len(LABELS)).astype(float)
            coincidences += (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)
    totals = coincidences.sum(1)
    n = totals.sum()
    if n == 0:
        return None
    observed = n - np.trace(coincidences)
    expected = (n * n - (totals**2).sum()) / (n - 1)
    return 1.0 if expected == 0 else float(1 - observed / expected)


def parts(items: Sequence[Judged]) -> dict[str, list[Judged]]:
    """Train, validation and test. Near-duplicates stand on one side, and an item stays on its side when more labels
    come: the text of the oldest member of its cluster decides, by a hash."""
    made: dict[str, list[Judged]] = {name: [] for name in PARTS}
    side: dict[int, str] = {}
    for item, number in zip(items, clusters([item.example.text for item in items]), strict=True):
        if number not in side:
            place = int(hashlib.blake2b(item.example.text.encode(), digest_size=4).hexdigest(), 16) / 2**32
            side[number] = PARTS[int(np.searchsorted(np.cumsum(SHARES)[:-1], place, side="right"))]
        made[side[number]].append(item)
    return made


def queue(rows: Sequence[Mapping[str, Any]], limit: int, random_share: float = 0.2, seed: int = 13) -> list[Row]:
    """The documents to label next, of the rows of ``storage.unlabelled``, with a ``reason`` each.

    A share is drawn at random, for an unbiased estimate of the quality. The others are picked one by one: the most
    uncertain (entropy of the probabilities over its maximum) first; those on which another version of the model
    (``other_sentiment``) or the crowd of the company's documents says otherwise, those of a source that drifts, and
    those that name a company of the watch list sooner; those that resemble one already picked (cosine of the
    embeddings) later.
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
    crowd, version = _crowd(rows), _other_version(rows)
    vectors = np.array([np.frombuffer(bytes.fromhex(row["embedding"]).ljust(384, b"\0"), np.int8) for row in rows])
    vectors = vectors.astype(np.float32) / np.maximum(np.linalg.norm(vectors.astype(np.float32), axis=1), 1)[:, None]
    worth = uncertain + 0.2 * watched + 0.3 * crowd + 0.5 * version + 0.5 * drifting
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


Row = dict[str, Any]


def _other_version(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """How far each document's sentiment is from what another version gave it (0 to 1; 0 where none did)."""
    others = [row.get("other_sentiment") for row in rows]
    return np.array(
        [0.0 if other is None else abs(row["sentiment"] - other) / 2 for row, other in zip(rows, others, strict=True)]
    )


def _crowd(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """How far each document's sentiment is from the mean of its company's (0 to 1; 0 where it names none)."""
    of: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for entity in row["entities"]:
            of[entity].append(row["sentiment"])
    means = {entity: float(np.mean(values)) for entity, values in of.items() if len(values) >= 5}
    return np.array(
        [
            max((abs(row["sentiment"] - means[e]) / 2 for e in row["entities"] if e in means), default=0.0)
            for row in rows
        ]
    )
