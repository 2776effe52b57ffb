"""Topics that nobody wrote into the taxonomy: what is talked about that no topic fits.

The documents that have no topic and are far from all that the taxonomy knows are clustered by what their embeddings and
their rare terms have in common, and each cluster is named by the terms that set it apart. Both cost and memory are
bounded: of the last ``SPAN`` a sample of at most ``MOST`` documents a part is taken, by a hash of the story, so that
every worker takes the same one. Embeddings of different versions of the model (or languages) are not compared; a
topic that goes on over a change of the model is held together by its terms.

Nothing is kept between two calls but what is in ClickHouse, so any worker may go on with it.
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
"""What is recent is compared with the rest of the span, day for day."""

MOST = 1500
"""Documents of the recent part, of the part before it, and of all kinds of documents for comparison."""

STRANGE = 0.5
"""Documents without a topic that are at least so far from the taxonomy."""

ALIKE = 0.2
"""Documents of a cluster are so alike to the one in its middle: the mean of the embeddings' and the terms' cosine."""

LEAST = 5
"""Documents of a cluster."""

SPOKEN = 4
"""Terms that a document must have: what is shorter speaks of nothing."""

SAME_TOPIC = 1 / 3
"""A cluster that shares so many of its documents with a topic found before is that topic."""

BURST, BURST_DOCUMENTS = 4.0, 10
"""So many standard errors over what was usual, and so many recent documents, are worth a notice."""

KEPT_MEMBERS = 100
"""Documents of a topic that are stored with it."""

TERMS = 4
MOST_TERMS = 3000
COMMON = 0.3
"""Terms in more of all documents than this set nothing apart."""

SHRINK = 0.3
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
class Emerging:
    """A cluster at the time ``at``. ``members`` are its sampled documents, the most typical first; ``documents`` and
    ``recent`` are how many there are by that sample, ``usual`` how many a span as long as the recent one had before."""

    id: str
    at: datetime
    name: str
    terms: list[str]
    lang: str
    first_at: datetime
    last_at: datetime
    documents: int
    recent: int
    usual: float
    burst: float
    entities: list[str]
    members: list[SampledDocument]


def find(
    recent: Sequence[SampledDocument], before: Sequence[SampledDocument], others: Sequence[SampledDocument],
    at: datetime,
    known: Mapping[str, set[tuple[str, str, int, int]]], scale: tuple[float, float] = (1.0, 1.0),
) -> list[Emerging]:  # fmt: skip
    """The clusters of the strange documents ``recent`` and ``before``, the largest burst first. ``others`` are a sample
    of all documents, for comparison; ``known`` the members of earlier topics by id; ``scale`` how many documents each
    sampled one stands for, of the two parts."""
    spoken = [(one, terms(one.whole)) for one in _different([*before, *recent])]
    documents = [one for one, found in spoken if len(found) >= SPOKEN]
    told = [found for _, found in spoken if len(found) >= SPOKEN]
    if len(documents) < LEAST:
        return []
    here = {document.position for document in documents}
    elsewhere = [document for document in others if document.position not in here]
    frequency = Counter(term for found in told for term in found)
    frequency.update(term for document in elsewhere for term in terms(document.whole))
    total = len(documents) + len(elsewhere)
    alike = (_embedded(documents, others) + _worded(told, frequency, total)) / 2
    began = at - RECENT
    clusters = []
    for members in _stars(alike):
        chosen = [documents[i] for i in members]
        name = _name([told[i] for i in members], frequency, total)
        if not name:
            continue
        now = sum(document.published_at > began for document in chosen)
        then = len(chosen) - now
        usual = then * scale[1] / ((SPAN - RECENT) / RECENT)
        heard = now * scale[0]
        clusters.append(
            Emerging(
                id=_identity(chosen, known),
                at=at,
                name=", ".join(name),
                terms=name,
                lang=Counter(document.lang for document in chosen).most_common(1)[0][0],
                first_at=min(document.published_at for document in chosen),
                last_at=max(document.published_at for document in chosen),
                documents=round(heard + then * scale[1]),
                recent=round(heard),
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


def look(client: Client, at: datetime) -> tuple[list[Emerging], float]:
    """Find the emerging topics of the ``SPAN`` before ``at`` in what is stored, and store them; with them, how many
    documents of all kinds the recent part has."""
    began = at - RECENT
    recent, heard = sample_documents(client, began, at, MOST, STRANGE)
    before, then = sample_documents(client, at - SPAN, began, MOST, STRANGE)
    others, share = sample_documents(client, at - SPAN, at, MOST)
    known = {row["id"]: set(row["members"]) for row in emerging_topics(client, at - SPAN, limit=1000, until=at)}
    found = find(recent, before, others, at, known, (heard, then))
    rows = [
        {**vars(topic), "members": [document.position for document in topic.members[:KEPT_MEMBERS]]} for topic in found
    ]
    write_emerging_topics(client, rows)
    return found, share * sum(document.published_at > began for document in others)


def _different(documents: Iterable[SampledDocument]) -> list[SampledDocument]:
    """Without those that differ in tickers, numbers and links alone: they are one sender's template."""
    kept: dict[str, SampledDocument] = {}
    for document in sorted(documents, key=lambda one: (one.published_at, one.position)):
        kept.setdefault(_LETTERS.sub("", _LINK.sub("", document.whole.lower()))[:200], document)
    return list(kept.values())


