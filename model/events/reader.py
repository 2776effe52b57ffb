"""Reads events: a linear model over the words around a company's name (``features``), one logit a type, and where the
model's embedding of the text is at hand, a second one from that (``head``).

The words alone suffice, so events are read with any version of the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from documents import naming
from documents.events import Event, EventRole, EventState, EventTypes, load_event_types
from model.events.features import COMPANY, LONGEST_WINDOW, features, found_in, own_clauses, runs, windows
from model.events.figures import SURE, said_by_figures
from model.events.head import LANGUAGE, Embeds
from model.events.known import is_less_in_passing, is_of_another, state_by_wording
from model.events.relevance import about, relevance
from model.events.severity import polarity, severity
from model.events.unknown_companies import LONGEST_CHINESE, asked_about, counts_for, other_names
from model.events.weights import EventWeights
from model.events.wording import (
    VERDICTS,
    is_of_bidder,
    is_of_figures,
    is_of_government,
    is_only_verdict,
    is_question,
    verdict_role,
    without_background,
)

LEAST_PROBABILITY = 0.5
"""Events less probable than this are not told."""

FAR_BETTER, NEARLY_AS_WELL = 2.0, -1.0
"""If a text tells an event of another name by a logit so much higher, it is that one's, whatever the clauses are. If
only the other name's clauses tell it, so much lower is enough."""

GRAVE = 4
"""From this severity on, an event is a crisis."""

LANGUAGES = frozenset({"en", "zh"})
ROLES, STATES = list(EventRole), list(EventState)


class EventWord(NamedTuple):
    """A piece of the text, ``text[start:end]``, and what it adds to the logit of an event's type."""

    text: str
    start: int
    end: int
    weight: float


