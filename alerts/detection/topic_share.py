"""Corrections of the shift test for shares of topics, which are counts of sometimes rare events."""

from __future__ import annotations

import numpy as np

from alerts.detection.comparison import LEAST_SHARE_VARIANCE, Means, same_hours
from alerts.detection.parameters import Parameters
from alerts.detection.series import Series


def share_statistic(
    series: Series,
    entity: np.ndarray,
    at: np.ndarray,
    span: int,
    means: Means,
    least: np.ndarray,
    parameters: Parameters,
) -> np.ndarray:
    """The statistic of a share's change. It is 0 where the share ends within ``least`` [pairs] of its typical value:
    then it has only returned to normal."""
    statistic = _likelihood_root(means)
    loud = np.flatnonzero(np.abs(statistic) >= parameters.threshold)
    typical = _typical_share(series, entity[loud], at[loud], span, parameters)
    moved = (means.before[loud] + means.effect[loud] - typical) * np.sign(statistic[loud])
    statistic[loud[moved < least[loud]]] = 0
    return statistic


def _likelihood_root(means: Means) -> np.ndarray:
    """By how many standard errors a share moved, or the signed root of the likelihood ratio where that is less.

    Counts of a rare topic are skewed: 4 of 10 documents are less surprising than a normal distribution says (McCullagh
    and Nelder 1989, Generalized Linear Models, on deviance).
    """
    tone = means.standard_errors()
    usual, now = np.clip(means.before, 1e-3, 1 - 1e-3), np.clip(means.before + means.effect, 1e-9, 1 - 1e-9)
    spread = np.maximum(usual * (1 - usual), LEAST_SHARE_VARIANCE)
    # The number of independent documents that would give the same standard errors.
    documents = spread / (means.before_error**2 + means.after_error**2)
    apart = now * np.log(now / usual) + (1 - now) * np.log((1 - now) / (1 - usual))
    root = np.sqrt(2 * documents * np.maximum(apart, 0))
    return np.sign(tone) * np.minimum(np.abs(tone), root)


def _typical_share(series: Series, entity: np.ndarray, at: np.ndarray, span: int, parameters: Parameters) -> np.ndarray:
    """The median share over the earlier spans with at least 3 documents; nan where there are fewer than 3 of them."""
    spans = same_hours(series, entity, at, span, parameters)
    shares = np.where(spans.documents >= 3, spans.total / np.maximum(spans.documents, 1), np.nan)
    known = (~np.isnan(shares)).sum(axis=1) >= 3
    typical = np.full(len(at), np.nan)
    typical[known] = np.nanmedian(shares[known], axis=1)
    return typical
