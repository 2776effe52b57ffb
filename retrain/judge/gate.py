"""Whether a challenger may replace the champion: each rule with its numbers and their uncertainty."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from scipy.stats import binomtest

from retrain.data.augment import perturbed
from retrain.data.datasets import NOT_NEGATIVE, SIGN_ONLY, Example
from retrain.judge.metrics import expected_calibration_error, macro_f1
from settings import RetrainSettings

RESAMPLES = 500
CALIBRATION_SLACK = 0.02
GOOD_CALIBRATION = 0.06
"""An expected calibration error below this is good enough, whatever the champion's."""

FORGOTTEN = 0.03
"""Loss of a single set's score that counts as forgetting, if it is beyond chance."""


class Scoring(Protocol):
    """What of ``model.Scorer`` is used here."""

    def score(self, texts: Sequence[str], entities: Sequence[str | None], languages: Sequence[str | None]) -> Any:
        """See ``model.Scorer.score``."""
        ...


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the gate: the measure of both, the difference with its 95 % interval, and what was decided."""

    rule: str
    champion: float
    challenger: float
    difference: float
    low: float
    high: float
    p_value: float | None
    passed: bool
    rows: int
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """All rules; ``passed`` if each is."""

    rules: list[Rule]

    @property
    def passed(self) -> bool:
        """Whether the challenger may be promoted."""
        return all(rule.passed for rule in self.rules)

    @property
    def reason(self) -> str:
        """Why not, '' if it passed."""
        return "; ".join(f"{rule.rule}: {rule.why}" for rule in self.rules if not rule.passed)

    def rows(self) -> list[dict[str, Any]]:
        """The rules as plain JSON."""
        return [asdict(rule) for rule in self.rules]


def probabilities(scorer: Scoring, examples: Sequence[Example], language: str | None) -> np.ndarray:
    """float32 [n, 3] of the examples; with None, each one's language is told from its text."""
    texts, entities = [e.text for e in examples], [e.entity for e in examples]
    return np.asarray(scorer.score(texts, entities, [language] * len(texts)).probabilities)


def judge(
    champion: Scoring,
    challenger: Scoring,
    fixed: Sequence[Example],
    new: Sequence[Example],
    language: str | None,
    settings: RetrainSettings,
) -> Verdict:
    """Compare on the ``fixed`` test set and on held-out ``new`` labels.

    Intervals are percentile bootstraps over rows, paired (Efron and Tibshirani 1993); the new labels also pass
    McNemar's exact test on the rows that only one of the two gets right. Without ``new`` there is no such rule; two
    versions can be compared so, but a run never asks.
    """

    def of(scorer: Scoring, examples: Sequence[Example]) -> np.ndarray:
        return probabilities(scorer, examples, language)

    fixed_a, fixed_b = of(champion, fixed), of(challenger, fixed)
    new_a, new_b = of(champion, new), of(challenger, new)
    rules = [_not_worse("fixed test", fixed_a, fixed_b, fixed, settings.margin)]
    if new:
        rules.append(_better(new_a, new_b, new, settings.alpha))
    for name in sorted({e.dataset for e in fixed}):
        i = [i for i, e in enumerate(fixed) if e.dataset == name]
        kept = [fixed[n] for n in i]
        rules.append(_not_worse(f"keeps {name}", fixed_a[i], fixed_b[i], kept, FORGOTTEN, beyond_chance=True))
    rng = random.Random(settings.seed)
    both = [*fixed, *new]
    noisy = [perturbed(e, (), 1.0, rng) for e in both]
    rules.append(_not_worse("noise", of(champion, noisy), of(challenger, noisy), noisy, 2 * settings.margin))
    rules.append(_calibrated(np.concatenate([fixed_a, new_a]), np.concatenate([fixed_b, new_b]), both))
    rules.append(_not_slower(champion, challenger, both, language, settings.slower))
    return Verdict(rules)


def _resamples(examples: Sequence[Example]) -> np.ndarray:
    """[RESAMPLES, n]: how often each row is drawn; as many rows of each set as it has."""
    rng = np.random.default_rng(20200615)
    names = np.array([e.dataset for e in examples])
    drawn = np.zeros((RESAMPLES, len(examples)), np.float32)
    for name in sorted(set(names)):
        rows = np.flatnonzero(names == name)
        drawn[:, rows] = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), RESAMPLES)
    return drawn


def _resampled(p: np.ndarray, examples: Sequence[Example], drawn: np.ndarray) -> np.ndarray:
    """``macro_f1`` of each resample, by the counts that it is made of: 500 calls would take seconds."""
    names, truth = np.array([e.dataset for e in examples]), np.array([e.label for e in examples])
    predicted = p.argmax(1)
    scores, weights = [], []
    for name in sorted(set(names)):
        here = names == name
        if name in SIGN_ONLY:
            signed = here & (truth != 1)
            right = (p[signed, 2] > p[signed, 0]) == (truth[signed] == 2)
            scores.append(drawn[:, signed] @ right / np.maximum(drawn[:, signed].sum(1), 1))
        else:
            t, q = truth[here], predicted[here]
            if (t == NOT_NEGATIVE).any():
                t, q = (t == 0).astype(int), (q == 0).astype(int)
            of = [
                2
                * (drawn[:, here] @ ((t == c) & (q == c)))
                / np.maximum(drawn[:, here] @ ((t == c).astype(int) + (q == c)), 1)
                for c in sorted({*t, *q})
            ]
            scores.append(np.mean(of, axis=0))
        weights.append(here.sum() ** 0.5)
    return np.average(scores, axis=0, weights=weights)