def terms(text: str) -> set[str]:
    """Words and pairs of neighbouring words; of Chinese, all strings of 2 to 4 characters."""
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
    """Cosines of the embeddings, whitened by all documents of the same version and language; 0 between two of those."""
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


def _worded(told: Sequence[set[str]], frequency: Mapping[str, int], total: int) -> np.ndarray:
    """Cosines of the documents' terms, each weighing the more the rarer it is (inverse document frequency)."""
    here = Counter(term for found in told for term in found)
    usable = [term for term, n in here.items() if n >= 2 and frequency[term] <= max(COMMON * total, 2 * LEAST)]
    usable = sorted(usable, key=lambda term: (-here[term], term))[:MOST_TERMS]
    place = {term: i for i, term in enumerate(usable)}
    matrix = np.zeros((len(told), len(usable)), np.float32)
    for row, found in enumerate(told):
        for term in found & place.keys():
            matrix[row, place[term]] = math.log(total / frequency[term]) + 0.1
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
    return matrix @ matrix.T


def _stars(alike: np.ndarray) -> list[list[int]]:
    """Clusters of one document and all that are ``ALIKE`` to it, the largest first, as long as there are some of
    ``LEAST`` documents (star clustering; Aslam et al. 2004). Members in order of likeness."""
    near = alike >= ALIKE
    np.fill_diagonal(near, True)
    free = np.ones(len(near), bool)
    found: list[list[int]] = []
    while True:
        sizes = np.where(free, near[:, free].sum(axis=1), 0)
        middle = int(sizes.argmax())
        if sizes[middle] < LEAST:
            return found
        members = np.flatnonzero(near[middle] & free)
        free[members] = False
        likeness = alike[middle][members]
        likeness[members == middle] = 2
        found.append([int(i) for i in members[np.argsort(-likeness, kind="stable")]])


def _name(told: Sequence[set[str]], frequency: Mapping[str, int], total: int) -> list[str]:
    """The terms that set a cluster apart (class-based TF-IDF; Grootendorst 2022), one of them in at least half of it;
    empty if there is none, or but one short one, for then it is held together by a manner of speaking."""
    here = Counter(term for found in told for term in found)
    least = max(2, math.ceil(len(told) / 4))
    scored = {
        term: n / len(told) * math.log(total / frequency[term]) * (1 + 0.2 * (_length(term) - 1))
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
    return chosen if speaks and 2 * max(here[term] for term in chosen) >= len(told) else []


def _length(term: str) -> int:
    return len(term) - 1 if term[0] >= "\u4e00" else term.count(" ") + 1


def _entities(documents: Sequence[SampledDocument]) -> list[str]:
    """Who is in at least a fifth of the documents, most of them first."""
    named = Counter(entity for document in documents for entity in set(document.entities))
    return [entity for entity, n in sorted(named.items(), key=lambda one: (-one[1], one[0])) if n * 5 >= len(documents)]


def _identity(documents: Sequence[SampledDocument], known: Mapping[str, set[tuple[str, str, int, int]]]) -> str:
    """The id of the topic whose documents these are, or one made of its first document."""
    here = {document.position for document in documents}
    shared = {key: len(here & members) / min(len(here), len(members)) for key, members in known.items() if members}
    best = max(shared, key=lambda key: (shared[key], key), default="")
    if best and shared[best] >= SAME_TOPIC:
        return best
    first = min(documents, key=lambda one: (one.published_at, one.position))
    return hashlib.sha256("|".join(map(str, first.position)).encode()).hexdigest()[:16]
