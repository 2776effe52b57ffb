"""Recent documents against the past of the same series: both means, and the standard error of each.

- The past is combined with a prior of ``PRIOR_DOCUMENTS`` documents at the mean and variance of all companies together
  (empirical Bayes; Efron and Morris 1975). So a series with few documents neither fires on noise nor stays silent for
  ever.
- The true mean drifts from day to day without a shift. ``Parameters.drift`` is the standard deviation of that drift (a
  variance component; DerSimonian and Laird 1986); no number of documents averages it away.
- Documents of one span often speak of one event. ``Parameters.likeness`` is their correlation (design effect; Kish
  1965): thirty reports of one event are not thirty independent observations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alerts.detection.parameters import Parameters
from alerts.detection.series import Series, Sums
from alerts.detection.topic_series import TopicSeries

PRIOR_DOCUMENTS = 20.0
LEAST_SHARE_VARIANCE = 0.05
"""A lower bound on a share's variance, so that a few documents on a topic that is normally absent do not fire."""


class Means(NamedTuple):
    """Recent against past documents of each pair, as arrays [pairs]."""

    effect: np.ndarray
    """The recent mean less the mean before."""
    before: np.ndarray
    past: np.ndarray
    """Documents of the past."""
    before_error: np.ndarray
    documents: np.ndarray
    """Recent documents."""
    after_error: np.ndarray
    negative_statistic: np.ndarray
    """The change of the negative probability in standard errors, with its sign reversed: more negative documents lower
    it."""

    def standard_errors(self) -> np.ndarray:
        """By how many standard errors the mean moved."""
        return self.effect / np.hypot(self.before_error, self.after_error)

    def tone(self, sign: int) -> np.ndarray:
        """By how many standard errors the tone moved in the direction ``sign``. Downwards, the share of negative
        documents counts as much as the mean."""
        statistic = self.standard_errors()
        return (statistic + self.negative_statistic) / 2 if sign < 0 else statistic


def compare(
    series: Series,
    entity: np.ndarray,
    at: np.ndarray,
    span: int,
    parameters: Parameters,
    likeness: float,
    drift: bool = True,
) -> Means:
    """The documents of the ``span`` seconds before ``at`` against those of ``parameters.baseline_s`` before that.

    Without ``drift`` the true mean is assumed to be constant, so even a small change counts.
    """
    start = at - span
    market = series.is_market(entity)
    recent = series.between(entity, start, at)
    past = series.between(entity, start - parameters.baseline_s, start)
    pooled = series.pooled(entity, start - parameters.baseline_s, start)
    prior = np.where(market, 0.0, PRIOR_DOCUMENTS)
    weight = np.maximum(past.documents + prior, 1e-9)
    design = 1 + np.where(market, 0, likeness) * (recent.documents - 1)
    moves: np.ndarray | float = 0.0
    if drift:
        moves = np.full(len(at), parameters.drift)
        usual, moves[market] = _usual_of_hours(series, entity[market], at[market], span, parameters)
    shares = isinstance(series, TopicSeries)
    few = pooled.documents < (PRIOR_DOCUMENTS if shares else 50)  # too few for a prior: a guess replaces it

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
        moved = spread * parameters.drift**2 if shares else moves**2
        return after - before, before, np.sqrt(spread / weight), np.sqrt(spread / n * design + moved)

    effect, before, before_error, after_error = means("total", "squares", (0.0, 0.35))
    more, _, *errors = means("negative", "negative_squares", (0.25, 0.1))
    if drift and market.any():
        # The tone of the market depends on the time of day, so it is compared with the same hours of earlier days.
        effect[market] += before[market] - np.where(np.isnan(usual), before[market], usual)
        before[market] = np.where(np.isnan(usual), before[market], usual)
    # The market and a topic have no prior, so without enough of a past they have no effect.
    effect = np.where((market & (past.documents < 50)) | (few & shares), 0, effect)
    return Means(effect, before, past.documents, before_error, recent.documents, after_error, -more / np.hypot(*errors))


def same_hours(series: Series, entity: np.ndarray, at: np.ndarray, span: int, parameters: Parameters) -> Sums:
    """Sums [pairs, days] over the same hours of the days before."""
    step = -(-span // 86400) * 86400
    back = np.arange(1, max(parameters.baseline_s // step, 4) + 1) * step
    return series.between(entity[:, None], at[:, None] - back - span, at[:, None] - back)


def _usual_of_hours(
    series: Series, entity: np.ndarray, at: np.ndarray, span: int, parameters: Parameters
) -> tuple[np.ndarray, np.ndarray]:
    """The mean over the same hours of the days before (nan where there are too few days), and how far those days'
    means lie apart beyond chance (standard deviation, at least ``parameters.market_drift``)."""
    days = same_hours(series, entity, at, span, parameters)
    n = np.where(days.documents >= 10, days.documents, 0)
    enough = (n > 0).sum(axis=1) >= 4
    total = np.maximum(n.sum(axis=1), 1)
    mean = np.where(n > 0, days.total, 0).sum(axis=1) / total
    each = days.total / np.maximum(days.documents, 1)
    sampling = (days.squares / np.maximum(days.documents, 1) - each**2) / np.maximum(n, 1)
    count = np.maximum((n > 0).sum(axis=1), 2)
    apart = np.where(n > 0, (each - mean[:, None]) ** 2 - sampling, 0).sum(axis=1) / (count - 1)
    drift = np.sqrt(np.maximum(apart, parameters.market_drift**2))
    return np.where(enough, mean, np.nan), np.where(enough, drift, parameters.market_drift)
