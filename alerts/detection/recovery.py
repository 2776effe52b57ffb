"""The end of a shift: its mean has gone back, or nothing more has come."""

from __future__ import annotations

import numpy as np

from alerts.detection.parameters import Parameters
from alerts.detection.series import WINDOW_S, Series


def has_recovered(
    series: Series,
    entity: str,
    at: np.ndarray | int,
    began_at: int,
    before_mean: float,
    after_mean: float,
    parameters: Parameters,
) -> np.ndarray:
    """Whether a shift has gone back, at each of the times ``at`` (Unix seconds).

    That is so where the mean of the last ``resolved_span_s`` has less than the share ``resolved_below`` of the change
    that fired. Without a document in that span, it is so after ``silent_s`` without any.
    """
    at = np.asarray(at)
    i = series.index(entity)
    if i is None:
        return np.ones(at.shape, bool)
    recent = series.between(i, np.maximum(at - parameters.resolved_span_s, began_at - WINDOW_S), at)
    effect = recent.total / np.maximum(recent.documents, 1) - before_mean
    fired = after_mean - before_mean
    back = effect * np.sign(fired) < parameters.resolved_below * abs(fired)
    silent = series.between(i, at - parameters.silent_s, at).documents == 0
    return np.where(recent.documents == 0, silent, back)
