"""Gives topics to texts by their embeddings and their words.

From the sentences and words of the taxonomy a classifier is fitted for each part of a scorer, with the scorer's own
embeddings: a linear discriminant with a shrunken covariance (Friedman 1989, "Regularized Discriminant Analysis"), whose
temperature comes from cross-validation. Each word of a topic that a text contains adds a fixed amount to that topic's
logit. Everything that depends on a version of the model is fitted anew for that version.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from model.topics.taxonomy import load_taxonomy

FORMAT = 1
"""The format of a stored fit. A fit of another format is not read."""

LEAST_PROBABILITY = 0.4
"""Topics less probable than this are not given. So a text has two topics at most."""

SHRINKAGE = 0.5
WORD_LOGIT, MOST_WORDS = 2.0, 2
"""How much a word adds to its topic's logit, and how many words of a topic count."""

FOLDS = 5
KEPT_FITS = 16
"""How many stored fits a folder keeps; the oldest go first."""

_TEMPERATURES = np.geomspace(1, 24, 25)


class Topics(NamedTuple):
    """The topics of a text, the most probable first, with their probabilities (``scores``).

    ``strangeness`` says how far the text is from everything in the taxonomy: 0 if it is as near to one of its sentences
    as those are to each other, 1 if it is farther away than any of them.
    """

    names: list[str]
    scores: list[float]
    strangeness: float


class Embedder(Protocol):
    """What a classifier is fitted with; ``model.Scorer`` is one."""

    @property
    def parts(self) -> Sequence[frozenset[str]]:
        """The languages of each part. Parts have embeddings of their own, so each gets its own classifier."""

    @property
    def device(self) -> str:
        """Where embeddings are computed: those of a CPU and of a GPU differ a little."""

    def encoder(self, languages: frozenset[str]) -> str:
        """Identifies the encoder of the part that reads ``languages``; versions may share it."""

    def embed(
        self, texts: Sequence[str], entities: Sequence[str | None], languages: Sequence[str | None]
    ) -> np.ndarray:
        """Embeddings float32 [n, hidden] of the texts, each about the entity beside it."""


class _Head(NamedTuple):
    """The classifier of one part: the logits of an embedding ``x`` are ``(x - mean) @ weights + bias``.

    ``whitener`` maps embeddings into the space where strangeness is measured. ``known`` are the examples there (rows of
    unit length), and ``usual`` is the cosine of each example to its nearest neighbour, sorted.
    """

    mean: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    whitener: np.ndarray
    known: np.ndarray
    usual: np.ndarray


class Classifier:
    """Gives topics to embedded texts. Texts of a part that the taxonomy has no sentences for get none."""

    def __init__(self, heads: Sequence[tuple[frozenset[str], _Head]]) -> None:
        self._heads = list(heads)
        self._taxonomy = load_taxonomy()

    @classmethod
    def of(cls, embedder: Embedder, folder: Path | None = None, built_in: Path | None = None) -> Classifier:
        """The classifier for the embeddings of ``embedder``.

        Fitting takes some seconds of scoring. With a ``folder``, fits are stored there and read again. What it does not
        hold is looked for in the folder ``built_in``, which is only read.
        """
        heads = []
        for languages in embedder.parts:
            if load_taxonomy().sources(languages):
                heads.append((languages, _fitted(embedder, languages, folder, built_in)))
        return cls(heads)

    def classify(self, texts: Sequence[str], embeddings: np.ndarray, languages: Sequence[str | None]) -> list[Topics]:
        """The topics of each text, given its embedding, a row of float32 [n, hidden], and its language. A text whose
        embedding is all zero, which means that it was not scored, has none."""
        results = [Topics([], [], 0.0)] * len(texts)
        for languages_read, head in self._heads:
            chosen = [i for i, code in enumerate(languages) if code in languages_read and embeddings[i].any()]
            if not chosen:
                continue
            centred = embeddings[chosen] - head.mean
            logits = centred @ head.weights + head.bias
            for row, i in enumerate(chosen):
                for number, count in self._taxonomy.words(texts[i]).items():
                    logits[row, number] += WORD_LOGIT * min(count, MOST_WORDS)
            shares = _softmax(logits)[:, : len(self._taxonomy.topics)]
            nearest = (_unit(centred @ head.whitener) @ head.known.T).max(axis=1)
            strangeness = 1 - np.searchsorted(head.usual, nearest) / len(head.usual)
            for row, i in enumerate(chosen):
                order = [k for k in np.argsort(-shares[row], kind="stable")[:2] if shares[row, k] >= LEAST_PROBABILITY]
                names = [self._taxonomy.topics[k].name for k in order]
                results[i] = Topics(names, [float(shares[row, k]) for k in order], float(strangeness[row]))
        return results


