"""Emerging topics: what many documents talk about that no topic of the taxonomy fits.

The documents that have no topic and are far from all that the taxonomy knows are clustered by their embeddings and
their rare terms. Each cluster is named by the terms that distinguish it from the other documents. Time and memory are
bounded: only a sample of at most ``MOST`` documents of each part of the last ``SPAN`` is read, chosen by a hash of the
story, so that every worker reads the same one. Embeddings of different versions of the model, or of different
languages, are not compared; a topic that goes on over a change of the model is recognised by its terms.

All state is in ClickHouse, so any worker can go on.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
from clickhouse_driver import Client

from documents import EMBEDDING_BYTES
from storage.reads import SampledDocument, emerging_topics, sample_documents
from storage.writes import write_emerging_topics

SPAN = timedelta(days=7)
RECENT = timedelta(days=1)
"""The documents of this time are compared with those of the rest of the span, per day."""

MOST = 1500
"""Documents in each sample: of the recent part, of the part before it, and of all documents for comparison."""

STRANGE = 0.5
"""Only documents at least this far from the taxonomy are clustered."""

ALIKE = 0.2
"""The documents of a cluster are at least so similar to its central one, by the mean of two cosines: that of the
embeddings and that of the terms."""

LEAST = 5
"""A cluster has at least so many documents."""

LEAST_TERMS = 4
"""Documents with fewer terms are too short to be about a topic."""

SAME_TOPIC = 1 / 3
"""A cluster that shares this part of its documents with an earlier topic is that topic."""

BURST, BURST_DOCUMENTS = 4.0, 10
"""A notice needs at least this many standard errors above the usual count, and this many recent documents."""

KEPT_MEMBERS = 100
"""At most so many documents of a topic are stored with it."""

TERMS = 4
"""At most so many terms name a topic."""

MOST_TERMS = 3000
"""At most so many terms are compared."""

COMMON = 0.3
"""Terms in a larger part of all documents distinguish nothing."""

SHRINK = 0.3
"""How far the covariance of embeddings is shrunk towards that of a sphere."""

_LINK = re.compile(r"!\[\w+\]\([^)]*\)|https?://\S*|[@$]\w+|&\w+;")
_WORD = re.compile(r"[a-z][a-z0-9&'-]+[a-z0-9]|[\u4e00-\u9fff]+")
_LETTERS = re.compile(r"[^a-z\u4e00-\u9fff]+")
_STOP = frozenset(
    """about after again all also and any are because been before being but can could did does doing down during each
    few for from further had has have having her here hers him his how into its itself just like more most new
    not now off once one only other our out over own per said same say says she should some still such than that
    the their them then there these they this those through today too two under until upon very was way week
    were what when where which while who whom why will with would year yes yet you your amp via user get gets
    got make may much many first last next back going good really think know want see don't it's i'm can't rt""".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class EmergingTopic:
    """A cluster at the time ``at``."""

    id: str
    at: datetime
    name: str
    terms: list[str]
    lang: str
    """The most frequent language of its documents."""
    first_at: datetime
    last_at: datetime
    documents: int
    """The number of documents, estimated from the sample. ``recent`` is estimated in the same way."""
    recent: int
    usual: float
    """The number of earlier documents in a span as long as the recent one."""
    burst: float
    """How far ``recent`` is above ``usual``, in standard errors."""
    entities: list[str]
    members: list[SampledDocument]
    """The sampled documents, the most typical first."""


def cluster(
    recent: Sequence[SampledDocument],
    before: Sequence[SampledDocument],
    others: Sequence[SampledDocument],
    at: datetime,
    known: Mapping[str, set[tuple[str, str, int, int]]],
    scale: tuple[float, float] = (1.0, 1.0),
) -> list[EmergingTopic]:
    """The clusters of the documents without a topic, the largest burst first.

    ``recent`` and ``before`` are samples of those documents, ``others`` is a sample of all documents for comparison.
    ``known`` are the members of earlier topics by their id. One sampled document stands for ``scale`` documents: the
    first value is for ``recent``, the second for ``before``.
    """
    read = [(one, terms(one.whole)) for one in _different([*before, *recent])]
    documents = [one for one, words in read if len(words) >= LEAST_TERMS]
    spoken = [words for _, words in read if len(words) >= LEAST_TERMS]
    if len(documents) < LEAST:
        return []
    here = {document.position for document in documents}
    elsewhere = [document for document in others if document.position not in here]
    frequency = Counter(term for words in spoken for term in words)
    frequency.update(term for document in elsewhere for term in terms(document.whole))
    total = len(documents) + len(elsewhere)
    alike = (_embedded(documents, others) + _worded(spoken, frequency, total)) / 2
    began = at - RECENT
    clusters = []
    for members in _stars(alike):
        chosen = [documents[i] for i in members]
        name = _name([spoken[i] for i in members], frequency, total)
        if not name:
            continue
        now = sum(document.published_at > began for document in chosen)
        earlier = len(chosen) - now
        usual = earlier * scale[1] / ((SPAN - RECENT) / RECENT)
        documents_now = now * scale[0]
        clusters.append(
            EmergingTopic(
                id=_identity(chosen, known),
                at=at,
                name=", ".join(name),
                terms=name,
                lang=Counter(document.lang for document in chosen).most_common(1)[0][0],
                first_at=min(document.published_at for document in chosen),
                last_at=max(document.published_at for document in chosen),
                documents=round(documents_now + earlier * scale[1]),
                recent=round(documents_now),
                usual=usual,
                # Anscombe's root makes the variance of a Poisson count 1/4 whatever its mean.
                burst=2 * (math.sqrt(now + 0.375) - math.sqrt(usual / scale[0] + 0.375)),
                entities=_entities(chosen),
                members=chosen,
            )
        )
    taken: set[str] = set()
    unique = []
    for topic in sorted(clusters, key=lambda one: (-one.burst, -one.documents, one.name)):
        if topic.id not in taken:
            taken.add(topic.id)
            unique.append(topic)
    return unique


def find_emerging_topics(client: Client, at: datetime) -> tuple[list[EmergingTopic], float]:
    """Find and store the emerging topics of the ``SPAN`` before ``at``.

    Returns them, and how many documents of all kinds the recent part has.
    """
    began = at - RECENT
    recent, recent_scale = sample_documents(client, began, at, MOST, STRANGE)
    before, before_scale = sample_documents(client, at - SPAN, began, MOST, STRANGE)
    others, others_scale = sample_documents(client, at - SPAN, at, MOST)
    known = {row["id"]: set(row["members"]) for row in emerging_topics(client, at - SPAN, limit=1000, until=at)}
    topics = cluster(recent, before, others, at, known, (recent_scale, before_scale))
    rows = [
        {**vars(topic), "members": [document.position for document in topic.members[:KEPT_MEMBERS]]} for topic in topics
    ]
    write_emerging_topics(client, rows)
    return topics, others_scale * sum(document.published_at > began for document in others)


def _different(documents: Iterable[SampledDocument]) -> list[SampledDocument]:
    """Leaves out documents that differ from an earlier one only in tickers, numbers and links: they come from one
    template."""
    kept: dict[str, SampledDocument] = {}
    for document in sorted(documents, key=lambda one: (one.published_at, one.position)):
        kept.setdefault(_LETTERS.sub("", _LINK.sub("", document.whole.lower()))[:200], document)
    return list(kept.values())


def terms(text: str) -> set[str]:
    """The words and the pairs of neighbouring words of a text; of Chinese, all strings of 2 to 4 characters."""
    found: set[str] = set()
    words = [match[0] for match in _WORD.finditer(_LINK.sub(" . ", text.lower()))]
    for word in words:
        if word[0] >= "\u4e00":
            found.update(word[i : i + n] for n in (2, 3, 4) for i in range(len(word) - n + 1))
        elif word not in _STOP:
            found.add(word)
    for one, other in pairwise(words):
        if one in found and other in found and one[0] < "\u4e00" > other[0]:
            found.add(f"{one} {other}")
    return found


def _embedded(documents: Sequence[SampledDocument], others: Sequence[SampledDocument]) -> np.ndarray:
    """Cosines of the embeddings, [documents, documents], whitened by all documents of the same version and language.
    Between two versions or languages they are 0."""
    cosines = np.zeros((len(documents), len(documents)), np.float32)
    groups: dict[tuple[str, str], list[int]] = {}
    for i, document in enumerate(documents):
        if len(document.embedding) == EMBEDDING_BYTES:
            groups.setdefault((document.model_version, document.lang), []).append(i)
    for key, members in groups.items():
        mine = _vectors([documents[i] for i in members])
        same = [o for o in others if (o.model_version, o.lang) == key and len(o.embedding) == EMBEDDING_BYTES]
        whole = np.concatenate([mine, _vectors(same)]) if same else mine
        mean = whole.mean(axis=0)
        covariance = np.cov(whole - mean, rowvar=False) if len(whole) > 1 else np.eye(EMBEDDING_BYTES)
        width = len(covariance)
        covariance = (1 - SHRINK) * covariance + (SHRINK * np.trace(covariance) / width + 1e-6) * np.eye(width)
        values, vectors = np.linalg.eigh(covariance)
        white = (mine - mean) @ (vectors / np.sqrt(values)).astype(np.float32)
        white /= np.maximum(np.linalg.norm(white, axis=1, keepdims=True), 1e-9)
        cosines[np.ix_(members, members)] = white @ white.T
    return cosines


def _vectors(documents: Sequence[SampledDocument]) -> np.ndarray:
    joined = np.frombuffer(b"".join(document.embedding for document in documents), np.int8)
    return joined.reshape(len(documents), EMBEDDING_BYTES).astype(np.float32)


def _worded(spoken: Sequence[set[str]], frequency: Mapping[str, int], total: int) -> np.ndarray:
    """Cosines of the documents' terms, [documents, documents], weighted by inverse document frequency."""
    here = Counter(term for words in spoken for term in words)
    usable = [term for term, n in here.items() if n >= 2 and frequency[term] <= max(COMMON * total, 2 * LEAST)]
    usable = sorted(usable, key=lambda term: (-here[term], term))[:MOST_TERMS]
    place = {term: i for i, term in enumerate(usable)}
    matrix = np.zeros((len(spoken), len(usable)), np.float32)
    for row, words in enumerate(spoken):
        for term in words & place.keys():
            matrix[row, place[term]] = math.log(total / frequency[term]) + 0.1
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
    return matrix @ matrix.T


