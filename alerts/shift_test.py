"""Has the sentiment about a company shifted? A sequential test of its recent documents against its own past.

Pure functions over numpy arrays; knows neither Kafka nor ClickHouse. The test is a window-limited generalised
likelihood ratio (Lai 1995): whenever a document comes, the mean of several recent spans is compared with the mean of
the time before. Three things make one threshold serve 0.2 as well as 10,000 documents a day:

- A company's own past is combined with a prior of ``PRIOR_DOCUMENTS`` documents at the mean and variance of all
  companies together (empirical Bayes, Efron and Morris 1975), so that a thin series neither fires on noise nor stays
  silent for ever.
- The true tone drifts from day to day without a shift; ``Rule.drift`` is that movement's standard deviation (a
  variance component, DerSimonian and Laird 1986), which no number of documents averages away.
- Documents of one burst speak of one thing; ``Rule.likeness`` is their correlation within a span (design effect,
  Kish 1965), so that thirty reports of one event are not thirty witnesses.

Worse news and more of it than usual are two witnesses, which a thin series needs; volume alone never is one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from alerts.series import WINDOW_S, Series, Sums, Topics
from settings import AlertSettings

_DEFAULTS = AlertSettings.model_construct()
"""The defaults of the settings, whatever the environment says."""

PRIOR_DOCUMENTS = 20.0
LEAST_SHARE_VARIANCE = 0.05
"""Of a topic's share: a topic that hardly ever came before is no rare event when it comes a few times."""

LEAST_SEASON = 50.0
"""Documents of the whole market that say nothing yet of the days of the week."""

CLEAR = ((0.3, 1.75, "critical"), (0.2, 1.2, "warning"), (0.0, 0.0, "notice"))
"""Severities: the least effect, and the least evidence as a multiple of the threshold."""


@dataclass(frozen=True)
class Rule:
    """What counts as a shift. Spans in seconds of event time."""

    recent_s: tuple[int, ...] = (3600, 3 * 3600, 12 * 3600, 48 * 3600, 7 * 86400)
    baseline_s: int = 30 * 86400
    minimum_documents: int = _DEFAULTS.minimum_documents
    minimum_effect: float = _DEFAULTS.minimum_effect
    threshold: float = _DEFAULTS.threshold
    """In standard errors; ``finsent alerts calibrate`` finds the one for a wanted false-alarm rate."""
    drift: float = 0.08
    likeness: float = 0.03
    market_drift: float = 0.03
    market_effect: float = 0.1
    market_documents: int = 40
    market_companies: int = 20
    """A market-wide shift is seen at so many companies at least, and at this share of them:"""
    market_breadth: float = 0.6
    no_company_weight: float = 1.45
    """News of no company is one series and not hundreds, so its standard errors count so many times."""
    no_company_span_s: int = 86400
    resolved_below: float = 0.5
    """Resolved when the recent mean is back within this share of the effect that fired,"""
    resolved_span_s: int = 24 * 3600
    silent_s: int = 3 * 86400
    """or when nothing has come for so long."""
    cooldown_s: int = 24 * 3600
    for_s: int = 0
    """How long a shift must last before it fires (``for`` in Alertmanager)."""
    buzz_ratio: float = 4.0
    buzz_threshold: float = 5.0
    buzz_documents: int = 10
    buzz_span_s: int = 86400
    tone_least: float = 1.75
    """Standard errors by which the tone alone must be worse before the volume counts as a second witness,"""
    volume_most: float = 2.5
    """which then counts for so much at most."""
    negative_in_buzz: float = 2.4
    """Where the volume itself is far beyond its own past, the tone's standard errors count so many times: a surge
    and a worse tone together are a crisis, and hardly ever chance."""
    positive_in_buzz: float = 1.6
    looks: float = 0.2
    """By how much of themselves these weaken with the logarithm of the number of looks at the surge so far."""
    buzz_effect: float = 0.2


@dataclass(frozen=True)
class Shift:
    """One entity's mean moved, as seen at the event time ``at`` (Unix seconds).

    ``before_error`` and ``after_error`` are standard errors of the means. For a buzz notice the means are documents
    a day.
    """

    entity: str
    at: int
    direction: str
    severity: str
    statistic: float
    before_mean: float
    after_mean: float
    before_documents: int
    after_documents: int
    recent_s: int
    began_at: int
    before_error: float = 0.0
    after_error: float = 0.0
    since_documents: int = 0
    """Documents from ``began_at`` to ``at``: the price of waiting."""
    kind: str = "sentiment_shift"
    topic: str = ""


