"""What the reader learns from: labels by reading, the taxonomy's examples, and the pool with the teacher's labels."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import resources

import yaml

from documents.events import EventRole, EventState, EventTypes
from model.events import found_in
from retrain.event_reader.labels import Labelled
from retrain.event_reader.rows import Pair
from retrain.event_reader.teacher import Teacher
from retrain.event_reader.weak import Weak, WeakLabels

STAND_IN = "Acme"
LIKELY = 0.4
"""From this probability on, a type of the teacher counts as told."""


@dataclass(slots=True)
class Case:
    """One pair to learn from: the probability of each type that may be told (all others are 0), and the ``events``
    whose role and state are known."""

    marked: str
    types: dict[str, float]
    events: list[tuple[str, EventRole, EventState]] = field(default_factory=list)
    weight: float = 1.0


def from_labels(labelled: Iterable[Labelled], weight: float) -> list[Case]:
    """The labels by reading."""
    return [Case(one.marked, {kind: 1.0 for kind, _, _ in one.events}, one.events, weight) for one in labelled]


def from_examples(types: EventTypes, weight: float) -> list[Case]:
    """The examples of the taxonomy. Their states are not taught: some are of threats."""
    return [
        Case(found_in(text.replace("{c}", STAND_IN), STAND_IN), {kind.name: 1.0}, [], weight)
        for kind in types.by_name.values()
        for text in [*kind.en, *kind.zh]
    ]


def from_sentences(weight: float) -> list[Case]:
    """The sentences of ``states.yaml``."""
    read = yaml.safe_load((resources.files("retrain.event_reader") / "states.yaml").read_text(encoding="utf-8"))
    cases = []
    for state, templates in read["states"].items():
        for template in templates:
            language = "en" if template.isascii() else "zh"
            for kind, noun in read["nouns"][language].items():
                text = template.replace("{n}", noun).replace("{c}", STAND_IN)
                told = (kind, EventRole.SUBJECT, EventState(state))
                cases.append(Case(found_in(text, STAND_IN), {kind: 1.0}, [told], weight))
    for role, by_kind in read["roles"].items():
        for kind, texts in by_kind.items():
            for text in texts:
                marked = found_in(text.replace("{c}", STAND_IN), STAND_IN)
                cases.append(Case(marked, {kind: 1.0}, [(kind, EventRole(role), EventState.HAPPENED)], weight))
    return cases


def from_pool(
    pool: Sequence[tuple[Pair, str, Weak]], teacher: Teacher, most: int, empty: int, weight: float, seed: int
) -> list[Case]:
    """Rows of the pool: of each type at most ``most`` in which the teacher thinks it likely and as many in which it
    does not, and ``empty`` without any cue."""
    order = list(pool)
    random.Random(seed).shuffle(order)
    counts: Counter[tuple[str, bool]] = Counter()
    without = [Case(marked, {}, [], weight) for _, marked, weak in order if not weak.hits][:empty]
    chosen = []
    for start in range(0, len(order), 2000):
        batch = [one for one in order[start : start + 2000] if one[2].hits]
        judged = teacher.judge([(marked, pair.language, weak.hits) for pair, marked, weak in batch])
        for (_, marked, weak), types in zip(batch, judged, strict=True):
            keys = [(kind, p >= LIKELY) for kind, p in types.items()]
            if all(counts[key] >= most for key in keys):
                continue
            counts.update(keys)
            events = [(kind, weak.roles[kind], weak.state) for kind, p in types.items() if p >= LIKELY]
            chosen.append(Case(marked, {kind: 1.0 for kind, _, _ in events}, events, weight))
    return [*chosen, *without]


def weak_pool(cues: WeakLabels, found: Iterable[Pair], most: int, seed: int) -> list[tuple[Pair, str, Weak]]:
    """``most`` of the pairs that were found, with their weak labels."""
    order = list(found)
    random.Random(seed).shuffle(order)
    marked = [(pair, found_in(pair.text, pair.surface)) for pair in order[:most]]
    return [(pair, text, cues.label(text, pair.language)) for pair, text in marked]
