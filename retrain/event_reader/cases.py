"""What the reader learns from: labels by reading, the taxonomy's examples, and the pool with the teacher's labels."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import yaml

from documents.events import EventRole, EventState, EventTypes
from model.events import EventReader, found_in
from retrain.data import written_sentences
from retrain.event_reader.labels import JUDGED, Labelled
from retrain.event_reader.rows import Pair
from retrain.event_reader.teacher import Teacher
from retrain.event_reader.weak import Weak, WeakLabels

STAND_IN, CHINESE_STAND_IN = "Acme", "\u827e\u514b\u7c73"
NO_EVENT = "none"
LIKELY = 0.4
"""From this probability on, a type counts as told."""

SURE = 0.8
FRAMES_EACH = 2

_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclass(slots=True)
class Case:
    """One pair of a text and the ``surface`` that names a company in it, to learn from: the probability of each type
    that may be told (all others are 0), and the ``events`` whose role and state are known."""

    text: str
    surface: str
    types: dict[str, float]
    events: list[tuple[str, EventRole, EventState]] = field(default_factory=list)
    weight: float = 1.0

    @property
    def marked(self) -> str:
        """The text as the linear reader takes it."""
        return found_in(self.text, self.surface)

    @property
    def language(self) -> str:
        """``zh`` of a text with Chinese characters, else ``en``."""
        return "zh" if _CHINESE.search(self.text) else "en"


def from_labels(labelled: Iterable[Labelled], weight: float) -> list[Case]:
    """The labels by reading."""
    return [
        Case(one.text, one.surface, {kind: 1.0 for kind, _, _ in one.events}, one.events, weight) for one in labelled
    ]


def from_examples(types: EventTypes, weight: float) -> list[Case]:
    """The examples of the taxonomy. Their states are not taught: some are of threats."""
    return [
        Case(*_pair(text), {kind.name: 1.0}, [], weight)
        for kind in types.by_name.values()
        for text in [*kind.en, *kind.zh]
    ]


def from_sentences(weight: float) -> list[Case]:
    """The sentences of ``sentences.yaml`` and those that ``states.yaml`` makes of nouns and templates."""
    cases = []
    for kind, by_state in _own("sentences").items():
        if kind == NO_EVENT:
            cases += [Case(*_pair(text), {}, [], weight) for text in by_state]
            continue
        for state, texts in by_state.items():
            told = [(kind, EventRole.SUBJECT, EventState(state))]
            cases += [Case(*_pair(text), {kind: 1.0}, told, weight) for text in texts]
    read = _own("states")
    for state, templates in read["states"].items():
        for template in templates:
            language = "en" if template.isascii() else "zh"
            for kind, noun in read["nouns"][language].items():
                told = [(kind, EventRole.SUBJECT, EventState(state))]
                cases.append(Case(*_pair(template.replace("{n}", noun)), {kind: 1.0}, told, weight))
    for role, by_kind in read["roles"].items():
        for kind, texts in by_kind.items():
            told = [(kind, EventRole(role), EventState.HAPPENED)]
            cases += [Case(*_pair(text), {kind: 1.0}, told, weight) for text in texts]
    return cases


def from_written(weight: float) -> list[Case]:
    """The written sentences about a company, without those that ``JUDGED`` keeps apart."""
    return [
        Case(one.text, one.company, {kind: 1.0 for kind, _, _ in one.events}, list(one.events), weight)
        for language in ("en", "zh")
        for one in written_sentences(language, leave_out=JUDGED)
        if one.company
    ]


def from_others(weight: float, seed: int) -> list[Case]:
    """Cases without an event: something happens to another company, in a sentence that also names the one that is asked
    about."""
    draw = random.Random(seed)
    read = _own("states")
    cases = []
    for kind, by_state in _own("sentences").items():
        if kind == NO_EVENT:
            continue
        for text in by_state["happened"] * FRAMES_EACH:
            language = "en" if text.isascii() else "zh"
            sentence = text.replace("{c}", draw.choice(read["others"][language]))
            cases.append(Case(*_pair(draw.choice(read["frames"][language]).replace("{s}", sentence)), {}, [], weight))
    return cases


def _own(name: str) -> dict[str, Any]:
    text = (resources.files("retrain.event_reader") / f"{name}.yaml").read_text(encoding="utf-8")
    read: dict[str, Any] = yaml.safe_load(text)
    return read


def _pair(template: str) -> tuple[str, str]:
    name = STAND_IN if template.isascii() else CHINESE_STAND_IN
    return template.replace("{c}", name), name


def from_pool(
    pool: Sequence[tuple[Pair, str, Weak]],
    teacher: Teacher,
    first: EventReader,
    most: int,
    empty: int,
    weight: float,
    seed: int,
) -> list[Case]:
    """Rows of the pool. The probability of each type is the mean of those that the ``teacher`` and the ``first`` reader
    give. For each type, about ``most`` rows in which it is likely are taken and as many in which it is not, and
    ``empty`` rows without any type."""
    order = list(pool)
    random.Random(seed).shuffle(order)
    counts: Counter[tuple[str, bool]] = Counter()
    chosen: list[Case] = []
    without: list[Case] = []
    for start in range(0, len(order), 2000):
        batch = order[start : start + 2000]
        judged = teacher.judge([(marked, pair.language, weak.hits) for pair, marked, weak in batch])
        read = first.probabilities([marked for _, marked, _ in batch])
        for (pair, _, weak), by_cues, by_reader in zip(batch, judged, read, strict=True):
            types = _both(by_cues, by_reader)
            if not types:
                without.append(Case(pair.text, pair.surface, {}, [], weight))
                continue
            keys = [(kind, p >= LIKELY) for kind, p in types.items()]
            if all(counts[key] >= most for key in keys):
                continue
            counts.update(keys)
            told = [kind for kind, p in types.items() if p >= LIKELY and kind in weak.roles]
            events = [(kind, weak.roles[kind], weak.state) for kind in told]
            chosen.append(Case(pair.text, pair.surface, types, events, weight))
    return [*chosen, *without[:empty]]


def _both(by_cues: dict[str, float], by_reader: dict[str, float]) -> dict[str, float]:
    """The mean of two opinions. Without a cue, only a sure reader counts."""
    found = {kind: (p + by_reader.get(kind, 0.0)) / 2 for kind, p in by_cues.items()}
    return found | {kind: p / 2 for kind, p in by_reader.items() if kind not in by_cues and p >= SURE}


def weak_pool(cues: WeakLabels, found: Iterable[Pair], most: int, seed: int) -> list[tuple[Pair, str, Weak]]:
    """``most`` of the pairs that were found, with their weak labels."""
    order = list(found)
    random.Random(seed).shuffle(order)
    marked = [(pair, found_in(pair.text, pair.surface)) for pair in order[:most]]
    return [(pair, text, cues.label(text, pair.language)) for pair, text in marked]