def _fitted(embedder: Embedder, languages: frozenset[str], folder: Path | None, built_in: Path | None) -> _Head:
    if folder is None:
        return _fit(embedder, languages)
    facts = (FORMAT, embedder.encoder(languages), embedder.device, sorted(languages), load_taxonomy().digest)
    name = f"{hashlib.sha256(repr(facts).encode()).hexdigest()[:32]}.npz"
    path = folder / name
    for held in (path, *([built_in / name] if built_in else [])):
        with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile), np.load(held) as stored:
            return _Head(*(stored[field] for field in _Head._fields))
    head = _fit(embedder, languages)
    with suppress(OSError):  # on a read-only disk the fit is only repeated the next time
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f"{path.stem}.{id(head):x}.new"
        with new.open("wb") as file:
            np.savez(file, **head._asdict())
        new.replace(path)
        for old in sorted(folder.glob("*.npz"), key=lambda one: one.stat().st_mtime)[:-KEPT_FITS]:
            old.unlink(missing_ok=True)
    return head


def _fit(embedder: Embedder, languages: frozenset[str]) -> _Head:
    texts, entities, codes, classes, weights = zip(*load_taxonomy().examples(languages), strict=True)
    x = embedder.embed(texts, entities, codes).astype(np.float64)
    y, w = np.array(classes), np.array(weights)
    mean = np.average(x, axis=0, weights=w)
    x -= mean
    # A sentence alone and the same sentence with its company go into one fold.
    fold = np.unique(texts, return_inverse=True)[1] % FOLDS
    held_out = np.empty((len(x), y.max() + 1))
    for number in range(FOLDS):
        out = fold == number
        a, b = _discriminant(x[~out], y[~out], w[~out])[:2]
        held_out[out] = x[out] @ a + b
    whole = w == 1  # sentences, not words
    losses = [
        -np.log(_softmax(held_out[whole] / temperature)[np.arange(whole.sum()), y[whole]] + 1e-12).mean()
        for temperature in _TEMPERATURES
    ]
    temperature = _TEMPERATURES[int(np.argmin(losses))]
    a, b, covariance = _discriminant(x, y, w)
    values, vectors = np.linalg.eigh(covariance)
    whitener = vectors / np.sqrt(values)
    known = _unit(x[[own == 1 and entity is None for own, entity in zip(weights, entities, strict=True)]] @ whitener)
    cosines = known @ known.T
    np.fill_diagonal(cosines, -1)
    head = _Head(mean, a / temperature, b / temperature, whitener, known, np.sort(cosines.max(axis=1)))
    return _Head(*(array.astype(np.float32) for array in head))


def _discriminant(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights [width, classes] and bias of the linear discriminant with equal priors, and the shrunken covariance."""
    means = np.stack([np.average(x[y == k], axis=0, weights=w[y == k]) for k in range(y.max() + 1)])
    within = (x - means[y]) * np.sqrt(w)[:, None]
    covariance = within.T @ within / w.sum()
    width = len(covariance)
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * np.trace(covariance) / width * np.eye(width)
    weights = np.linalg.solve(covariance, means.T)
    return weights, -0.5 * (means.T * weights).sum(axis=0), covariance


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
