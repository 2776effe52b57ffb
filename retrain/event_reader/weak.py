"""Weak labels by the words of ``cues.yaml``: good enough to begin with, and never used to judge the reader."""

from __future__ import annotations

import re
from importlib import resources
from typing import NamedTuple

import yaml

from documents.events import EventRole, EventState

_CLAUSE = re.compile(
    r"(?<=[,;:.!?\u3002\uff1b\uff01\uff1f\uff0c\u2014])\s*|\s+(?=(?:as|while|after|but|amid|despite)\s)"
)


class Weak(NamedTuple):
    """The types that a text may tell (``hits``), and its role in each of them and its state, by the cues."""

    hits: list[str]
    roles: dict[str, EventRole]
    state: EventState


class WeakLabels:
    """The cues, compiled. ``patterns`` are the cues of each type by language."""

    def __init__(self) -> None:
        read = yaml.safe_load((resources.files("retrain.event_reader") / "cues.yaml").read_text(encoding="utf-8"))
        self.patterns = {
            language: {kind: [re.compile(cue) for cue in by[language]] for kind, by in read["types"].items()}
            for language in ("en", "zh")
        }
        self._any = {
            language: {
                kind: re.compile("|".join(f"(?:{cue})" for cue in by[language])) for kind, by in read["types"].items()
            }
            for language in ("en", "zh")
        }
        self._states = [(EventState(state), re.compile("|".join(cues))) for state, cues in read["states"].items()]
        self._counterparty = {kind: re.compile(cue) for kind, cue in read["counterparty"].items()}

    def hits(self, marked: str, language: str) -> list[str]:
        """The types with a cue in the text, which ``model.events.found_in`` has marked."""
        text = re.sub(r"@\s+", "@ ", marked)
        return [kind for kind, cue in self._any[language].items() if cue.search(text)]

    def clauses(self, marked: str) -> tuple[str, list[str]]:
        """The text without the placeholder's padding, and its clauses that name the company."""
        text = re.sub(r"@\s+", "@ ", marked)
        return text, [clause for clause in _CLAUSE.split(text) if clause and "@" in clause]

    def label(self, marked: str, language: str) -> Weak:
        """The weak labels of a text."""
        hits = self.hits(marked, language)
        if not hits:
            return Weak([], {}, EventState.HAPPENED)
        text = re.sub(r"@\s+", "@ ", marked)
        state = next((state for state, cue in self._states if cue.search(text)), EventState.HAPPENED)
        roles = {
            kind: EventRole.COUNTERPARTY
            if (cue := self._counterparty.get(kind)) and cue.search(text)
            else EventRole.SUBJECT
            for kind in hits
        }
        return Weak(hits, roles, state)
