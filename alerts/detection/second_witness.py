"""More documents than usual as a second witness of worse news (Stouffer 1949). Volume alone is none."""

from __future__ import annotations

import numpy as np

from alerts.detection.comparison import Means, same_hours
from alerts.detection.parameters import Parameters
from alerts.detection.series import Series


def with_volume(tone: np.ndarray, growth: np.ndarray, least: float, most: float) -> np.ndarray:
    """The joint statistic of a worse tone and a larger volume, where it is clearer than that of the tone alone.

    ``tone`` is in standard errors and must be worse by at least ``least`` of them. ``growth`` is in standard
    deviations and counts for at most ``most``.
    """
    joint = (tone - np.minimum(growth, most)) / 2**0.5
    return np.where((tone < -least) & (joint < tone), joint, tone)


def growth_of_company(series: Series, at: np.ndarray, span: int, means: Means, parameters: Parameters) -> np.ndarray:
    """How far the volume of a span is above the company's own, in standard deviations of a negative binomial count
    (variance ``m + m**2``); 0 within the first week of the data, when too little is known."""
    seen = np.minimum(at - span - series.begin, parameters.baseline_s)
    usual = (means.past + 1) / np.maximum(seen, span) * span
    return np.where(seen >= 7 * 86400, (means.documents - usual) / np.sqrt(usual + usual**2), 0)


def growth_of_hours(
    series: Series, entity: np.ndarray, at: np.ndarray, span: int, parameters: Parameters
) -> np.ndarray:
    """How far the volume is above that of the same hours of earlier days with at least 10 documents, in standard
    deviations of those days; 0 with fewer than 4 of them."""
    days = np.sqrt(same_hours(series, entity, at, span, parameters).documents)  # the root makes counts alike in spread
    busy = days >= 10**0.5
    n = np.maximum(busy.sum(axis=1), 1)
    mean = np.where(busy, days, 0).sum(axis=1) / n
    spread = np.sqrt(np.where(busy, (days - mean[:, None]) ** 2, 0).sum(axis=1) / n)
    now = np.sqrt(series.between(entity, at - span, at).documents)
    return np.where(n >= 4, (now - mean) / np.maximum(spread, 0.5), 0)
