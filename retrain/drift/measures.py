"""What is measured of each document, as a number between 0 and 1, given documents that are known."""

from __future__ import annotations

from collections import Counter

import numpy as np

from retrain.data import words
from storage.reads import ArrivedDocuments

KNOWN = 1 / 3
"""The oldest documents of the reference, this share of it, only say what is known: words, neighbours, sources. The
others are measured like the current documents."""

MEASURES = ("embedding", "vocabulary", "sentiment", "neutral", "confidence")
MEASURES_OF_A_KIND = ("sources",)
"""Measured only over the documents of all sources of a kind together."""

NEIGHBOUR = 5
"""The distance to this nearest document counts: a single near one may be a repeated text."""

CHUNK = 1024
"""Distances of so many documents are computed at once, so that the memory is bounded."""


def measures(known: ArrivedDocuments, documents: ArrivedDocuments) -> dict[str, np.ndarray]:
    """Each measure of ``documents``, float64 [n] between 0 and 1:

    - ``embedding``: the distance to the fifth-nearest known document,
    - ``vocabulary``: the share of words that are not known,
    - ``sentiment`` and ``neutral``: of the predictions,
    - ``confidence``: the probability of the predicted label,
    - ``sources``: the share of the known documents that are of the document's source.
    """
    shares = Counter(known.source.tolist())
    return {
        "embedding": _distances(known.vectors, documents.vectors),
        "vocabulary": _unknown_words(known.text, documents.text),
        "sentiment": (documents.probabilities[:, 2] - documents.probabilities[:, 0] + 1) / 2,
        "neutral": documents.probabilities[:, 1],
        "confidence": documents.probabilities.max(1),
        "sources": np.array([shares[name] / len(known.source) for name in documents.source.tolist()]),
    }


def _distances(known: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Half of 1 - cosine to the ``NEIGHBOUR``-th nearest of ``known``, for vectors of length 1."""
    nth = min(NEIGHBOUR, len(known))
    cosines = []
    for start in range(0, len(vectors), CHUNK):
        likeness = vectors[start : start + CHUNK] @ known.T
        cosines.append(np.partition(likeness, len(known) - nth, axis=1)[:, len(known) - nth])
    return np.clip((1 - np.concatenate(cosines)) / 2, 0, 1).astype(float)


def _unknown_words(known: list[str], texts: list[str]) -> np.ndarray:
    vocabulary = {word for text in known for word in words(text)}
    shares = []
    for text in texts:
        own = words(text)
        shares.append(sum(word not in vocabulary for word in own) / len(own) if own else 0.0)
    return np.array(shares)


def cut(documents: ArrivedDocuments, start: int, stop: int | None) -> ArrivedDocuments:
    """The documents from ``start`` to ``stop``."""
    part = slice(start, stop)
    return ArrivedDocuments(
        documents.at[part],
        documents.source[part],
        documents.text[part],
        documents.probabilities[part],
        documents.vectors[part],
    )


def joined(a: ArrivedDocuments, b: ArrivedDocuments) -> ArrivedDocuments:
    """The documents of ``a``, followed by those of ``b``."""
    return ArrivedDocuments(
        np.concatenate([a.at, b.at]),
        np.concatenate([a.source, b.source]),
        a.text + b.text,
        np.concatenate([a.probabilities, b.probabilities]),
        np.concatenate([a.vectors, b.vectors]),
    )
