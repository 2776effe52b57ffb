"""Explains scores: which words of a text decided its score.

A word's weight is what it adds to the positive logit minus the negative logit. Logits are used because probabilities
saturate: near 0 or 1 no single word would seem to matter.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Literal, Protocol, get_args

import numpy as np

from documents import LABELS, naming, normalise
from errors import FinsentError
from model.language import detect
from model.passages import SHORT
from model.scores import Scores

Method = Literal["occlusion", "shap"]
METHODS: tuple[Method, ...] = get_args(Method)

MOST_UNITS = 64
"""A text of more words is explained by this many phrases of equal length, which bounds the cost."""

SAMPLES = 256
"""About how many variants of a text are scored."""

EXACT = 8
"""Texts of at most this many words are explained with all subsets of their words, without sampling."""

SEED = 13
NOTHING = "."
"""The variant of a text that has no words left."""

_UNIT = re.compile(r"[\u3400-\u9fff]|[^\s\u3400-\u9fff]+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word, a Chinese character, or a phrase of a long text: ``text[start:end]`` of the explained text.

    ``weight`` is in logits, above 0 if the word speaks for positive.
    """

    text: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """A score and what each word adds to it.

    ``probabilities`` are in the order negative, neutral, positive; ``sentiment`` is positive minus negative. ``side``
    is the positive logit minus the negative logit of the text, and ``base`` that of the text without all words but the
    entity's name. The weights of ``shap`` add up to ``side - base``.
    """

    text: str
    entity: str | None
    label: str
    sentiment: float
    probabilities: tuple[float, float, float]
    words: tuple[Word, ...]
    side: float
    base: float
    method: Method
    model_version: str


class UnsupportedLanguage(FinsentError, ValueError):
    """The model does not read the text's language, so there is no score to explain."""


class Explainable(Protocol):
    """What can be explained: a ``model.Scorer``, or anything that scores like one."""

    version: str
    languages: frozenset[str]

    def score(
        self,
        texts: Sequence[str],
        entities: Sequence[str | None] | None = None,
        languages: Sequence[str | None] | None = None,
    ) -> Scores:
        """See ``Scorer.score``."""


def explain(
    scorer: Explainable,
    text: str,
    entity: str | None = None,
    method: Method = "shap",
    language: str | None = None,
    samples: int = SAMPLES,
) -> Explanation:
    """Explain the score of ``text`` (normalised first) about ``entity`` by the words in it.

    Methods:
    ``occlusion``: what the score loses when a word is left out (Zeiler and Fergus 2014, arXiv 1311.2901).
    ``shap``: Shapley values, estimated by KernelSHAP (Lundberg and Lee 2017, arXiv 1705.07874) with paired samples
    (Covert and Lee 2021, arXiv 2012.01536). They share out what several words do together, such as a negation and the
    word it negates.

    ``shap`` scores about ``samples`` variants of the text, and always those with one word left out and those with one
    word left. With ``samples`` 0 it scores only these. That costs about twice as much as occlusion and gives better
    weights: where several words say the same, leaving out one of them changes nothing.

    The entity's name stays in every variant. The score is about it, so by itself it decides nothing.
    All variants are scored in one call. Of a long text, which is read in passages, the sentence that decided is
    explained; ``side`` and ``base`` are then of this sentence.
    Raises ``UnsupportedLanguage``, and ``ValueError`` for an empty text.
    """
    text, entity = normalise(text), normalise(entity or "") or None
    if not text:
        raise ValueError("there is no text to explain")
    language = language or detect(text)
    if language not in scorer.languages:
        raise UnsupportedLanguage(f"the text is in a language ({language}) that {scorer.version} does not read")
    if len(text) <= SHORT:
        return _explained(scorer, text, entity, method, language, samples)
    whole = scorer.score([text], [entity], [language])
    start, end = whole.deciding[0].tolist()
    if end < 0:
        return _explained(scorer, text, entity, method, language, samples)
    found = _explained(scorer, text[start:end], entity, method, language, samples)
    p = [float(x) for x in whole.probabilities[0]]
    return replace(
        found,
        text=text,
        label=LABELS[int(np.argmax(p))],
        sentiment=p[2] - p[0],
        probabilities=(p[0], p[1], p[2]),
        words=tuple(replace(word, start=start + word.start, end=start + word.end) for word in found.words),
    )


