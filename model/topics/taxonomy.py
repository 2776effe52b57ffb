"""What a text is about: topics by its embedding and its words.

The taxonomy is ``topics.yaml``: sentences and words of each topic. From them a classifier is fitted for each part of a
scorer, with the scorer's own embeddings: a linear discriminant with a shrunken covariance (Friedman 1989), whose
temperature comes from cross-validation, plus a fixed weight for each word of a topic that the text has. So everything
that depends on a version of the model is made anew for each version, and nothing is tuned to one.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import ahocorasick
import numpy as np
import yaml

if TYPE_CHECKING:
    from model.scorer import Scorer

FORMAT = 1
"""Of what is kept of a fit."""

LEAST = 0.4
"""A topic's least probability; so a text has two topics at most."""

SHRINK = 0.5
PART_OF_WORD = 0.3
"""A word alone is a weak example of its topic."""

WORD_WEIGHT, MOST_WORDS = 2.0, 2
"""What a word adds to the logit of its topic, and how many count."""

FOLDS = 5
KEPT_FITS = 16
LONGEST = 4000
"""Characters in which words are looked for."""

NAMES = {
    "en": ("Siemens", "Tesla", "the group", "JPMorgan", "Acme Corp", "Unilever", "$ABC"),
    "zh": ("腾讯", "该公司", "贵州茅台", "比亚迪", "格力电器"),
}
"""What stands for a company in the sentences; every other one that names it is learned as a pair with it, too."""

NAMELESS = frozenset({"the group", "该公司"})

_CHINESE = re.compile("[\u4e00-\u9fff]")
_TEMPERATURES = np.geomspace(1, 24, 25)


class Topics(NamedTuple):
    """What a text is about, the likeliest first, with probabilities; and how far it is from all that the taxonomy
    knows: 0 for what is as near as its own sentences are to each other, 1 for what is farther than any."""

    names: list[str]
    scores: list[float]
    strangeness: float


@dataclass(frozen=True)
class Topic:
    """One topic, or one kind of ``background``."""

    name: str
    definition: str
    sentences: dict[str, list[str]]
    words: list[str]


@dataclass(frozen=True)
class Taxonomy:
    """All of ``topics.yaml``. The background comes last, and is never an answer."""

    topics: list[Topic]
    background: list[Topic]
    digest: str
    automaton: Any = field(repr=False)

    @property
    def names(self) -> list[str]:
        """Of the topics."""
        return [topic.name for topic in self.topics]

    def examples(self, languages: frozenset[str]) -> list[tuple[str, str | None, str, int, float]]:
        """(text, entity, language, class, weight) of all that a classifier for ``languages`` learns from."""
        found: list[tuple[str, str | None, str, int, float]] = []
        for number, topic in enumerate([*self.topics, *self.background]):
            for language in sorted(languages & NAMES.keys()):
                for turn, sentence in enumerate(topic.sentences.get(language, ())):
                    name = NAMES[language][turn % len(NAMES[language])]
                    text = sentence.replace("{c}", name)
                    found.append((text, None, language, number, 1.0))
                    if text != sentence and name not in NAMELESS and turn % 2:
                        found.append((text, name, language, number, 1.0))
                for word in topic.words:
                    if bool(_CHINESE.search(word)) == (language == "zh"):
                        found.append((word.rstrip("*"), None, language, number, PART_OF_WORD))
        return found

    def words(self, text: str) -> dict[int, int]:
        """How many different words of each topic ``text`` has, by the topic's number."""
        text = f" {text[:LONGEST].lower()} "
        seen: set[tuple[int, str]] = set()
        for end, holders in self.automaton.iter(text):
            for word, number, bounded, open_ended in holders:
                before, after = text[end - len(word)], text[end + 1]
                if not bounded or (not before.isalnum() and (open_ended or not after.isalnum())):
                    seen.add((number, word))
        counts: dict[int, int] = {}
        for number, _ in seen:
            counts[number] = counts.get(number, 0) + 1
        return counts


@cache
def load_taxonomy() -> Taxonomy:
    """The taxonomy that ships with finsent."""
    data = (resources.files("model.topics") / "topics.yaml").read_bytes()
    read = yaml.safe_load(data)
    topics, background = (
        [
            Topic(
                name,
                about.get("definition", ""),
                {language: about[language] for language in NAMES if language in about},
                [str(word) for word in about.get("words", ())],
            )
            for name, about in read[group].items()
        ]
        for group in ("topics", "background")
    )
    holders: dict[str, list[tuple[str, int, bool, bool]]] = {}
    for number, topic in enumerate(topics):
        for word in topic.words:
            bare = word.rstrip("*")
            holders.setdefault(bare, []).append((bare, number, not _CHINESE.search(word), word.endswith("*")))
    automaton = ahocorasick.Automaton()
    for bare, held in holders.items():
        automaton.add_word(bare, tuple(held))
    automaton.make_automaton()
    return Taxonomy(topics, background, hashlib.sha256(data).hexdigest(), automaton)


class _Head(NamedTuple):
    """One part's classifier: logits are ``(x - mean) @ weights + bias``; ``whitener`` makes the space in which
    ``known`` (unit rows) are the examples, and ``usual`` their sorted cosines to the next example."""

    mean: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    whitener: np.ndarray
    known: np.ndarray
    usual: np.ndarray


