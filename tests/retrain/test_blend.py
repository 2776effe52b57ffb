"""What is learned is taken back in part where that does better on validation."""

from __future__ import annotations

import numpy as np
import torch

from model.encoder import base
from retrain.data import Example
from retrain.fit import Fitted, Reader, SentimentEncoder
from retrain.fit.blend import FEWEST_TO_SHOW, blended
from retrain.fit.loop import validation_score
from retrain.fit.prepare import material_of


def network(bias: tuple[float, float, float]) -> SentimentEncoder:
    made = SentimentEncoder(base("minilm"))
    with torch.no_grad():
        made.head.weight.zero_()
        made.head.bias.copy_(torch.tensor(bias))
    return made


def test_weights_between_the_old_and_the_new_are_kept_where_they_do_best():
    old, new = network((1.0, 0.9, -9.0)), network((-9.0, 0.9, 1.0))
    for labels, share in (((1, 1, 1, 0), 0.8), ((2, 2, 2, 1), 1.0)):
        rows = [Example("labels", f"text {n}", label) for n, label in enumerate(labels)]
        given = material_of(base("minilm"), Reader.of(base("minilm")), old.weights(), rows, rows, old)
        found = blended(given, Fitted(new, np.zeros((4, 3)), [], score=0.25))
        assert found.share == share
        assert found.logits.argmax(1).tolist() == [1] * 4 if share < 1 else found.network is new


def test_as_much_is_taken_back_as_an_old_set_needs():
    old, new = network((0.0, 3.5, 0.0)), network((0.0, 0.0, 2.0))
    people = [Example("labels", f"text {n}", 2) for n in range(4)]
    known = [Example("tfns", f"old text {n}", 1) for n in range(FEWEST_TO_SHOW)]
    for rows, share in (([*people, *known], 0.6), ([*people, *known[1:]], 1.0)):
        given = material_of(base("minilm"), Reader.of(base("minilm")), old.weights(), people, rows, old)
        logits = np.tile(np.array([0.0, 0.0, 2.0]), (len(rows), 1))
        assert blended(given, Fitted(new, logits, [], score=validation_score(logits, rows))).share == share
