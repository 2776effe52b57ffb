"""Weights between the start and the end of a training: they keep most of what was learned and forget less.

The method is WiSE-FT (Wortsman et al. 2022, arXiv 2109.01903).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tokenizers import Encoding

from retrain.data import PEOPLES, Example
from retrain.fit.inference import predict
from retrain.fit.inputs import encode
from retrain.fit.loop import Fitted, Material, validation_score
from retrain.fit.network import SentimentEncoder
from retrain.judge import macro_f1

SHARES = (0.8, 0.6, 0.4, 0.2)
"""The shares of the way from the start's weights to the trained ones that are tried."""

FORGOTTEN = 0.005
"""An old set that loses more than this on validation is being forgotten."""

FEWEST_TO_SHOW = 150
"""A set with fewer validation rows does not show what is being forgotten."""


def blended(material: Material, fitted: Fitted) -> Fitted:
    """``fitted``, or weights between it and ``material.start``.

    Of all candidates under which no old set is forgotten, it is the one with the best validation score. If there is
    none, it is the candidate nearest to the start.
    """
    rows = material.validation
    checked = encode(material.reader, rows)
    start = SentimentEncoder(material.encoder, material.start).to(fitted.network.device)
    before = _scores_of_old_sets(predict(start, checked), rows)

    def forgets(logits: np.ndarray) -> bool:
        now = _scores_of_old_sets(logits, rows)
        return max((before[name] - score for name, score in now.items()), default=0.0) > FORGOTTEN

    best, best_forgets = fitted, forgets(fitted.logits)
    for share in SHARES:
        candidate = part_of_the_way(material, fitted, share, checked)
        too_much = forgets(candidate.logits)
        if best_forgets or (candidate.score > best.score and not too_much):
            best, best_forgets = candidate, too_much
    return best


def part_of_the_way(material: Material, fitted: Fitted, share: float, checked: Sequence[Encoding]) -> Fitted:
    """``fitted`` with weights that go only this ``share`` of the way from ``material.start`` to its own. ``checked``
    are the encoded validation rows."""
    start, trained = material.start, fitted.network.weights()
    between = {n: start[n] + share * (value - start[n]) if n in start else value for n, value in trained.items()}
    network = SentimentEncoder(material.encoder, between).to(fitted.network.device)
    logits = predict(network, checked)
    return Fitted(network, logits, fitted.curves, validation_score(logits, material.validation), share)


def _scores_of_old_sets(logits: np.ndarray, examples: Sequence[Example]) -> dict[str, float]:
    """The score of each set that is not people's and has enough rows."""
    scores = {}
    for name in sorted({e.dataset for e in examples} - PEOPLES):
        rows = [i for i, e in enumerate(examples) if e.dataset == name]
        if len(rows) >= FEWEST_TO_SHOW:
            scores[name] = macro_f1(logits[rows], [examples[i] for i in rows])
    return scores