def _stars(alike: np.ndarray) -> list[list[int]]:
    """The clusters as indices of documents, the most similar to the central one first (star clustering; Aslam et al.
    2004).

    A cluster is one document with all free documents that are ``ALIKE`` to it. The largest is taken first, until none
    of ``LEAST`` documents is left.
    """
    near = alike >= ALIKE
    np.fill_diagonal(near, True)
    free = np.ones(len(near), bool)
    stars: list[list[int]] = []
    while True:
        sizes = np.where(free, near[:, free].sum(axis=1), 0)
        middle = int(sizes.argmax())
        if sizes[middle] < LEAST:
            return stars
        members = np.flatnonzero(near[middle] & free)
        free[members] = False
        likeness = alike[middle][members]
        likeness[members == middle] = 2
        stars.append([int(i) for i in members[np.argsort(-likeness, kind="stable")]])


def _name(spoken: Sequence[set[str]], frequency: Mapping[str, int], total: int) -> list[str]:
    """The terms that distinguish a cluster (class-based TF-IDF; Grootendorst 2022).

    Empty where no term is in at least half of the cluster, or where there is only one term of one word: then the
    documents share a manner of speaking and not a topic.
    """
    here = Counter(term for words in spoken for term in words)
    least = max(2, math.ceil(len(spoken) / 4))
    scored = {
        term: n / len(spoken) * math.log(total / frequency[term]) * (1 + 0.2 * (_length(term) - 1))
        for term, n in here.items()
        if n >= least and frequency[term] <= max(COMMON * total, 2 * LEAST)
    }
    chosen: list[str] = []
    for term in sorted(scored, key=lambda one: (-scored[one], one)):
        parts = set(term.split())
        if not any(parts & set(other.split()) or term in other or other in term for other in chosen):
            chosen.append(term)
        if len(chosen) == TERMS:
            break
    speaks = len(chosen) > 1 or (chosen and _length(chosen[0]) > 1)
    return chosen if speaks and 2 * max(here[term] for term in chosen) >= len(spoken) else []


def _length(term: str) -> int:
    return len(term) - 1 if term[0] >= "\u4e00" else term.count(" ") + 1


def _entities(documents: Sequence[SampledDocument]) -> list[str]:
    """The companies in at least a fifth of the documents, the most frequent first."""
    named = Counter(entity for document in documents for entity in set(document.entities))
    return [entity for entity, n in sorted(named.items(), key=lambda one: (-one[1], one[0])) if n * 5 >= len(documents)]


def _identity(documents: Sequence[SampledDocument], known: Mapping[str, set[tuple[str, str, int, int]]]) -> str:
    """The id of the earlier topic that these documents belong to, or a new one made of the first document."""
    here = {document.position for document in documents}
    shared = {key: len(here & members) / min(len(here), len(members)) for key, members in known.items() if members}
    best = max(shared, key=lambda key: (shared[key], key), default="")
    if best and shared[best] >= SAME_TOPIC:
        return best
    first = min(documents, key=lambda one: (one.published_at, one.position))
    return hashlib.sha256("|".join(map(str, first.position)).encode()).hexdigest()[:16]
