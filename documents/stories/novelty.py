"""Which documents tell the same story, and how new each one is.

A document joins a story of the last 24 hours (of the documents' own time) in one of three cases:

- it is an exact copy of one of the story's documents (``story_key``);
- its producer has sent it before (same source and id);
- it is news, its embedding is like that of one of the story's news (a cosine of at least ``SAME``, or of
  ``SAME_IN_WORDS`` where the headlines share half of their words), and the two do not contradict each other. They do
  where each headline names a company, a person or a number that the other one lacks, or where the sentiments are
  opposite.

Comments are joined by exact copies and ids only: two people of the same opinion are two opinions.

Novelty follows RavenPack's event novelty score (100, 75, 56, 42 ... within 24 hours). Every earlier document of the
story takes a share of what is left, ``DECAY`` at most, and less where it is older or less alike:
``100 * product(1 - 0.25 * cosine * (1 - hours / 24))``. After 24 hours a story is new again.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakValueDictionary

import numpy as np
import xxhash

from documents.records import EMBEDDING_BYTES, Document, Position, Row
from documents.stories.facts import Facts, facts
from documents.stories.key import story_key

SPAN_S = 24 * 3600.0
DECAY = 0.25
SAME = 0.92
SAME_IN_WORDS, IN_WORDS = 0.86, 0.5
"""Where two headlines share ``IN_WORDS`` of all their words, a cosine of ``SAME_IN_WORDS`` is enough."""

SAME_WITHOUT_NAMES = 0.93
"""The cosine that is wanted where a headline has a capital on every word: names cannot be told from other words."""

OPPOSITE = 1.0
"""Documents whose sentiments differ by this much are not of one story."""

HEADLINE = 500
"""So many characters of a title are compared as a headline: comparing names takes time that grows with their square."""

MOST_FACTS = 16
MOST_MEMBERS = 32
"""A story keeps its latest ``MOST_MEMBERS`` documents. Older ones do not matter: after 20 copies no novelty is left."""

CHUNK = 2048
"""Rows of one matrix product at most: of each chunk, those from its first document of the time span to its last."""

_UNIT = 127.0 * 127.0
"""The product of a vector with itself: vectors are int8 of 127 times the unit vector."""


class _Member(NamedTuple):
    """A document of a story. ``vector`` is its embedding, int8 [384], or of length 0 where it has none."""

    published: float
    key: int
    vector: np.ndarray


@dataclass(slots=True)
class _Headline:
    """What a document's headline states. This is worked out when it is first asked for: most are compared with none."""

    text: str
    companies: tuple[str, ...]
    _facts: Facts | None = None

    @property
    def facts(self) -> Facts:
        """What it states."""
        if self._facts is None:
            self._facts = facts(self.text, self.companies)
        return self._facts

    def states_the_same(self, other: _Headline) -> bool:
        """Whether the facts of both are equal."""
        alike = self.text == other.text and self.companies == other.companies
        return alike or self.facts == other.facts


@dataclass(slots=True, weakref_slot=True)
class _Story:
    """A story. ``began`` is the time of its first document: documents join that are published within a day of it."""

    id: int
    began: float
    headlines: list[_Headline] = field(default_factory=list)
    """Those of its documents that state different things, at most ``MOST_FACTS``."""
    members: deque[_Member] = field(default_factory=lambda: deque(maxlen=MOST_MEMBERS))

    def novelty(self, new: _Member) -> float:
        """How new the document ``new`` is if it joins now, 0 to 100."""
        left = 100.0
        for old in self.members:
            recent = 1 - abs(new.published - old.published) / SPAN_S
            if recent > 0:
                left *= 1 - DECAY * _likeness(new, old) * recent
        return left


@dataclass(slots=True)
class _Entry:
    """One document of the window."""

    position: Position
    key: int
    sent: tuple[str, str]
    lang: str
    published: float
    sentiment: float
    headline: _Headline
    story: _Story
    novelty: float