class Classifier:
    """Gives topics to texts that ``scorer`` has embedded. Texts in a language for which the taxonomy has no
    sentences get none."""

    def __init__(self, heads: Sequence[tuple[frozenset[str], _Head]]) -> None:
        self._heads = list(heads)
        self._taxonomy = load_taxonomy()

    @classmethod
    def of(cls, scorer: Scorer, folder: Path | None = None) -> Classifier:
        """The classifier for ``scorer``: some seconds of scoring, unless ``folder`` keeps one for its encoder."""
        heads = []
        for languages in scorer.parts:
            if languages & NAMES.keys():
                heads.append((languages, _kept(scorer, languages, folder)))
        return cls(heads)

    def classify(self, texts: Sequence[str], embeddings: np.ndarray, languages: Sequence[str | None]) -> list[Topics]:
        """The topics of each text, given the embeddings that the scorer gave. A text without an embedding (all zero)
        has none."""
        found = [Topics([], [], 0.0)] * len(texts)
        for read, head in self._heads:
            chosen = [i for i, code in enumerate(languages) if code in read and embeddings[i].any()]
            if not chosen:
                continue
            centred = embeddings[chosen] - head.mean
            logits = centred @ head.weights + head.bias
            for row, i in enumerate(chosen):
                for number, count in self._taxonomy.words(texts[i]).items():
                    logits[row, number] += WORD_WEIGHT * min(count, MOST_WORDS)
            shares = _softmax(logits)[:, : len(self._taxonomy.topics)]
            nearest = (_unit(centred @ head.whitener) @ head.known.T).max(axis=1)
            strangeness = 1 - np.searchsorted(head.usual, nearest) / len(head.usual)
            for row, i in enumerate(chosen):
                order = [k for k in np.argsort(-shares[row], kind="stable")[:2] if shares[row, k] >= LEAST]
                names = [self._taxonomy.topics[k].name for k in order]
                found[i] = Topics(names, [float(shares[row, k]) for k in order], float(strangeness[row]))
        return found


def _kept(scorer: Scorer, languages: frozenset[str], folder: Path | None) -> _Head:
    if folder is None:
        return _fit(scorer, languages)
    facts = (FORMAT, scorer.encoder(languages), scorer.running.device, sorted(languages), load_taxonomy().digest)
    path = folder / f"{hashlib.sha256(repr(facts).encode()).hexdigest()[:32]}.npz"
    with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile), np.load(path) as kept:
        return _Head(*(kept[name] for name in _Head._fields))
    head = _fit(scorer, languages)
    with suppress(OSError):  # a read-only disk costs time and nothing else
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f"{path.stem}.{id(head):x}.new"
        with new.open("wb") as file:
            np.savez(file, **head._asdict())
        new.replace(path)
        for old in sorted(folder.glob("*.npz"), key=lambda one: one.stat().st_mtime)[:-KEPT_FITS]:
            old.unlink(missing_ok=True)
    return head


def _fit(scorer: Scorer, languages: frozenset[str]) -> _Head:
    texts, entities, codes, classes, weights = zip(*load_taxonomy().examples(languages), strict=True)
    x = scorer.score(texts, entities, codes).embeddings.astype(np.float64)
    y, w = np.array(classes), np.array(weights)
    mean = np.average(x, axis=0, weights=w)
    x -= mean
    # A sentence and its pair with the company stay in one fold.
    fold = np.unique(texts, return_inverse=True)[1] % FOLDS
    held_out = np.empty((len(x), y.max() + 1))
    for number in range(FOLDS):
        out = fold == number
        a, b = _discriminant(x[~out], y[~out], w[~out])[:2]
        held_out[out] = x[out] @ a + b
    whole = w == 1
    losses = [
        -np.log(_softmax(held_out[whole] / heat)[np.arange(whole.sum()), y[whole]] + 1e-12).mean()
        for heat in _TEMPERATURES
    ]
    heat = _TEMPERATURES[int(np.argmin(losses))]
    a, b, covariance = _discriminant(x, y, w)
    values, vectors = np.linalg.eigh(covariance)
    whitener = vectors / np.sqrt(values)
    known = _unit(x[[own == 1 and entity is None for own, entity in zip(weights, entities, strict=True)]] @ whitener)
    cosines = known @ known.T
    np.fill_diagonal(cosines, -1)
    found = _Head(mean, a / heat, b / heat, whitener, known, np.sort(cosines.max(axis=1)))
    return _Head(*(part.astype(np.float32) for part in found))


def _discriminant(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights [width, classes] and bias of the linear discriminant with equal priors, and the shrunken covariance."""
    means = np.stack([np.average(x[y == k], axis=0, weights=w[y == k]) for k in range(y.max() + 1)])
    within = (x - means[y]) * np.sqrt(w)[:, None]
    covariance = within.T @ within / w.sum()
    width = len(covariance)
    covariance = (1 - SHRINK) * covariance + SHRINK * np.trace(covariance) / width * np.eye(width)
    weights = np.linalg.solve(covariance, means.T)
    return weights, -0.5 * (means.T * weights).sum(axis=0), covariance


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
