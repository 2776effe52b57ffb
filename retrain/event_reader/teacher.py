"""The teacher of the weak labels: how probable each hint of the cues is, learnt from the labels by reading.

A cue that is always a near miss (``bid`` in "bid and ask") gets a low probability, one that is always right a high one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from retrain.event_reader.labels import Labelled
from retrain.event_reader.weak import WeakLabels

STRENGTH = 1.0
"""Inverse of the regularisation."""


class Teacher:
    """Gives the probability of each type that the cues find in a text."""

    def __init__(self, cues: WeakLabels, labelled: Sequence[Labelled]) -> None:
        self._cues = cues
        facts, right = [], []
        for one in labelled:
            types = {kind for kind, _, _ in one.events}
            hits = cues.hits(one.marked, one.language)
            for kind in hits:
                facts.append(self._facts(one.marked, one.language, kind, hits))
                right.append(kind in types)
        self._columns = DictVectorizer()
        self._model = LogisticRegression(C=STRENGTH, max_iter=300).fit(self._columns.fit_transform(facts), right)

    def judge(self, texts: Sequence[tuple[str, str, list[str]]]) -> list[dict[str, float]]:
        """For each (text, language, types that the cues find), the probability of each type."""
        facts = [self._facts(text, language, kind, hits) for text, language, hits in texts for kind in hits]
        if not facts:
            return [{} for _ in texts]
        found = iter(self._model.predict_proba(self._columns.transform(facts))[:, 1])
        return [{kind: float(next(found)) for kind in hits} for _, _, hits in texts]

    def _facts(self, marked: str, language: str, kind: str, hits: list[str]) -> dict[str, float]:
        text, own = self._cues.clauses(marked)
        at = text.find("@")
        scale = 60 if language == "en" else 20
        facts = {f"type {kind}": 1.0, "types": min(len(hits), 6) / 6}
        beside = False
        for number, cue in enumerate(self._cues.patterns[language][kind]):
            match = cue.search(text)
            if not match:
                continue
            inside = any(cue.search(clause) for clause in own)
            beside |= inside
            side = "with" if "@" in match.group() else "after" if match.start() >= at else "before"
            near = math.exp(-min(abs(match.start() - at), abs(match.end() - at)) / scale)
            name = f"{kind} {language} {number}"
            facts |= {name: 1.0, f"{name} {inside}": 1.0, f"{kind} {side}": 1.0, f"{kind} near": near, "near": near}
            facts[f"{kind}: {match.group()[:30]}"] = 1.0
        facts |= {f"beside {beside} {language}": 1.0, f"{kind} beside {beside}": 1.0}
        facts |= {f"{kind} & {other}": 0.5 for other in hits if other != kind}
        return facts
