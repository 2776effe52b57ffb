"""Whether a challenger may replace the champion: each rule with its numbers and their uncertainty."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from retrain.data import NOT_NEGATIVE, SIGN_ONLY, Example, perturbed
from retrain.judge.bootstrap import RESAMPLES, SEED, bounds, difference
from retrain.judge.metrics import expected_calibration_error
from settings import RetrainSettings

CALIBRATION_SLACK = 0.02
GOOD_CALIBRATION = 0.06
"""An expected calibration error below this is good enough, whatever the champion's."""

FORGOTTEN = 0.03
"""A single set that loses more than this, beyond chance, is being forgotten."""

TIMED_TEXTS, TIMED_TURNS = 200, 5


class Scoring(Protocol):
    """The part of ``model.Scorer`` that is used here."""

    def score(self, texts: Sequence[str], entities: Sequence[str | None], languages: Sequence[str | None]) -> Any:
        """See ``model.Scorer.score``."""
        ...


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the gate: the measure of both versions, the difference with its 95 % interval, and the verdict.

    ``p_value`` is None if the rule has no test; ``rows`` is how many rows the measure is over; ``why`` says why the
    rule is broken, '' if it is not. Of the rule ``speed``, ``low`` and ``high`` are the least and the largest ratio of
    the two times.
    """

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
    """What all rules say."""

    rules: list[Rule]

    @property
    def passed(self) -> bool:
        """Whether the challenger may be promoted: no rule is broken."""
        return all(rule.passed for rule in self.rules)

    @property
    def reason(self) -> str:
        """Why the challenger may not be promoted, '' if it may."""
        return "; ".join(f"{rule.rule}: {rule.why}" for rule in self.rules if not rule.passed)

    def rows(self) -> list[dict[str, Any]]:
        """The rules as plain JSON."""
        return [asdict(rule) for rule in self.rules]


def probabilities(scorer: Scoring, examples: Sequence[Example], language: str | None) -> np.ndarray:
    """float32 [n, 3] of the examples. With ``language`` None, each text's language is detected."""
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

    On the new labels the challenger must be better, by McNemar's exact test on the rows that only one of the two gets
    right. A run always has new labels; without them, two versions can be compared by the other rules.
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


def _not_worse(
    name: str, a: np.ndarray, b: np.ndarray, examples: Sequence[Example], margin: float, beyond_chance: bool = False
) -> Rule:
    before, after, low, high = difference(a, b, examples)
    lost = before - after > margin and (high < 0 or not beyond_chance)
    why = f"macro-F1 {before:.3f} -> {after:.3f}, more than {margin} lost" if lost else ""
    return Rule(name, before, after, after - before, low, high, None, not lost, len(examples), why)


def mcnemar(a: np.ndarray, b: np.ndarray, examples: Sequence[Example]) -> tuple[int, int, float]:
    """(rows that only ``a`` gets right, rows that only ``b`` gets right, one-sided exact p that ``b`` is better)
    (McNemar 1947). In a set without neutral rows, a row is right if positive and negative are in the right order."""
    from scipy.stats import binomtest

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
    rng = np.random.default_rng(SEED)
    draws = [rng.integers(0, len(truth), len(truth)) for _ in range(RESAMPLES)]
    gaps = [[expected_calibration_error(p[i], truth[i]) for i in draws] for p in (a, b)]
    low, high = bounds(np.subtract(gaps[1], gaps[0]))
    passed = after <= max(before + CALIBRATION_SLACK, GOOD_CALIBRATION)
    why = "" if passed else f"expected calibration error {before:.3f} -> {after:.3f}"
    return Rule("calibration", before, after, after - before, low, high, None, passed, len(truth), why)


def _not_slower(
    champion: Scoring, challenger: Scoring, examples: Sequence[Example], language: str | None, most: float
) -> Rule:
    """The seconds for 200 texts. The two take turns, because whatever else runs on the machine slows both; the quickest
    of each one's five turns counts."""
    chosen = (list(examples) * (TIMED_TEXTS // len(examples) + 1))[:TIMED_TEXTS]
    seconds: list[list[float]] = [[], []]
    for _ in range(TIMED_TURNS):
        for side, scorer in enumerate((champion, challenger)):
            started = time.perf_counter()
            probabilities(scorer, chosen, language)
            seconds[side].append(time.perf_counter() - started)
    before, after = min(seconds[0]), min(seconds[1])
    ratios = [b / a for a, b in zip(*seconds, strict=True)]
    passed = after <= most * before
    why = "" if passed else f"{after / before:.2f} times the champion's time"
    return Rule("speed", before, after, after - before, min(ratios), max(ratios), None, passed, len(chosen), why)