class Tests(NamedTuple):
    """What the test says of each (entity, moment), as parallel arrays [pairs]: that of the clearest span.

    ``statistic`` is 0 where no span has enough documents and effect.
    """

    entity: np.ndarray
    at: np.ndarray
    statistic: np.ndarray
    effect: np.ndarray
    recent_s: np.ndarray
    before: np.ndarray
    before_documents: np.ndarray
    before_error: np.ndarray
    after_documents: np.ndarray
    after_error: np.ndarray

    def where(self, chosen: np.ndarray) -> Tests:
        """The chosen pairs."""
        return Tests(*(column[chosen] for column in self))


def test(
    series: Series,
    entity: np.ndarray,
    at: np.ndarray,
    rule: Rule,
    minimum_documents: np.ndarray | int | None = None,
    minimum_effect: np.ndarray | float | None = None,
) -> Tests:
    """The test of each pair (``entity`` index, ``at`` Unix seconds). The two minima may differ between pairs."""
    market = series.is_market(entity)
    least = np.where(
        market, rule.market_documents, rule.minimum_documents if minimum_documents is None else minimum_documents
    )
    effect_least = np.where(
        market, rule.market_effect, rule.minimum_effect if minimum_effect is None else minimum_effect
    )
    best = [np.zeros(len(at)) for _ in range(8)]

    def keep(busy: np.ndarray, span: int, found: _Means, statistic: np.ndarray, effect_least: np.ndarray) -> None:
        statistic = np.where(np.abs(found.effect) < effect_least, 0, statistic)
        clearer = np.abs(statistic) > np.abs(best[0][busy])
        columns = (
            statistic, found.effect, np.full(len(busy), span), found.before, found.past, found.before_error,
            found.documents, found.after_error,
        )  # fmt: skip
        for kept, column in zip(best, columns, strict=True):
            kept[busy[clearer]] = column[clearer]

    no_company, shares = market & (entity != 0), isinstance(series, Topics)
    for span in rule.recent_s:
        busy = np.flatnonzero((series.between(entity, at - span, at).documents >= least) & ~no_company)
        if len(busy):
            found = _compare(series, entity[busy], at[busy], span, rule, rule.likeness)
            tone = found.effect / np.hypot(found.before_error, found.after_error)
            if shares:
                tone = _of_share(tone, found)
                back = np.flatnonzero(np.abs(tone) >= rule.threshold)
                typical = _typical(series, entity[busy[back]], at[busy[back]], span, rule)
                moved = (found.before[back] + found.effect[back] - typical) * np.sign(tone[back])
                tone[back[moved < effect_least[busy[back]]]] = 0
            elif span >= 86400:
                growth = np.where(market[busy], 0, _growth(series, at[busy], span, found, rule))
                tone = _both(tone, growth, rule.tone_least, rule.volume_most)
            keep(busy, span, found, tone, effect_least[busy])
    span = rule.no_company_span_s
    busy = np.flatnonzero((series.between(entity, at - span, at).documents >= least) & no_company)
    if len(busy):
        found = _compare(series, entity[busy], at[busy], span, rule, 0.0)
        tone = found.effect / np.hypot(found.before_error, found.after_error)
        tone = _both(tone, _more_than_usual(series, entity[busy], at[busy], span, rule), 1.5, rule.volume_most)
        keep(busy, span, found, tone * rule.no_company_weight, effect_least[busy])
    busy = np.zeros(0, int)
    if math.isfinite(rule.buzz_threshold):
        surge = buzz(series, entity, at, rule, least)
        busy = np.flatnonzero(surge.statistic >= rule.buzz_threshold)
    if len(busy):
        # The surge has been tested, so chance and not drift is what the tone must be distinguished from. It must hold
        # in the surge's later half as well: what was said before it is not what it is about.
        found, later = (
            _compare(series, entity[busy], at[busy], span, rule, 0.0, drift=False)
            for span in (rule.buzz_span_s, rule.buzz_span_s // 2)
        )
        down, up = (
            np.minimum.reduce(
                [
                    np.where(sign * (means.before + means.effect) > 0, sign * means.tone(sign), 0)
                    for means in (found, later)
                ]
            )
            for sign in (-1, 1)
        )
        evidence = np.maximum(up, 0) * rule.positive_in_buzz - np.maximum(down, 0) * rule.negative_in_buzz
        # Documents one by one are many looks at one surge, and each look is a chance to err.
        looks = series.windows(entity[busy], at[busy] - rule.buzz_span_s, at[busy])
        evidence = evidence / (1 + rule.looks * np.log(np.maximum(looks, 1)))
        keep(busy, rule.buzz_span_s, found, evidence, np.full(len(busy), rule.buzz_effect))
    return Tests(entity, at, *best)


def _growth(series: Series, at: np.ndarray, span: int, found: _Means, rule: Rule) -> np.ndarray:
    """How far the volume of a span is above the entity's own, in the standard deviations of a negative binomial
    count (variance ``m + m**2``); 0 where too little is known."""
    seen = np.minimum(at - span - series.begin, rule.baseline_s)
    usual = (found.past + 1) / np.maximum(seen, span) * span
    return np.where(seen >= 7 * 86400, (found.documents - usual) / np.sqrt(usual + usual**2), 0)


def _both(tone: np.ndarray, more: np.ndarray, least: float, most: float) -> np.ndarray:
    """Worse news and more of it than usual are two witnesses (Stouffer 1949). Volume alone is none: the tone must be
    worse by ``least`` standard errors, and the volume counts for ``most`` at most."""
    joint = (tone - np.minimum(more, most)) / 2**0.5
    return np.where((tone < -least) & (joint < tone), joint, tone)


def _of_share(tone: np.ndarray, found: _Means) -> np.ndarray:
    """``tone``, the standard errors that a share moved, or the signed root of the likelihood ratio where that is less:
    counts of a rare topic are skewed, and four of ten documents are no wonder where a normal distribution says so
    (McCullagh and Nelder 1989, Generalized Linear Models, on deviance)."""
    usual, now = np.clip(found.before, 1e-3, 1 - 1e-3), np.clip(found.before + found.effect, 1e-9, 1 - 1e-9)
    spread = np.maximum(usual * (1 - usual), LEAST_SHARE_VARIANCE)
    documents = spread / (found.before_error**2 + found.after_error**2)  # independent ones that would tell as much
    apart = now * np.log(now / usual) + (1 - now) * np.log((1 - now) / (1 - usual))
    root = np.sqrt(2 * documents * np.maximum(apart, 0))
    return np.sign(tone) * np.minimum(np.abs(tone), root)


def _typical(series: Series, entity: np.ndarray, at: np.ndarray, span: int, rule: Rule) -> np.ndarray:
    """The median over the spans before with documents enough of a topic's share in them; nan where there are few. A
    share that goes back to it after some days of something else has not shifted."""
    spans = _same_hours(series, entity, at, span, rule)
    shares = np.where(spans.documents >= 3, spans.total / np.maximum(spans.documents, 1), np.nan)
    known = (~np.isnan(shares)).sum(axis=1) >= 3
    found = np.full(len(at), np.nan)
    found[known] = np.nanmedian(shares[known], axis=1)
    return found


class _Means(NamedTuple):
    """Recent against past documents of each pair; ``negative_statistic`` falls as negative documents rise."""

    effect: np.ndarray
    before: np.ndarray
    past: np.ndarray
    before_error: np.ndarray
    documents: np.ndarray
    after_error: np.ndarray
    negative_statistic: np.ndarray

    def tone(self, sign: int) -> np.ndarray:
        """Standard errors that the tone moved; downwards the share of negative documents speaks as well."""
        statistic = self.effect / np.hypot(self.before_error, self.after_error)
        return (statistic + self.negative_statistic) / 2 if sign < 0 else statistic


def _compare(
    series: Series, entity: np.ndarray, at: np.ndarray, span: int, rule: Rule, likeness: float, drift: bool = True
) -> _Means:
    start = at - span
    market = series.is_market(entity)
    recent = series.between(entity, start, at)
    past = series.between(entity, start - rule.baseline_s, start)
    pooled = series.pooled(entity, start - rule.baseline_s, start)
    prior = np.where(market, 0.0, PRIOR_DOCUMENTS)
    weight = np.maximum(past.documents + prior, 1e-9)
    design = 1 + np.where(market, 0, likeness) * (recent.documents - 1)
    moves: np.ndarray | float = 0.0
    if drift:
        moves = np.full(len(at), rule.drift)
        usual, moves[market] = _usual(series, entity[market], at[market], span, rule)
    shares = isinstance(series, Topics)
    few = pooled.documents < (PRIOR_DOCUMENTS if shares else 50)  # then a guess stands in for all companies' tone

    def means(total: str, squares: str, guess: tuple[float, float]) -> tuple[np.ndarray, ...]:
        all_ = getattr(pooled, total) / np.maximum(pooled.documents, 1)
        variance = np.maximum(getattr(pooled, squares) / np.maximum(pooled.documents, 1) - all_**2, 0.02)
        all_, variance = np.where(few, guess[0], all_), np.where(few, guess[1], variance)
        before = (getattr(past, total) + prior * all_) / weight
        spread = (getattr(past, squares) + prior * (variance + all_**2)) / weight - before**2
        # Documents of an excited day are alike; never assume less spread than half of the usual.
        spread = np.maximum(spread, LEAST_SHARE_VARIANCE if shares else variance / 2)
        n = np.maximum(recent.documents, 1)
        after = getattr(recent, total) / n
        # A rare topic's share moves less than a common one's.
        moved = spread * rule.drift**2 if shares else moves**2
        return after - before, before, np.sqrt(spread / weight), np.sqrt(spread / n * design + moved)

    effect, before, before_error, after_error = means("total", "squares", (0.0, 0.35))
    more, _, *errors = means("negative", "negative_squares", (0.25, 0.1))
    if drift and market.any():
        # The market has a time of day: it is compared with the same hours of the days before.
        effect[market] += before[market] - np.where(np.isnan(usual), before[market], usual)
        before[market] = np.where(np.isnan(usual), before[market], usual)
    # Nothing stands in for a market's or a topic's own past.
    effect = np.where((market & (past.documents < 50)) | (few & shares), 0, effect)
    return _Means(
        effect, before, past.documents, before_error, recent.documents, after_error, -more / np.hypot(*errors)
    )


def _same_hours(series: Series, entity: np.ndarray, at: np.ndarray, span: int, rule: Rule) -> Sums:
    """Sums [pairs, days] over the same hours of the days before."""
    step = -(-span // 86400) * 86400
    back = np.arange(1, max(rule.baseline_s // step, 4) + 1) * step
    return series.between(entity[:, None], at[:, None] - back - span, at[:, None] - back)


def _more_than_usual(series: Series, entity: np.ndarray, at: np.ndarray, span: int, rule: Rule) -> np.ndarray:
    """Volume against that of the same hours of the days before that were not still, in their standard deviations."""
    days = np.sqrt(_same_hours(series, entity, at, span, rule).documents)  # the root makes counts alike in spread
    busy = days >= 10**0.5
    n = np.maximum(busy.sum(axis=1), 1)
    mean = np.where(busy, days, 0).sum(axis=1) / n
    spread = np.sqrt(np.where(busy, (days - mean[:, None]) ** 2, 0).sum(axis=1) / n)
    now = np.sqrt(series.between(entity, at - span, at).documents)
    return np.where(n >= 4, (now - mean) / np.maximum(spread, 0.5), 0)


def _usual(series: Series, entity: np.ndarray, at: np.ndarray, span: int, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """The mean over the same hours of each of the days before (nan where there are too few), and how far those days'
    means lie apart beyond chance (standard deviation, at least ``rule.market_drift``)."""
    days = _same_hours(series, entity, at, span, rule)
    n = np.where(days.documents >= 10, days.documents, 0)
    enough = (n > 0).sum(axis=1) >= 4
    total = np.maximum(n.sum(axis=1), 1)
    mean = np.where(n > 0, days.total, 0).sum(axis=1) / total
    each = days.total / np.maximum(days.documents, 1)
    sampling = (days.squares / np.maximum(days.documents, 1) - each**2) / np.maximum(n, 1)
    count = np.maximum((n > 0).sum(axis=1), 2)
    apart = np.where(n > 0, (each - mean[:, None]) ** 2 - sampling, 0).sum(axis=1) / (count - 1)
    drift = np.sqrt(np.maximum(apart, rule.market_drift**2))
    return np.where(enough, mean, np.nan), np.where(enough, drift, rule.market_drift)


test.__test__ = False  # type: ignore[attr-defined]


def detect(series: Series, at: int, rule: Rule) -> list[Shift]:
    """The entities whose sentiment has shifted at ``at``, the clearest span each."""
    found = test(series, np.arange(len(series)), np.full(len(series), at), rule)
    return [describe(series, found, int(k), rule) for k in np.flatnonzero(np.abs(found.statistic) >= rule.threshold)]


def severity(series: Series, found: Tests, k: int, rule: Rule) -> str:
    """How bad the ``k``-th of the tests is: by its effect and its evidence (see ``CLEAR``)."""
    effect, evidence = abs(float(found.effect[k])), abs(float(found.statistic[k])) / rule.threshold
    market = series.is_market(int(found.entity[k]))
    scale = rule.market_effect / rule.minimum_effect if market else 1.0
    name = next(name for size, clear, name in CLEAR if effect >= size * scale and evidence >= clear)
    return "warning" if name == "notice" and market else name  # a market's stands for all companies


def describe(series: Series, found: Tests, k: int, rule: Rule) -> Shift:
    """The ``k``-th of the tests in words: its direction, severity, and when the shift began."""
    i, at, recent_s = int(found.entity[k]), int(found.at[k]), int(found.recent_s[k])
    effect, before = float(found.effect[k]), float(found.before[k])
    began = began_at(series, i, at - max(recent_s, rule.buzz_span_s), at, before, before + effect)
    return Shift(
        entity=str(series.entities[i]),
        at=at,
        direction="negative" if effect < 0 else "positive",
        severity=severity(series, found, k, rule),
        statistic=float(found.statistic[k]),
        before_mean=before,
        after_mean=before + effect,
        before_documents=round(float(found.before_documents[k])),
        after_documents=round(float(found.after_documents[k])),
        recent_s=recent_s,
        began_at=began,
        before_error=float(found.before_error[k]),
        after_error=float(found.after_error[k]),
        since_documents=round(float(series.between(i, began - WINDOW_S, at).documents)),
    )


def buzz(
    series: Series, entity: np.ndarray, at: np.ndarray, rule: Rule, least: np.ndarray | int | None = None
) -> Tests:
    """Volume against the entity's own: the documents of the last ``buzz_span_s`` against its daily rate before, as the
    whole market's differs by the day of the week.

    ``least`` is how many documents are enough (default: ``rule.buzz_documents``).

    Counts are overdispersed (negative binomial, variance ``m + m**2``): news comes in clusters. ``effect`` is the
    ratio.
    """
    start = at - rule.buzz_span_s
    n = series.between(entity, start, at).documents
    past = series.between(entity, start - rule.baseline_s, start).documents
    seen = np.minimum(start - series.begin, rule.baseline_s) / rule.buzz_span_s
    expected = (past + 1) / np.maximum(seen, 1) * _season(series, at, rule)
    statistic = (n - expected) / np.sqrt(expected + expected**2)
    ratio = n / expected
    quiet = (
        (n < (rule.buzz_documents if least is None else least))
        | (ratio < rule.buzz_ratio)
        | (seen < 3)
        | series.is_market(entity)
    )
    statistic = np.where(quiet, 0, statistic)
    error = np.sqrt(expected / np.maximum(seen, 1))
    spans = np.full(len(at), rule.buzz_span_s)
    return Tests(entity, at, statistic, ratio, spans, expected, past, error, n, np.sqrt(n))


def _season(series: Series, at: np.ndarray, rule: Rule) -> np.ndarray:
    """The whole market's volume of the same hours of the four weeks before, over what those weeks had on average; near
    1 where there is little to tell it from."""
    moments, place = np.unique(at, return_inverse=True)
    weeks = moments[:, None] - np.arange(1, 5) * 7 * 86400
    here = (weeks - rule.buzz_span_s >= series.begin) & (weeks - 7 * 86400 >= series.begin)
    same = np.where(here, series.between(0, weeks - rule.buzz_span_s, weeks).documents, 0).sum(axis=1)
    whole = np.where(here, series.between(0, weeks - 7 * 86400, weeks).documents, 0).sum(axis=1)
    usual = whole * rule.buzz_span_s / (7 * 86400)
    return ((same + LEAST_SEASON) / (usual + LEAST_SEASON))[place]


def describe_buzz(series: Series, found: Tests, k: int, rule: Rule) -> Shift:
    """The ``k``-th buzz in words; the means are documents a day."""
    i, at, n = int(found.entity[k]), int(found.at[k]), float(found.after_documents[k])
    ends, values = series.within(i, at - rule.buzz_span_s, at)
    # Where the excess over the usual rate begins: the largest sum of (documents - expected) that ends now.
    usual = float(found.before[k]) * 2 / rule.buzz_span_s
    excess = n - np.r_[0, values[:-1, 0].cumsum()] - usual * (at - ends)
    began = int(ends[int(np.argmax(excess))])
    return Shift(
        entity=str(series.entities[i]),
        at=at,
        direction="up",
        severity="notice",
        statistic=float(found.statistic[k]),
        before_mean=float(found.before[k]),
        after_mean=n * 86400 / rule.buzz_span_s,
        before_documents=int(found.before_documents[k]),
        after_documents=int(n),
        recent_s=rule.buzz_span_s,
        began_at=began,
        before_error=float(found.before_error[k]),
        after_error=float(found.after_error[k]),
        since_documents=round(float(series.between(i, began - WINDOW_S, at).documents)),
        kind="buzz",
    )


def is_quiet(series: Series, entity: str, at: np.ndarray, before_mean: float, rule: Rule) -> np.ndarray:
    """Whether a buzz has ended at each of ``at``: the last span's documents are below half of what makes one."""
    i = series.index(entity)
    if i is None:
        return np.ones(at.shape, bool)
    n = series.between(i, at - rule.buzz_span_s, at).documents
    return n < np.maximum(before_mean * rule.buzz_ratio, rule.buzz_documents) / 2


def is_over(
    series: Series,
    entity: str,
    at: np.ndarray | int,
    began_at: int,
    before_mean: float,
    after_mean: float,
    rule: Rule,
) -> np.ndarray:
    """Whether a shift has gone back at each of ``at``: by its documents of the last span, or because there have been
    none for ``silent_s``."""
    at = np.asarray(at)
    i = series.index(entity)
    if i is None:
        return np.ones(at.shape, bool)
    recent = series.between(i, np.maximum(at - rule.resolved_span_s, began_at - WINDOW_S), at)
    effect = recent.total / np.maximum(recent.documents, 1) - before_mean
    fired = after_mean - before_mean
    back = effect * np.sign(fired) < rule.resolved_below * abs(fired)
    silent = series.between(i, at - rule.silent_s, at).documents == 0
    return np.where(recent.documents == 0, silent, back)


def breadth(series: Series, at: int, span: int, sign: int, rule: Rule) -> tuple[int, float]:
    """How many companies had documents in the ``span`` before ``at``, and the share of them whose tone moved in the
    direction ``sign`` from their own past."""
    entity = np.arange(1, len(series))
    entity = entity[~series.is_market(entity)]
    entity = entity[series.between(entity, at - span, at).documents > 0]
    if not len(entity):
        return 0, 0.0
    found = _compare(series, entity, np.full(len(entity), at), span, rule, rule.likeness)
    return len(entity), float((found.effect * sign > 0).mean())


def began_at(series: Series, i: int, first: int, last: int, before: float, after: float) -> int:
    """The change point: where the sum of what follows, counted from midway between the two means, is the largest
    (CUSUM with a reference value; Page 1954). The end of the first window that belongs to the change, Unix seconds."""
    ends, values = series.within(i, first, last)
    if not len(ends):
        return last
    above = (values[:, 1] - (before + after) / 2 * values[:, 0]) * np.sign(after - before)
    remaining = above[::-1].cumsum()[::-1]
    # The last of equal places: what is without effect before the change does not belong to it.
    place = len(remaining) - 1 - int(np.argmax(remaining[::-1]))
    return int(ends[place])


def exposure_years(series: Series, since: int, until: int, without: Sequence[tuple[str, int, int]] = ()) -> float:
    """Entity-years under watch: the time within 30 days after a document of an entity, less the spans ``without``
    (entity, first, last)."""
    span = 30 * 86400
    total = 0.0
    excluded: dict[str, list[tuple[int, int]]] = {}
    for entity, first, last in without:
        excluded.setdefault(entity, []).append((first, last))
    for i in range(1, len(series)):
        if series.is_market(i):
            continue
        ends, _ = series.within(i, since, until)
        if not len(ends):
            continue
        lengths = np.minimum(np.diff(np.r_[ends, until]), span)
        gone = np.zeros(len(ends))
        for first, last in excluded.get(str(series.entities[i]), ()):
            gone += np.maximum(np.minimum(ends + lengths, last) - np.maximum(ends, first), 0)
        total += float(np.maximum(lengths - gone, 0).sum())
    return total / (365.25 * 86400)
