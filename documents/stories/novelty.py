"""Which documents tell the same story, and how new each one is.

A document joins a story of the last 24 hours (of the documents' own time) when it is an exact copy of one of its
documents (``normalise.story_key``), when its producer has sent it before (same source and id), or, for news, when
the embeddings say the same (cosine of at least ``SAME``, or of ``SAME_IN_WORDS`` where the headlines share half of
their words) and the headlines do not contradict each other: each naming a company, a name or a number that the other
one lacks, or opposite sentiment. Comments are joined by exact copies
and ids alone: two people of like opinion are two opinions.

Novelty follows RavenPack's event novelty score (100, 75, 56, 42 ... within 24 hours): every earlier document of the
story takes ``DECAY`` of what is left, the less the farther away and the less alike it is:
``100 * product(1 - 0.25 * cosine * (1 - hours / 24))``. After 24 hours a story is new again.
"""

from __future__ import annotations

import re
import unicodedata
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakValueDictionary

import numpy as np
import xxhash

from documents.record import EMBEDDING_BYTES, Record
from documents.stories.key import lead, story_key

SPAN_S = 24 * 3600.0
DECAY = 0.25
SAME = 0.92
SAME_IN_WORDS, IN_WORDS = 0.86, 0.5
"""With this share of all words of two headlines in both, less likeness of the embeddings is enough."""

SAME_WITHOUT_NAMES = 0.93
"""Where every word has a capital, names cannot be told from other words, and the embeddings must agree more."""

OPPOSITE = 1.0
"""Sentiments this far apart are not of one story."""

MOST_FACTS = 16
MOST_MEMBERS = 32
"""Beyond these a story's older documents do not matter: with 20 copies nothing of the novelty is left."""

DOCUMENTS = ("news", "comment")

CHUNK = 2048
"""Rows of one matrix product; chunks that are wholly out of the time span are left out."""

_NUMBER = re.compile(
    r"(?<![\w.])(\d[\d,]*(?:\.\d+)?|\.\d+)(?:[\s-]?(trillion|tn|billion|bln|bn|b|million|mln|mn|m|thousand|k)\b)?",
    re.IGNORECASE,
)
_SCALE = {"th": 1e3, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_ATTRIBUTION = re.compile(r"(?::| [-\u2013\u2014])\s?[^:\u2013\u2014]{1,40}$")
_WORD = re.compile(r"[^\W\d_](?:[\w&]|['\u2019.-](?=\w))*")
_SPELT = {
    word: float(number)
    for number, word in enumerate(
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], start=2
    )
}
# Words that stand at the beginning of a headline with a capital and name nothing.
_NO_NAMES = frozenset(
    _WORD.findall(
        """a about after again all amid among an and analysis analyst are as at back before behind big breaking
        brief but by can could day despite do does down during exclusive explainer factbox first five for four
        from global graphic has have he her here higher his how if in inside instant into is it its just last
        latest less live lower may more most new news next no not now of off on one only opinion or our out over
        report reports says she should since so some source sources still ten than that the their them these
        they this those three timeline to top two under until up update view was we week what when where which
        who why will with year you your"""
    )
)


class Facts(NamedTuple):
    """What a headline states that a rewording keeps: ``names`` is None where they cannot be told."""

    companies: frozenset[str]
    numbers: frozenset[float]
    names: frozenset[str] | None
    words: frozenset[str]

    def contradict(self, other: Facts) -> bool:
        """Whether each of the two states something that the other one does not; what only one adds is detail."""
        if self.companies - other.companies and other.companies - self.companies:
            return True
        if self.numbers - other.numbers and other.numbers - self.numbers:
            return True
        return bool(_missing(self.names, other.words) and _missing(other.names, self.words))

    def shared(self, other: Facts) -> float:
        """The share of all words of the two headlines that both have (Jaccard)."""
        return len(self.words & other.words) / max(len(self.words | other.words), 1)


def _missing(names: frozenset[str] | None, words: frozenset[str]) -> bool:
    """Whether one of ``names`` is not among ``words``, nor longer or shorter there (Exxon, ExxonMobil)."""
    return any(
        name not in words
        and not any(
            min(len(word), len(name)) > 3 and (word.startswith(name) or name.startswith(word)) for word in words
        )
        for name in names or ()
    )


