"""Buzz: far more documents about a company than usual. It says nothing of the tone.

Counts are taken for overdispersed (negative binomial, variance ``m + m**2``), since news comes in clusters. The usual
count is the company's own daily rate, corrected for the day of the week by the volume of the whole market.
"""

from __future__ import annotations

import numpy as np

from alerts import severity
from alerts.detection.parameters import Parameters
from alerts.detection.results import Results, Shift
from alerts.detection.series import WINDOW_S, Series
from documents import AlertKind, Direction

SEASON_PRIOR = 50.0
"""Documents of the whole market that pull the factor of a day of the week towards 1."""


def buzz_test(
    series: Series, entity: np.ndarray, at: np.ndarray, parameters: Parameters, least: np.ndarray | int | None = None
) -> Results:
    """Test the documents of the last ``buzz_span_s`` against the daily rate of the time before.

    ``least`` is how many documents are enough (default: ``parameters.buzz_documents``). ``effect`` of the results is
    the ratio to the usual count.
    """
    start = at - parameters.buzz_span_s
    n = series.between(entity, start, at).documents
    past = series.between(entity, start - parameters.baseline_s, start).documents
    seen = np.minimum(start - series.begin, parameters.baseline_s) / parameters.buzz_span_s
    expected = (past + 1) / np.maximum(seen, 1) * _season(series, at, parameters)
    statistic = (n - expected) / np.sqrt(expected + expected**2)
    ratio = n / expected
    quiet = (
        (n < (parameters.buzz_documents if least is None else least))
        | (ratio < parameters.buzz_ratio)
        | (seen < 3)
        | series.is_market(entity)
    )
    statistic = np.where(quiet, 0, statistic)
    error = np.sqrt(expected / np.maximum(seen, 1))
    spans = np.full(len(at), parameters.buzz_span_s)
    return Results(entity, at, statistic, ratio, spans, expected, past, error, n, np.sqrt(n))


def describe_buzz(series: Series, results: Results, k: int, parameters: Parameters) -> Shift:
    """The ``k``-th result as a shift; its means are documents a day."""
    i, at, n = int(results.entity[k]), int(results.at[k]), float(results.after_documents[k])
    ends, values = series.within(i, at - parameters.buzz_span_s, at)
    # It began where the sum of (documents - twice the usual) until now is the largest.
    usual = float(results.before[k]) * 2 / parameters.buzz_span_s
    excess = n - np.r_[0, values[:-1, 0].cumsum()] - usual * (at - ends)
    began = int(ends[int(np.argmax(excess))])
    return Shift(
        entity=str(series.entities[i]),
        at=at,
        direction=Direction.UP,
        severity=severity.BUZZ,
        statistic=float(results.statistic[k]),
        before_mean=float(results.before[k]),
        after_mean=n * 86400 / parameters.buzz_span_s,
        before_documents=int(results.before_documents[k]),
        after_documents=int(n),
        recent_s=parameters.buzz_span_s,
        began_at=began,
        before_error=float(results.before_error[k]),
        after_error=float(results.after_error[k]),
        since_documents=round(float(series.between(i, began - WINDOW_S, at).documents)),
        kind=AlertKind.BUZZ,
    )


def is_quiet(series: Series, entity: str, at: np.ndarray, before_mean: float, parameters: Parameters) -> np.ndarray:
    """Whether a buzz has ended, at each of the times ``at`` (Unix seconds): the documents of the last span are fewer
    than half of those that make a buzz."""
    i = series.index(entity)
    if i is None:
        return np.ones(at.shape, bool)
    n = series.between(i, at - parameters.buzz_span_s, at).documents
    return n < np.maximum(before_mean * parameters.buzz_ratio, parameters.buzz_documents) / 2


def _season(series: Series, at: np.ndarray, parameters: Parameters) -> np.ndarray:
    """The whole market's volume in the same hours of the four weeks before, over the average of those weeks; near 1
    where the market has few documents."""
    moments, place = np.unique(at, return_inverse=True)
    weeks = moments[:, None] - np.arange(1, 5) * 7 * 86400
    here = (weeks - parameters.buzz_span_s >= series.begin) & (weeks - 7 * 86400 >= series.begin)
    same = np.where(here, series.between(0, weeks - parameters.buzz_span_s, weeks).documents, 0).sum(axis=1)
    whole = np.where(here, series.between(0, weeks - 7 * 86400, weeks).documents, 0).sum(axis=1)
    usual = whole * parameters.buzz_span_s / (7 * 86400)
    return ((same + SEASON_PRIOR) / (usual + SEASON_PRIOR))[place]