class Novelty:
    """The stories of the latest ``capacity`` documents, for one thread.

    ``capacity`` bounds the time and the memory for a document, however long the history is: each batch costs one matrix
    product with the news of the time span, and a story keeps at most ``MOST_MEMBERS`` documents.

    ``learn`` takes in stored documents: those of a worker that ran before, and those of other workers. Documents that
    another worker has stored and that are not learned yet are missing here. Exact copies of one day (UTC) get the same
    story all the same, because a story's id is made of its first document's text and day. Rewordings that two workers
    receive at the same moment may begin two stories.
    """

    def __init__(self, capacity: int = 20_000) -> None:
        self.capacity = capacity
        self.compared = 0
        """The number of pairs of vectors compared so far, for tests and benchmarks."""
        self.seen: dict[tuple[str, str, int], int] = {}
        """The last offset assigned or learned, of each (topic, topic id, partition)."""
        self._entries: OrderedDict[Position, _Entry] = OrderedDict()
        self._by_key: dict[int, _Entry] = {}
        self._by_sent: dict[tuple[str, str], _Entry] = {}
        self._stories: WeakValueDictionary[int, _Story] = WeakValueDictionary()
        self._vectors = np.zeros((capacity, EMBEDDING_BYTES), np.float32)  # the matrix product wants floats
        self._published = np.full(capacity, -np.inf)
        self._holders: list[_Entry | None] = [None] * capacity
        self._next = 0

    def __len__(self) -> int:
        return len(self._entries)

    def assign(self, rows: Sequence[Row]) -> None:
        """Fill in ``story_id`` and ``novelty`` of every document, in place. A document that was assigned before (by its
        position) gets the same values again."""
        fresh = []
        for row in sorted((row for row in rows if isinstance(row, Document)), key=_order):
            known = self._entries.get(row.position)
            if known is None:
                fresh.append(row)
            else:
                row.story_id, row.novelty = known.story.id, known.novelty
        alike = self._alike(fresh)
        placed: list[_Entry] = []
        for row, candidates in zip(fresh, alike, strict=True):
            key, headline = story_key(row.whole_text), _headline(row)
            found = [(c, placed[other] if isinstance(other, int) else other) for c, other in candidates]
            story = self._story(row, key, headline, found)
            placed.append(self._add(row, key, headline, story, None))
            row.story_id, row.novelty = story.id, placed[-1].novelty
        self._note(rows)

    def learn(self, rows: Iterable[Row]) -> None:
        """Take in ``rows`` that are stored with their stories (see ``storage.recent_documents``)."""
        rows = list(rows)
        for row in sorted((row for row in rows if isinstance(row, Document)), key=_order):
            if row.position in self._entries:
                continue
            story = self._stories.get(row.story_id) or _Story(row.story_id, row.published_at.timestamp())
            self._add(row, story_key(row.whole_text), _headline(row), story, row.novelty)
        self._note(rows)

    def _note(self, rows: Iterable[Row]) -> None:
        for row in rows:
            at = row.position
            partition = (at.topic, at.topic_id, at.partition)
            self.seen[partition] = max(at.offset, self.seen.get(partition, -1))

    def _alike(self, rows: Sequence[Document]) -> list[list[tuple[float, _Entry | int]]]:
        """For each row the pairs (cosine, document) with a cosine of at least ``SAME_IN_WORDS``, the largest first.

        The document is an entry of the window, or the number of an earlier row. Only news are compared.
        """
        found: list[list[tuple[float, _Entry | int]]] = [[] for _ in rows]
        numbers = [number for number, row in enumerate(rows) if _compares(row)]
        if not numbers:
            return found
        vectors = np.frombuffer(b"".join(rows[number].embedding for number in numbers), np.int8)
        batch = vectors.reshape(len(numbers), EMBEDDING_BYTES).astype(np.float32) / _UNIT
        published = [rows[number].published_at.timestamp() for number in numbers]
        first, last = min(published) - SPAN_S, max(published) + SPAN_S
        for start in range(0, self.capacity, CHUNK):
            times = self._published[start : start + CHUNK]
            inside = np.flatnonzero((times >= first) & (times <= last))
            if not len(inside):
                continue
            begin, end = start + int(inside[0]), start + int(inside[-1]) + 1
            cosines = batch @ self._vectors[begin:end].T
            self.compared += cosines.size
            for i, j in np.argwhere(cosines >= SAME_IN_WORDS):
                holder = self._holders[begin + j]
                if holder is not None:
                    found[numbers[i]].append((float(cosines[i, j]), holder))
        cosines = np.tril(batch @ (batch.T * _UNIT), -1)
        self.compared += cosines.size
        for i, j in np.argwhere(cosines >= SAME_IN_WORDS):
            found[numbers[i]].append((float(cosines[i, j]), numbers[j]))
        for candidates in found:
            candidates.sort(key=lambda candidate: -candidate[0])
        return found

    def _story(self, row: Document, key: int, headline: _Headline, alike: Sequence[tuple[float, _Entry]]) -> _Story:
        published = row.published_at.timestamp()
        for known in (self._by_key.get(key), self._by_sent.get((row.source, row.document_id))):
            if known is not None and abs(published - known.story.began) <= SPAN_S:
                return known.story
        for cosine, other in alike:
            if (
                row.lang == other.lang
                and max(abs(published - other.story.began), abs(published - other.published)) <= SPAN_S
                and abs(row.sentiment - other.sentiment) < OPPOSITE
                and _same_story(headline.facts, other, cosine)
            ):
                return other.story
        story_id = xxhash.xxh3_64_intdigest(f"{key:x} {row.published_at:%Y-%m-%d}".encode())
        return self._stories.get(story_id) or _Story(story_id, published)

    def _add(self, row: Document, key: int, headline: _Headline, story: _Story, novelty: float | None) -> _Entry:
        published = row.published_at.timestamp()
        member = _Member(published, key, np.frombuffer(row.embedding, np.int8))
        if novelty is None:
            novelty = story.novelty(member)
        self._stories[story.id] = story
        story.members.append(member)
        if len(story.headlines) < MOST_FACTS and not any(map(headline.states_the_same, story.headlines)):
            story.headlines.append(headline)
        sent = (row.source, row.document_id)
        entry = _Entry(row.position, key, sent, row.lang, published, row.sentiment, headline, story, novelty)
        self._entries[entry.position] = self._by_key[key] = self._by_sent[sent] = entry
        if _compares(row):
            self._vectors[self._next] = member.vector
            self._published[self._next] = published
            self._holders[self._next] = entry
            self._next = (self._next + 1) % self.capacity
        while len(self._entries) > self.capacity:
            _, oldest = self._entries.popitem(last=False)
            if self._by_key.get(oldest.key) is oldest:
                del self._by_key[oldest.key]
            if self._by_sent.get(oldest.sent) is oldest:
                del self._by_sent[oldest.sent]
        return entry