def facts(headline: str, companies: Iterable[str] = ()) -> Facts:
    """The facts of a headline as ``normalise`` leaves it; ``companies`` are the tickers found in it."""
    headline = lead(headline)
    numbers = set()
    for digits, scale in _NUMBER.findall(headline):
        factor = next(by for start, by in _SCALE.items() if scale.lower().startswith(start)) if scale else 1
        numbers.add(float(f"{float(digits.replace(',', '')) * factor:.6g}"))
    found = [match.group() for match in _WORD.finditer(headline)]
    plain = [_plain(word) for word in found]
    attributed = (
        match.start() if (match := _ATTRIBUTION.search(headline)) and match.start() > len(headline) / 2 else None
    )
    told = len(_WORD.findall(headline[:attributed]))
    numbers.update(_SPELT[word] for word in plain if word in _SPELT)
    names = {low for word, low in zip(found[:told], plain, strict=False) if not word.islower() and low not in _NO_NAMES}
    long = [word for word in found[1:] if len(word) > 3]
    titled = len(long) > 2 and sum(not word.islower() for word in long) > 0.7 * len(long)
    return Facts(frozenset(companies), frozenset(numbers), None if titled else frozenset(names), frozenset(plain))


def _plain(word: str) -> str:
    word = re.sub(r"['\u2019]s$", "", word).replace(".", "").replace("'", "").replace("\u2019", "").lower()
    return word if word.isascii() else "".join(c for c in unicodedata.normalize("NFD", word) if c.isalnum())


Position = tuple[str, str, int, int]
_UNIT = 127.0 * 127.0
"""What the product of a vector with itself is, as the vectors are int8."""


class _Member(NamedTuple):
    """What novelty needs of a document of a story; ``vector`` is int8 [384], or of length 0 for none."""

    published: float
    key: int
    vector: np.ndarray


@dataclass(slots=True, weakref_slot=True)
class _Story:
    """``began`` is the time of its first document: only what is published within a day of it joins."""

    id: int
    began: float
    facts: list[Facts] = field(default_factory=list)
    members: deque[_Member] = field(default_factory=lambda: deque(maxlen=MOST_MEMBERS))

    def novelty(self, new: _Member) -> float:
        """How new a document is that joins now, 0 to 100."""
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
    facts: Facts
    story: _Story
    novelty: float