class EventReader:
    """Finds the events of (text, company) pairs. Types that the taxonomy no longer has are not told."""

    def __init__(self, weights: EventWeights, types: EventTypes) -> None:
        self._weights = weights
        self._types = [types.by_name.get(name) for name in weights.types]
        self._known = np.array([kind is not None for kind in self._types])
        self._row = weights.vocabulary.get
        self._suits: dict[str, bool] = {}

    def suits(self, version: str, model: Embeds) -> bool:
        """Whether the embeddings of this version of the model tell events; see ``EventHead.suits``. The answer is
        kept, so only the first time costs anything."""
        if version not in self._suits:
            head = self._weights.head
            self._suits[version] = head is not None and head.suits(model)
        return self._suits[version]

    def read(
        self,
        texts: Sequence[str],
        entities: Sequence[str],
        surfaces: Sequence[str],
        languages: Sequence[str | None],
        embeddings: np.ndarray | None = None,
    ) -> list[list[Event]]:
        """The events of each pair of a text and a company in it, the most probable first.

        ``entities`` are the companies' tickers and ``surfaces`` their names as the texts have them. A text in a
        language that the reader does not know has none. ``embeddings``, float32 [n, hidden], are those of the pairs,
        from a version of the model that ``suits``; they serve where a text is short enough to be read in one piece.
        """
        result: list[list[Event]] = [[] for _ in texts]
        marked = [found_in(text, surface) for text, surface in zip(texts, surfaces, strict=True)]
        pairs, parts = [], []
        for i, (one, code) in enumerate(zip(marked, languages, strict=True)):
            if code is None or code in LANGUAGES:
                for _, part in windows(one):
                    pairs.append(i)
                    parts.append(part)
        if not parts:
            return result
        logits = self.logits(parts)
        count = len(self._types)
        bound = float(np.log(LEAST_PROBABILITY / (1 - LEAST_PROBABILITY)))
        chances = (
            logits[:, :count] if embeddings is None else self._with_embeddings(logits, pairs, languages, embeddings)
        )
        told: dict[tuple[int, int], int] = {}
        for row, k in zip(*np.nonzero((chances >= bound) & self._known), strict=True):
            key = (pairs[row], int(k))
            if key not in told or chances[row, k] > chances[told[key], k]:
                told[key] = int(row)
        told = self._without_wording(marked, told)
        for key in self._of_unknown(texts, surfaces, marked, {key: logits[row] for key, row in told.items()}, bound):
            del told[key]
        compared = self._by_figures(texts, entities, surfaces, marked, set(pairs), told)
        if not told and not compared:
            return result
        shares = about(texts, marked)
        others = self._of_others(texts, marked, told, bound)
        by_words = {key: parts[row] for key, row in told.items() if logits[row, key[1]] >= bound}
        passing = self._in_passing(by_words, bound)
        for (i, k), row in told.items():
            role = EventRole.MENTIONED if (i, k) in others else None
            event = self._event(entities[i], k, float(chances[row, k]), logits[row], parts[row], shares[i], role)
            if (i, k) in passing and (event.severity < GRAVE or is_less_in_passing(event.type, parts[row])):
                event.severity = max(1, event.severity - 1)
            result[i].append(event)
        if compared:
            first = {i: row for row, i in reversed(list(enumerate(pairs)))}
            sure = float(np.log(SURE / (1 - SURE)))
            for i, k, slight in compared:
                row = first[i]
                chance = max(sure, float(chances[row, k]))
                role, state = EventRole.SUBJECT, EventState.HAPPENED
                event = self._event(entities[i], k, chance, logits[row], parts[row], shares[i], role, state)
                event.severity = max(1, event.severity - slight)
                result[i].append(event)
        for events in result:
            events.sort(key=lambda event: -event.probability)
        return result

    def explain(self, text: str, surface: str, kind: str, most: int = 8) -> list[EventWord]:
        """The pieces of ``text`` that spoke most for or against the type ``kind``, the strongest first."""
        number = self._weights.types.index(kind)
        column = self._weights.rows[:, number]
        scale = float(self._weights.scale[number])
        marked = found_in(text, surface)
        at, part = max(windows(marked), key=lambda one: float(self.logits([one[1]])[0, number]))
        added: dict[tuple[int, int], float] = {}
        seen: set[int] = set()
        for run in runs(part, len(surface)):
            row = self._row(run.name)
            if row is not None and column[row] and row not in seen:
                seen.add(row)
                place = (at + run.start, at + run.end)
                added[place] = added.get(place, 0.0) + float(column[row]) * scale
        words = [EventWord(text[start:end], start, end, weight) for (start, end), weight in added.items()]
        return sorted(words, key=lambda word: -abs(word.weight))[:most]

    def probabilities(self, marked: Sequence[str], least: float = 0.05) -> list[dict[str, float]]:
        """For each of texts as ``found_in`` returns them, the types that are at least so probable."""
        names = self._weights.types
        chances = 1 / (1 + np.exp(-self.logits(marked)[:, : len(names)]))
        return [{names[k]: float(row[k]) for k in np.flatnonzero(row >= least)} for row in chances]

    def logits(self, marked: Sequence[str]) -> np.ndarray:
        """The logits float32 [n, outputs] of texts as ``found_in`` returns them."""
        row = self._row
        ids = [set(map(row, features(one))) - {None} for one in marked]
        result = np.tile(self._weights.bias, (len(ids), 1))
        counts = np.fromiter(map(len, ids), np.int64, len(ids))
        if counts.any():
            flat = np.fromiter(chain.from_iterable(ids), np.int64, int(counts.sum()))
            starts = (np.cumsum(counts) - counts)[counts > 0]
            sums = np.add.reduceat(self._weights.rows[flat], starts, axis=0, dtype=np.int32)
            result[counts > 0] += sums * self._weights.scale
        return result

    def _with_embeddings(
        self, logits: np.ndarray, pairs: Sequence[int], languages: Sequence[str | None], embeddings: np.ndarray
    ) -> np.ndarray:
        """The logits of the types: by words and by the ``embeddings`` of the pairs where a text was read in one piece
        and is in the language of the head, else by words alone."""
        by_words = logits[:, : len(self._types)]
        counts = np.bincount(pairs)
        rows = [row for row, i in enumerate(pairs) if counts[i] == 1 and languages[i] == LANGUAGE]
        if not rows or self._weights.head is None:
            return by_words
        both = by_words.copy()
        both[rows] = self._weights.head.logits(by_words[rows], embeddings[[pairs[row] for row in rows]])
        return both

    def _of_others(
        self, texts: Sequence[str], marked: Sequence[str], told: Iterable[tuple[int, int]], bound: float
    ) -> set[tuple[int, int]]:
        """Those of the ``told`` (pair, type) that are another company's event.

        Where a text tells of one type of event for several companies, it is the event of those whose own clause tells
        it: "Acme files for bankruptcy, Globex says" is Acme's. If no clause of its own tells it, it stays with all.
        """
        groups: dict[tuple[str, int], list[int]] = {}
        for i, k in told:
            groups.setdefault((texts[i], k), []).append(i)
        several = [(k, i) for (_, k), group in groups.items() if len(group) > 1 for i in group]
        if not several:
            return set()
        logits = self.logits([own_clauses(marked[i]) for _, i in several])
        own = {(i, k) for row, (k, i) in enumerate(several) if logits[row, k] >= bound}
        return {
            (i, k)
            for (_, k), group in groups.items()
            if any((i, k) in own for i in group)
            for i in group
            if (i, k) not in own
        }

    def _in_passing(self, told: Mapping[tuple[int, int], str], bound: float) -> set[tuple[int, int]]:
        """Those of the ``told`` (pair, type), with the text of each, that it does not tell without its background."""
        tried = [(key, rest) for key, text in told.items() if (rest := without_background(text)) is not None]
        if not tried:
            return set()
        logits = self.logits([rest for _, rest in tried])
        return {key for (key, _), row in zip(tried, logits, strict=True) if row[key[1]] < bound}

    def _without_wording(self, marked: Sequence[str], told: dict[tuple[int, int], int]) -> dict[tuple[int, int], int]:
        """The ``told`` (pair, type) without those that the wording shows to be none."""
        names = self._weights.types
        kinds: dict[int, set[str]] = {}
        for i, k in told:
            kinds.setdefault(i, set()).add(names[k])
        asks = {i for i in kinds if is_question(marked[i])}
        return {
            (i, k): row
            for (i, k), row in told.items()
            if i not in asks
            and not is_only_verdict(names[k], kinds[i], marked[i])
            and not is_of_government(names[k], marked[i])
            and not is_of_figures(names[k], marked[i])
            and not is_of_bidder(names[k], marked[i])
        }

    def _by_figures(
        self,
        texts: Sequence[str],
        entities: Sequence[str],
        surfaces: Sequence[str],
        marked: Sequence[str],
        pairs: Iterable[int],
        told: dict[tuple[int, int], int],
    ) -> list[tuple[int, int, bool]]:
        """The (pair, type) that figures beside an estimate tell, with whether they are hardly off it. What the words
        told of these, or what the figures show to be none, is taken out of the ``told``."""
        found: list[tuple[int, int, bool]] = []
        for i in sorted(pairs):
            if not (said := said_by_figures(marked[i])):
                continue
            others = [
                match.start()
                for text, entity, surface in zip(texts, entities, surfaces, strict=True)
                if text == texts[i] and entity != entities[i] and surface
                for match in naming(surface).finditer(text)
            ]
            if others and not (said := said_by_figures(marked[i], others)):
                continue
            for k, name in enumerate(self._weights.types):
                if name in said.told and self._known[k]:
                    found.append((i, k, name in said.slight))
                if name in said.told or name in said.untold:
                    told.pop((i, k), None)
        return found

    def _of_unknown(
        self,
        texts: Sequence[str],
        surfaces: Sequence[str],
        marked: Sequence[str],
        told: dict[tuple[int, int], np.ndarray],
        bound: float,
    ) -> set[tuple[int, int]]:
        """Those of the ``told`` (pair, type), with their logits, that are events of a company that the text names and
        nobody asked about: read as one about that company, the text tells the event as well, and only the clauses that
        name that company do. Long texts are left as they are, and those that name the company by its cashtag, since its
        name often stands beside that."""
        kinds: dict[int, list[int]] = {}
        for i, k in told:
            kinds.setdefault(i, []).append(k)
        pairs = [
            i
            for i in kinds
            if COMPANY in marked[i]
            and len(marked[i]) <= (LONGEST_WINDOW if surfaces[i].isascii() else LONGEST_CHINESE)
            and not surfaces[i].startswith("$")
        ]
        names = self._weights.types
        tried = [
            (i, name, sure)
            for i in pairs
            for name, sure in other_names(texts[i], surfaces[i], self._row)
            if any(counts_for(names[k], sure) for k in kinds[i])
        ]
        if not tried:
            return set()
        named = sorted({i for i, _, _ in tried})
        alone = dict(zip(named, self.logits([own_clauses(marked[i]) for i in named]), strict=True))
        asked = [asked_about(texts[i], surfaces[i], name) for i, name, _ in tried]
        of_other, of_clauses = self.logits(asked), self.logits([own_clauses(one) for one in asked])
        found = set()
        for (i, _, sure), other, clauses in zip(tried, of_other, of_clauses, strict=True):
            for k in kinds[i]:
                if other[k] < bound or not counts_for(names[k], sure):
                    continue
                gain = float(other[k] - told[i, k][k])
                by_clause = alone[i][k] < bound <= clauses[k] and gain > NEARLY_AS_WELL
                if by_clause or (gain >= FAR_BETTER and texts[i].isascii()):
                    found.add((i, k))
        return found

    def _event(
        self,
        entity: str,
        k: int,
        chance: float,
        logits: np.ndarray,
        text: str,
        share: float,
        role: EventRole | None,
        state: EventState | None = None,
    ) -> Event:
        """The event of the type with the number ``k`` and the logit ``chance``; ``logits`` are those by words, which
        tell the role and the state where they are not given."""
        kind = self._types[k]
        assert kind is not None
        count = len(self._types)
        if role is None and kind.name in VERDICTS:
            role = verdict_role(text)
        role = role or ROLES[int(np.argmax(logits[count : count + len(ROLES)] + self._weights.role_of[k]))]
        if role is EventRole.SUBJECT and is_of_another(text):
            role = EventRole.MENTIONED
        if state is None:
            state = STATES[int(np.argmax(logits[count + len(ROLES) :] + self._weights.state_of[k]))]
            state = state_by_wording(kind.name, text, state)
        return Event(
            entity=entity,
            type=kind.name,
            probability=round(float(1 / (1 + np.exp(-chance))), 4),
            role=role,
            state=state,
            relevance=relevance(share, role),
            severity=severity(kind, text, role, state),
            polarity=polarity(kind, text, role, state),
        )


def load_event_reader() -> EventReader:
    """The reader that ships with finsent, with the taxonomy in use. Raises ``BadEventWeights`` or ``BadEventTypes``."""
    with resources.as_file(resources.files("model")) as room:
        weights = EventWeights.read(Path(room) / "default" / "events")
    return EventReader(weights, load_event_types())
