"""From people's labels to examples: the majority's label, the agreement of the annotators, and a stable split.

Names of annotators come from whoever may write to the topic of labels, and cost nothing. So what a known annotator says
of an item counts alone, and ``limited`` bounds what the others can move.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np

from documents import whole_text
from retrain.data.examples import LABELS, PEOPLE, SIGNED, Example
from retrain.data.near_duplicates import clusters

FEWEST_TO_TELL, LEAST_NEUTRAL = 100, 0.01
"""If at least ``FEWEST_TO_TELL`` items hold a smaller share of neutral ones than ``LEAST_NEUTRAL``, people were asked
for rises and falls only. Such labels must not teach that nothing is neutral; their set is called ``SIGNED``."""

PARTS = ("train", "validation", "test")
SHARES = (0.65, 0.15, 0.2)


@dataclass(frozen=True, slots=True)
class Judged:
    """One item on which a majority of its annotators agrees.

    ``at`` is when its last label was stored. ``by`` are the annotators who gave the label that won, and ``known`` says
    whether they are known ones.
    """

    example: Example
    at: datetime
    votes: int
    by: frozenset[str] = frozenset()
    known: bool = False


@dataclass(slots=True)
class Resolved:
    """The items of a set of labels.

    ``ties`` are items without a majority; they are left out. ``unknown`` are ids of documents that are not stored.
    ``doubly`` counts the items with several annotators; ``alpha`` is their agreement, None if there are none.
    """

    items: list[Judged] = field(default_factory=list)
    ties: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    annotators: int = 0
    doubly: int = 0
    alpha: float | None = None


def resolve(rows: Sequence[Mapping[str, Any]], known: Collection[str] = ()) -> Resolved:
    """The majority's label of each item; ``rows`` are those of ``storage.reads.latest_labels``.

    Where one of the annotators in ``known`` judged an item, the votes of others about it do not count.
    """
    votes_by_item: dict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        votes_by_item[row["document_id"], row["text"], row["entity"]].append(row)
    for item, votes in votes_by_item.items():
        votes_by_item[item] = [row for row in votes if row["annotator"] in known] or votes
    resolved = Resolved(annotators=len({row["annotator"] for row in rows}))
    units = []
    for (document, given, _), votes in votes_by_item.items():
        text = given or whole_text(votes[0]["title"], votes[0]["body"])
        if not text:
            resolved.unknown.append(document)
            continue
        counts = Counter(LABELS.index(row["label"]) for row in votes)
        units.append([LABELS.index(row["label"]) for row in votes])
        (label, most), *others = counts.most_common()
        if others and others[0][1] == most:
            resolved.ties.append(document or given)
            continue
        example = Example(PEOPLE, text, label, votes[0]["surface"] or None)
        by = frozenset(row["annotator"] for row in votes if row["label"] == LABELS[label])
        at = max(row["ingested_at"] for row in votes)
        resolved.items.append(Judged(example, at, len(votes), by, not by.isdisjoint(known)))
    neutral = sum(item.example.label == LABELS.index("neutral") for item in resolved.items)
    if len(resolved.items) >= FEWEST_TO_TELL and neutral < LEAST_NEUTRAL * len(resolved.items):
        resolved.items = [replace(item, example=replace(item.example, dataset=SIGNED)) for item in resolved.items]
    resolved.doubly = sum(len(unit) > 1 for unit in units)
    resolved.alpha = alpha(units)
    return resolved


def alpha(units: Sequence[Sequence[int]]) -> float | None:
    """Krippendorff's alpha for nominal labels (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability"): 1 is
    perfect agreement, 0 that of chance. A unit is the labels of one item; None if no item has two."""
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


def limited(items: Sequence[Judged], share: float) -> list[Judged]:
    """``items`` without those by which one annotator would move more than ``share`` of what is learned.

    All items of known annotators stay. Beside them the others, all together, make up ``share`` of what is left: whoever
    may write labels can invent names. Where nobody is known, each name has at most ``share`` of the items, or an
    equal part where there are few names. An item of several annotators counts for the one with the most room.
    A hash of the text decides which items stay, so neither the first nor the last ones win.
    """
    own = [item for item in items if item.known]
    others = sorted((item for item in items if not item.known), key=lambda item: _place(item.example.text))
    if own:
        most = len(others) if share == 1 else int(len(own) * share / (1 - share))
        stay = {id(item) for item in (*own, *others[:most])}
        return [item for item in items if id(item) in stay]
    names = {name for item in others for name in item.by}
    room = dict.fromkeys(names, math.ceil(len(others) * max(share, 1 / max(len(names), 1))))
    stay = set()
    for item in others:
        freest = max(item.by, key=lambda name: (room[name], name))
        if room[freest] > 0:
            room[freest] -= 1
            stay.add(id(item))
    return [item for item in items if id(item) in stay]


def judging(items: Sequence[Judged], share: float) -> list[Judged]:
    """Those of ``items`` that a version may be judged on: of known annotators only, where there are any."""
    return [item for item in items if item.known] or limited(items, share)


def parts(items: Sequence[Judged]) -> dict[str, list[Judged]]:
    """The items of ``train``, ``validation`` and ``test``.

    Near-duplicates go into the same part, and an item stays in its part when more labels come: a hash of the text of
    its cluster's oldest member decides.
    """
    made: dict[str, list[Judged]] = {name: [] for name in PARTS}
    part_of: dict[int, str] = {}
    for item, number in zip(items, clusters([item.example.text for item in items]), strict=True):
        if number not in part_of:
            place = _place(item.example.text)
            part_of[number] = PARTS[int(np.searchsorted(np.cumsum(SHARES)[:-1], place, side="right"))]
        made[part_of[number]].append(item)
    return made


def _place(text: str) -> float:
    """A number from 0 to 1 that depends on nothing but ``text``."""
    return int(hashlib.blake2b(text.encode(), digest_size=4).hexdigest(), 16) / 2**32