def _bounds(values: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def difference(a: np.ndarray, b: np.ndarray, examples: Sequence[Example]) -> tuple[float, float, float, float]:
    """(macro-F1 of ``a``, of ``b``, and the 95 % interval of b - a) for probabilities [n, 3]."""
    drawn = _resamples(examples)
    low, high = _bounds(_resampled(b, examples, drawn) - _resampled(a, examples, drawn))
    return macro_f1(a, examples), macro_f1(b, examples), low, high


def interval(p: np.ndarray, examples: Sequence[Example]) -> tuple[float, float]:
    """The 95 % interval of the macro-F1 of probabilities [n, 3]."""
    return _bounds(_resampled(p, examples, _resamples(examples)))


def _not_worse(
    name: str, a: np.ndarray, b: np.ndarray, examples: Sequence[Example], margin: float, beyond_chance: bool = False
) -> Rule:
    before, after, low, high = difference(a, b, examples)
    lost = before - after > margin and (high < 0 or not beyond_chance)
    why = f"macro-F1 {before:.3f} -> {after:.3f}, more than {margin} lost" if lost else ""
    return Rule(name, before, after, after - before, low, high, None, not lost, len(examples), why)


def mcnemar(a: np.ndarray, b: np.ndarray, examples: Sequence[Example]) -> tuple[int, int, float]:
    """(rows only ``a`` gets right, only ``b``, one-sided exact p that ``b`` is better) (McNemar 1947). Of a set
    without neutrals it is the order of positive and negative that is right or not."""
    truth = np.array([e.label for e in examples])
    signed = np.array([e.dataset in SIGN_ONLY for e in examples])
    right = [np.where(signed, np.where(p[:, 2] > p[:, 0], 2, 0), p.argmax(1)) == truth for p in (a, b)]
    only_a, only_b = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    p = float(binomtest(only_b, only_a + only_b, 0.5, alternative="greater").pvalue) if only_a + only_b else 1.0
    return only_a, only_b, p


def _better(a: np.ndarray, b: np.ndarray, examples: Sequence[Example], alpha: float) -> Rule:
    before, after, low, high = difference(a, b, examples)
    only_a, only_b, p = mcnemar(a, b, examples)
    passed = after > before and p <= alpha
    why = "" if passed else (
        f"macro-F1 {before:.3f} -> {after:.3f}; {only_b} rows are right only now, {only_a} were only before: "
        f"p = {p:.3f}, wanted at most {alpha}"
    )  # fmt: skip
    return Rule("new labels", before, after, after - before, low, high, p, passed, len(examples), why)


def _calibrated(a: np.ndarray, b: np.ndarray, examples: Sequence[Example]) -> Rule:
    usable = np.array([e.dataset not in SIGN_ONLY and e.label != NOT_NEGATIVE for e in examples])
    truth = np.array([e.label for e in examples])[usable]
    a, b = a[usable], b[usable]
    before, after = expected_calibration_error(a, truth), expected_calibration_error(b, truth)
    rng = np.random.default_rng(20200615)
    draws = [rng.integers(0, len(truth), len(truth)) for _ in range(RESAMPLES)]
    gaps = [[expected_calibration_error(p[i], truth[i]) for i in draws] for p in (a, b)]
    low, high = _bounds(np.subtract(gaps[1], gaps[0]))
    passed = after <= max(before + CALIBRATION_SLACK, GOOD_CALIBRATION)
    why = "" if passed else f"expected calibration error {before:.3f} -> {after:.3f}"
    return Rule("calibration", before, after, after - before, low, high, None, passed, len(truth), why)


def _not_slower(
    champion: Scoring, challenger: Scoring, examples: Sequence[Example], language: str | None, most: float
) -> Rule:
    """Seconds for 200 texts, taken in turns, the quickest of five each: what else runs on the machine hits both."""
    chosen = (list(examples) * (200 // len(examples) + 1))[:200]
    seconds: list[list[float]] = [[], []]
    for _ in range(5):
        for side, scorer in enumerate((champion, challenger)):
            started = time.perf_counter()
            probabilities(scorer, chosen, language)
            seconds[side].append(time.perf_counter() - started)
    before, after = min(seconds[0]), min(seconds[1])
    ratios = [b / a for a, b in zip(*seconds, strict=True)]
    passed = after <= most * before
    why = "" if passed else f"{after / before:.2f} times the champion's time"
    return Rule("speed", before, after, after - before, min(ratios), max(ratios), None, passed, len(chosen), why)