def _explained(
    scorer: Explainable, text: str, entity: str | None, method: Method, language: str, samples: int
) -> Explanation:
    """``explain``, of a text that is read at once."""
    spans = _units(text)
    pieces = [text[start:end] for (start, _), end in zip(spans, [s for s, _ in spans[1:]] + [len(text)], strict=True)]

    named = [found.span() for found in naming(entity).finditer(text)] if entity else []
    # The name stays, unless the units are phrases, which hold more than a name.
    stays = np.array([len(spans) < MOST_UNITS and any(a < end and start < b for a, b in named) for start, end in spans])

    def score(kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        variants = [_joined(pieces, row) for row in kept | stays]
        scores = scorer.score(variants, [entity] * len(variants), [language] * len(variants))
        return scores.probabilities, scores.logits

    kept = _masks(len(spans), method, samples)
    probabilities, logits = score(kept)
    sides = (logits[:, 2] - logits[:, 0]).astype(float)
    # The first two masks keep everything and nothing.
    weights = sides[0] - sides[2:] if method == "occlusion" else _shapley(kept, sides)
    p = [float(x) for x in probabilities[0]]
    return Explanation(
        text,
        entity,
        LABELS[int(np.argmax(p))],
        p[2] - p[0],
        (p[0], p[1], p[2]),
        tuple(Word(text[s:e], s, e, float(w)) for (s, e), w in zip(spans, weights, strict=True)),
        float(sides[0]),
        float(sides[1]),
        method,
        scorer.version,
    )


def _units(text: str) -> list[tuple[int, int]]:
    spans = [match.span() for match in _UNIT.finditer(text)]
    groups = -(-len(spans) // -(-len(spans) // MOST_UNITS))
    ends = [round(i * len(spans) / groups) for i in range(groups + 1)]
    return [(spans[a][0], spans[b - 1][1]) for a, b in itertools.pairwise(ends)]


def _joined(pieces: Sequence[str], kept: np.ndarray) -> str:
    return "".join(piece for piece, keep in zip(pieces, kept, strict=True) if keep).strip() or NOTHING


def _masks(n: int, method: Method, samples: int) -> np.ndarray:
    """bool [variants, n], true for the words that a variant keeps: all, none, and then those the method needs."""
    ends = np.array([[True] * n, [False] * n])
    if method == "occlusion":
        return np.vstack([ends, ~np.eye(n, dtype=bool)])
    if n <= EXACT:
        every = (np.arange(2**n)[:, None] >> np.arange(n)) & 1 == 1
        return np.vstack([ends, every[(every.sum(axis=1) > 0) & (every.sum(axis=1) < n)]])
    rng = np.random.default_rng(SEED)
    sizes = np.arange(2, n - 1)
    chances = 1 / (sizes * (n - sizes))
    drawn = np.zeros((max(0, samples - 2 * n) // 2, n), bool)
    for row, size in zip(drawn, rng.choice(sizes, size=len(drawn), p=chances / chances.sum()), strict=True):
        row[rng.choice(n, size=size, replace=False)] = True
    return np.vstack([ends, ~np.eye(n, dtype=bool), np.eye(n, dtype=bool), drawn, ~drawn])


def _shapley(kept: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Shapley values [n] from the ``values`` [variants] of the variants ``kept`` [variants, n].

    They add up to the difference of rows 0 (all words) and 1 (none), and fit the other rows by least squares under the
    Shapley kernel.
    """
    n = kept.shape[1]
    whole, base = values[0], values[1]
    if n == 1:
        return np.array([whole - base])
    rows, sizes = kept[2:].astype(float), kept[2:].sum(axis=1)
    if n <= EXACT:
        weights = np.array([(n - 1) / (math.comb(n, s) * s * (n - s)) for s in sizes])
    else:
        # All variants of the sizes 1 and n - 1 are there. The sampled ones share the kernel's mass of all other sizes.
        chances = (n - 1) / (np.arange(1, n) * (n - np.arange(1, n)))
        edge = (sizes == 1) | (sizes == n - 1)
        weights = np.where(edge, chances[0] / n, chances[1:-1].sum() / max((~edge).sum(), 1))
    # The sum is known, so the last weight follows from the others.
    left = rows[:, :-1] - rows[:, -1:]
    right = values[2:] - base - rows[:, -1] * (whole - base)
    root = np.sqrt(weights)
    found = np.linalg.lstsq(left * root[:, None], right * root, rcond=None)[0]
    return np.append(found, whole - base - found.sum())


def as_html(found: Explanation) -> str:
    """One self-contained page, without scripts; all that comes from the text is escaped."""
    most = max(abs(word.weight) for word in found.words) or 1.0

    def colour(weight: float) -> str:
        return f"rgba({'0,128,60' if weight > 0 else '200,30,30'},{0.7 * abs(weight) / most:.2f})"

    parts, at = [], 0
    for word in found.words:
        parts.append(escape(found.text[at : word.start]))
        parts.append(
            f'<span title="{word.weight:+.2f}" style="background:{colour(word.weight)}">{escape(word.text)}</span>'
        )
        at = word.end
    parts.append(escape(found.text[at:]))
    rows = "".join(
        f"<tr><td>{escape(word.text)}</td><td>{word.weight:+.2f}</td></tr>"
        for word in sorted(found.words, key=lambda word: -abs(word.weight))
    )
    shares = ", ".join(f"{label} {p:.1%}" for label, p in zip(LABELS, found.probabilities, strict=True))
    about = f" about {escape(found.entity)}" if found.entity else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{found.label}: {escape(found.text[:80])}</title>
<style>
body {{ font: 1rem/1.6 system-ui, sans-serif; max-width: 45rem; margin: 2rem auto; padding: 0 1rem;
  color: #111; background: #fff }}
p.text {{ font-size: 1.25rem }} span {{ border-radius: .2em; padding: .05em .1em }}
td {{ padding: 0 1rem 0 0 }} td + td {{ text-align: right; font-variant-numeric: tabular-nums }}
</style></head><body>
<h1>{found.label}{about}: {found.sentiment:+.2f}</h1>
<p>{shares}</p>
<p class="text">{"".join(parts)}</p>
<p>Green speaks for positive, red for negative. Weights are in logits, by {found.method}.</p>
<table>{rows}</table>
<p><small>{escape(found.model_version)}</small></p>
</body></html>
"""
