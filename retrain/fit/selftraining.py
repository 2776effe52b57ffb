"""Self-training: the fine-tuned network labels documents that nobody labelled, and learns from those it is sure of.

A network that learns from its own answers confirms its errors (Arazo et al. 2020, arXiv 1908.02983). Against it: a
document counts only if its answer stays the same, and sure, under noise; the answers taken are spread over the labels
as people's labels are, drawn at random among the sure ones and not the surest; there are at most so many for each
label of people, and each counts less; and the result is kept only if people's held-out labels say that it is better.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from scipy.special import softmax

from retrain.data.augment import perturbed
from retrain.data.datasets import LABELS, Example
from retrain.data.labels import PEOPLES
from retrain.fit.network import SentimentEncoder
from retrain.shipped.train import Reader, encode, predict

OWN = "self"
"""What the set of the network's own answers is called among the sets."""

SHARE = 0.5
"""So much of a person's label does an answer of the network count."""

VIEWS = 3
"""How often a text is read: as it is, and with noise."""


@dataclass(slots=True)
class Chosen:
    """How many texts were left after each guard, and the rows to learn from."""

    candidates: int
    steady: int
    sure: int
    taken: dict[str, int]
    rows: list[Example]

    def told(self) -> dict[str, object]:
        """As plain JSON, without the rows."""
        return {name: value for name, value in asdict(self).items() if name != "rows"}


def choose(
    network: SentimentEncoder,
    made: Reader,
    candidates: Sequence[Example],
    training: Sequence[Example],
    confident: float,
    share: float,
    seed: int,
) -> Chosen:
    """Those of ``candidates`` that may be learned from with the network's own label."""
    people = [e for e in training if e.dataset in PEOPLES]
    rng = random.Random(seed)
    views = []
    for view in range(VIEWS):
        texts = [perturbed(e, (), 1.0, rng) for e in candidates] if view else list(candidates)
        views.append(softmax(predict(network, encode(made, texts)), axis=1))
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
        rows += [replace(candidates[i], dataset=OWN, label=number) for i in sorted(rng.sample(of, take))]
    taken = Counter(LABELS[e.label] for e in rows)
    return Chosen(len(candidates), int(steady.sum()), int(sure.sum()), dict(taken), rows)
