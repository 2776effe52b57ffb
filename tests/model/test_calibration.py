"""Probabilities of logits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from model.calibration import Scale, calibrate, scale_rows
from retrain.data import NOT_NEGATIVE, Example
from retrain.judge import calibrated, fit_calibration

LOGITS = np.random.default_rng(3).normal(size=(500, 3)).astype(np.float32) * 3


def scaled(scale: Scale, logits: np.ndarray = LOGITS) -> np.ndarray:
    return calibrate(logits, np.repeat(scale_rows([scale]), len(logits), axis=0))


def test_with_a_power_of_1_it_is_a_softmax():
    bias = (0.5, 0.0, -0.25)
    assert scaled(Scale(temperature=1.7, bias=bias)) == pytest.approx(softmax(LOGITS / 1.7 + bias, axis=1), abs=1e-6)


@pytest.mark.parametrize("power", [0.6, 1.9])
def test_a_power_keeps_the_order_of_the_labels(power: float):
    found = scaled(Scale(temperature=1.3, power=power))
    assert found.dtype == np.float32 and found.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert np.array_equal(found.argsort(axis=1), LOGITS.argsort(axis=1))


def test_what_made_the_labels_is_found_again():
    """Labels drawn from one curve for texts alone and another for pairs, and told as the labelled sets tell them."""
    rng = np.random.default_rng(5)
    logits = rng.normal(size=(12_000, 3)) * 2
    truth = {"alone": Scale(temperature=1.5, power=1.6), "pair": Scale(temperature=0.8, power=0.9)}
    examples = []
    for i, row in enumerate(logits):
        kind, name = ("alone", "pair")[i % 2], ("three", "semeval", "open")[i % 3]
        p = scaled(truth[kind], row[None])[0].astype(float)
        label = int(rng.choice(3, p=p / p.sum()))
        if name == "open" and label:
            label = NOT_NEGATIVE
        examples.append(Example(name, "", label, "Alder" if kind == "pair" else None))
    fit = fit_calibration(logits, examples)["calibration"]
    for kind, scale in truth.items():
        assert fit[kind]["temperature"] == pytest.approx(scale.temperature, rel=0.1)
        assert fit[kind]["power"] == pytest.approx(scale.power, rel=0.1)
    assert calibrated(logits[:2], examples[:2], fit).shape == (2, 3)