class Novelty:
    """The window of the latest ``capacity`` documents, for one thread.

    Time and memory a document are bounded by ``capacity`` however long the history is: one matrix product a batch with
    the window's news of the span, and at most ``MOST_MEMBERS`` documents of a story.

    ``learn`` fills the window from what is stored, so that a restarted worker goes on as the one before it, and tells
    a worker of the documents of others. Until it was told, exact copies of one day (UTC) share their story all the
    same, because a story's id is made of its first document's text and day; rewordings that two workers receive at
    the same moment may begin two stories.
    """

    def __init__(self, capacity: int = 20_000) -> None:
        self.capacity = capacity
        self.compared = 0
        """Pairs of vectors compared so far, for tests and benchmarks."""
        self.seen: dict[tuple[str, str, int], int] = {}
        """The last offset that is known of each (topic, topic id, partition)."""
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

    def assign(self, rows: Sequence[Record]) -> None:
        """Fill in ``story_id`` and ``novelty`` of every good row, in place; a row that was seen before (its position
        tells) gets what it got then."""
        fresh = []
        for row in sorted((row for row in rows if not row.error_kind), key=_order):
            known = self._entries.get(_position(row))
            if known is None:
                fresh.append(row)
            else:
                row.story_id, row.novelty = known.story.id, known.novelty
        alike = self._alike(fresh)
        placed: list[_Entry] = []
        for row, candidates in zip(fresh, alike, strict=True):
            key, told = story_key(_whole(row)), _facts(row)
            found = [(c, placed[other] if isinstance(other, int) else other) for c, other in candidates]
            story = self._story(row, key, told, found)
            placed.append(self._add(row, key, told, story, None))
            row.story_id, row.novelty = story.id, placed[-1].novelty
        self._note(rows)

    def learn(self, rows: Iterable[Record]) -> None:
        """Take in rows that were stored with their story (``storage.recent_documents``), in their order of scoring."""
        rows = sorted(rows, key=_order)
        for row in rows:
            if row.error_kind or row.kind not in DOCUMENTS or _position(row) in self._entries:
                continue
            story = self._stories.get(row.story_id) or _Story(row.story_id, row.published_at.timestamp())
            self._add(row, story_key(_whole(row)), _facts(row), story, row.novelty)
        self._note(rows)

    def _note(self, rows: Iterable[Record]) -> None:
        for row in rows:
            partition = (row.topic, row.topic_id, row.partition)
            self.seen[partition] = max(row.offset, self.seen.get(partition, -1))

    def _alike(self, rows: Sequence[Record]) -> list[list[tuple[float, _Entry | int]]]:
        """For each row the (cosine, document) of at least ``SAME_IN_WORDS``, most alike first: of the window, or the
        number of an earlier row. Only news are compared."""
        found: list[list[tuple[float, _Entry | int]]] = [[] for _ in rows]
        numbers = [number for number, row in enumerate(rows) if _compares(row)]
        if not numbers:
            return found
        vectors = np.frombuffer(b"".join(rows[number].embedding for number in numbers), np.int8)
        batch = vectors.reshape(len(numbers), EMBEDDING_BYTES).astype(np.float32) / _UNIT
        published = [rows[number].published_at.timestamp() for number in numbers]
        first, last = min(published) - SPAN_S, max(published) + SPAN_S
        for start in range(0, self.capacity, CHUNK):
            chunk = slice(start, start + CHUNK)
            if not ((self._published[chunk] >= first) & (self._published[chunk] <= last)).any():
                continue
            cosines = batch @ self._vectors[chunk].T
            self.compared += cosines.size
            for i, j in np.argwhere(cosines >= SAME_IN_WORDS):
                holder = self._holders[start + j]
                if holder is not None:
                    found[numbers[i]].append((float(cosines[i, j]), holder))
        cosines = np.tril(batch @ (batch.T * _UNIT), -1)
        self.compared += cosines.size
        for i, j in np.argwhere(cosines >= SAME_IN_WORDS):
            found[numbers[i]].append((float(cosines[i, j]), numbers[j]))
        for candidates in found:
            candidates.sort(key=lambda candidate: -candidate[0])
        return found

    def _story(self, row: Record, key: int, told: Facts, alike: Sequence[tuple[float, _Entry]]) -> _Story:
        published = row.published_at.timestamp()
        for known in (self._by_key.get(key), self._by_sent.get((row.source, row.document_id))):
            if known is not None and abs(published - known.story.began) <= SPAN_S:
                return known.story
        for cosine, other in alike:
            if (
                row.lang == other.lang
                and max(abs(published - other.story.began), abs(published - other.published)) <= SPAN_S
                and abs(row.sentiment - other.sentiment) < OPPOSITE
                and (cosine >= SAME or told.shared(other.facts) >= IN_WORDS)
                and (cosine >= SAME_WITHOUT_NAMES or (told.names is not None and other.facts.names is not None))
                and not any(told.contradict(known) for known in (other.facts, *other.story.facts))
            ):
                return other.story
        story_id = xxhash.xxh3_64_intdigest(f"{key:x} {row.published_at:%Y-%m-%d}".encode())
        return self._stories.get(story_id) or _Story(story_id, published)

    def _add(self, row: Record, key: int, told: Facts, story: _Story, novelty: float | None) -> _Entry:
        published = row.published_at.timestamp()
        member = _Member(published, key, np.frombuffer(row.embedding, np.int8))
        if novelty is None:
            novelty = story.novelty(member)
        self._stories[story.id] = story
        story.members.append(member)
        if len(story.facts) < MOST_FACTS and told not in story.facts:
            story.facts.append(told)
        sent = (row.source, row.document_id)
        entry = _Entry(_position(row), key, sent, row.lang, published, row.sentiment, told, story, novelty)
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


def _likeness(one: _Member, other: _Member) -> float:
    """The cosine, 0 to 1; what was joined without vectors, or is an exact copy, counts as the same."""
    if one.key == other.key or not len(one.vector) or not len(other.vector):
        return 1.0
    product = float(one.vector.astype(np.int32) @ other.vector.astype(np.int32)) / _UNIT
    return min(1.0, max(0.0, product))


def _compares(row: Record) -> bool:
    return row.kind == "news" and len(row.embedding) == EMBEDDING_BYTES


def _position(row: Record) -> Position:
    return row.topic, row.topic_id, row.partition, row.offset


def _order(row: Record) -> tuple[object, ...]:
    """Batches in their order of scoring, the documents of a batch in that of publication."""
    return row.scored_at, row.published_at, *_position(row)


def _whole(row: Record) -> str:
    return f"{row.title}\n{row.text}" if row.title and row.text else row.title or row.text


def _facts(row: Record) -> Facts:
    headline = row.title or row.text[:200]
    lowered = headline.lower()
    named = zip(row.mention_entity, row.mention_surface, strict=True)
    return facts(headline, [entity for entity, surface in named if surface.lower() in lowered])