def _same_story(stated: Facts, other: _Entry, cosine: float) -> bool:
    """Whether what a headline states lets it join the story of ``other``, whose vector has this ``cosine`` with it."""
    known = other.headline.facts
    return (
        (cosine >= SAME or stated.shared(known) >= IN_WORDS)
        and (cosine >= SAME_WITHOUT_NAMES or (stated.names is not None and known.names is not None))
        and not stated.contradict(known)
        and not any(stated.contradict(one.facts) for one in other.story.headlines)
    )


def _likeness(one: _Member, other: _Member) -> float:
    """The cosine, 0 to 1. It is 1 for exact copies, and where one of the two has no vector."""
    if one.key == other.key or not len(one.vector) or not len(other.vector):
        return 1.0
    product = float(one.vector.astype(np.int32) @ other.vector.astype(np.int32)) / _UNIT
    return min(1.0, max(0.0, product))


def _compares(row: Document) -> bool:
    return row.kind == "news" and len(row.embedding) == EMBEDDING_BYTES


def _order(row: Document) -> tuple[object, ...]:
    """Batches in the order in which they were scored, and the documents of a batch in that of publication."""
    return row.scored_at, row.published_at, row.position


def _headline(row: Document) -> _Headline:
    text = row.title[:HEADLINE] or row.text[:200]
    lowered = text.lower() if row.mentions else ""
    return _Headline(text, tuple(one.entity for one in row.companies if one.surface.lower() in lowered))
