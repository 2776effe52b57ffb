"""Self-training: the trained network labels documents that nobody labelled, and learns from those it is sure of.

A network that learns from its own answers confirms its errors (Arazo et al. 2020, arXiv 1908.02983). The guards against
it are:

- A document counts only if the network's answer stays the same, and sure, under noise.
- The answers that are taken have the labels in people's proportions. They are drawn at random among the sure ones; they
  are not the surest.
- For each label of people there are at most so many of them, and each counts less than a label of people.
- The result is kept only if people's held-out labels say that it is better.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from scipy.special import softmax

from retrain.data import LABELS, PEOPLES, SELF_LABELLED, Example, perturbed
from retrain.fit.inference import predict
from retrain.fit.inputs import Reader, encode
from retrain.fit.network import SentimentEncoder

SHARE = 0.5
"""An answer of the network counts as this share of a person's label."""

VIEWS = 3
"""How often a text is read: once as it is, and the other times with noise."""


@dataclass(slots=True)
class Chosen:
    """How many texts passed each guard, and the rows to learn from. ``taken`` counts the rows by label."""

    candidates: int
    steady: int
    sure: int
    taken: dict[str, int]
    rows: list[Example]

    def figures(self) -> dict[str, object]:
        """As plain JSON, without the rows."""
        return {name: value for name, value in asdict(self).items() if name != "rows"}


def choose(
    network: SentimentEncoder,
    reader: Reader,
    candidates: Sequence[Example],
    training: Sequence[Example],
    confident: float,
    share: float,
    seed: int,
) -> Chosen:
    """Those of ``candidates`` that may be learned from with the network's own label.

    ``confident`` is the least probability of a sure answer; ``share`` is how many answers may be taken for each label
    of people in ``training``.
    """
    people = [e for e in training if e.dataset in PEOPLES]
    rng = random.Random(seed)
    views = []
    for view in range(VIEWS):
        texts = [perturbed(e, (), 1.0, rng) for e in candidates] if view else list(candidates)
        views.append(softmax(predict(network, encode(reader, texts)), axis=1))
    stacked = np.stack(views)
    label = stacked[0].argmax(1)
    steady = (stacked.argmax(2) == label).all(0)
    sure = steady & (stacked.min(0)[np.arange(len(label)), label] > confident)
    shares = Counter(e.label for e in people)
    most = share * len(people)
    rows: list[Example] = []
    for number in range(len(LABELS)):
        of = [int(i) for i in np.flatnonzero(sure & (label == number))]
        take = min(len(of), round(most * shares[number] / max(1, len(people))))
        rows += [replace(candidates[i], dataset=SELF_LABELLED, label=number) for i in sorted(rng.sample(of, take))]
    taken = Counter(LABELS[e.label] for e in rows)
    return Chosen(len(candidates), int(steady.sum()), int(sure.sum()), dict(taken), rows)
