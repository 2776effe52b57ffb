"""The shift test: has the mean of a series moved? It compares recent documents with the series' own past.

It is a window-limited generalised likelihood ratio test (Lai 1995): whenever a document comes, the mean of each of
several recent spans is compared with the mean of the time before (``alerts.detection.comparison``), and the clearest
span counts. One threshold serves series of 0.2 as well as of 10,000 documents a day.

Three things are tested: the tone of companies and of the whole market on all spans, the tone of news that names no
company on one span, and the tone within a surge of documents. Shares of topics are tested like the tone of companies.
"""

from __future__ import annotations

import math

import numpy as np

from alerts import severity
from alerts.detection.buzz import buzz_test
from alerts.detection.change_point import began_at
from alerts.detection.comparison import Means, compare
from alerts.detection.parameters import Parameters
from alerts.detection.results import Results, Shift
from alerts.detection.second_witness import growth_of_company, growth_of_hours, with_volume
from alerts.detection.series import WINDOW_S, Series
from alerts.detection.topic_series import TopicSeries
from alerts.detection.topic_share import share_statistic
from documents import Direction, Severity

NO_COMPANY_TONE_LEAST = 1.5
"""``Parameters.tone_least`` for news that names no company."""


class _Clearest:
    """For each of ``pairs`` pairs, keeps the result of the span with the largest statistic."""

    def __init__(self, pairs: int) -> None:
        self.columns = [np.zeros(pairs) for _ in range(8)]

    def offer(self, which: np.ndarray, span: int, means: Means, statistic: np.ndarray, least: np.ndarray) -> None:
        """Of the pairs ``which``, keep the results that are clearer than those held. Effects below ``least`` do not
        count."""
        statistic = np.where(np.abs(means.effect) < least, 0, statistic)
        clearer = np.abs(statistic) > np.abs(self.columns[0][which])
        columns = (
            statistic,
            means.effect,
            np.full(len(which), span),
            means.before,
            means.past,
            means.before_error,
            means.documents,
            means.after_error,
        )
        for kept, column in zip(self.columns, columns, strict=True):
            kept[which[clearer]] = column[clearer]


def run_shift_test(
    series: Series,
    entity: np.ndarray,
    at: np.ndarray,
    parameters: Parameters,
    minimum_documents: np.ndarray | int | None = None,
    minimum_effect: np.ndarray | float | None = None,
) -> Results:
    """Test each pair of ``entity`` (index of a series) and ``at`` (Unix seconds), both [pairs].

    The two minima may differ between pairs; their defaults are those of ``parameters``. The market has its own.
    """
    documents = parameters.minimum_documents if minimum_documents is None else minimum_documents
    effect = parameters.minimum_effect if minimum_effect is None else minimum_effect
    market = series.is_market(entity)
    least_documents = np.where(market, parameters.market_documents, documents)
    least_effect = np.where(market, parameters.market_effect, effect)
    clearest = _Clearest(len(at))
    _test_spans(clearest, series, entity, at, parameters, least_documents, least_effect)
    _test_no_company(clearest, series, entity, at, parameters, least_documents, least_effect)
    if math.isfinite(parameters.buzz_threshold):
        _test_within_buzz(clearest, series, entity, at, parameters, least_documents)
    return Results(entity, at, *clearest.columns)


def _test_spans(
    clearest: _Clearest,
    series: Series,
    entity: np.ndarray,
    at: np.ndarray,
    parameters: Parameters,
    least_documents: np.ndarray,
    least_effect: np.ndarray,
) -> None:
    """Tests every recent span of every series, except that of news that names no company."""
    market = series.is_market(entity)
    no_company = market & (entity != 0)
    for span in parameters.recent_s:
        busy = np.flatnonzero((series.between(entity, at - span, at).documents >= least_documents) & ~no_company)
        if not len(busy):
            continue
        means = compare(series, entity[busy], at[busy], span, parameters, parameters.likeness)
        if isinstance(series, TopicSeries):
            statistic = share_statistic(series, entity[busy], at[busy], span, means, least_effect[busy], parameters)
        else:
            statistic = means.standard_errors()
            if span >= 86400:
                growth = np.where(market[busy], 0, growth_of_company(series, at[busy], span, means, parameters))
                statistic = with_volume(statistic, growth, parameters.tone_least, parameters.volume_most)
        clearest.offer(busy, span, means, statistic, least_effect[busy])


def _test_no_company(
    clearest: _Clearest,
    series: Series,
    entity: np.ndarray,
    at: np.ndarray,
    parameters: Parameters,
    least_documents: np.ndarray,
    least_effect: np.ndarray,
) -> None:
    """News that names no company, on one span; its volume is compared with that of the same hours of other days."""
    no_company, span = series.is_market(entity) & (entity != 0), parameters.no_company_span_s
    busy = np.flatnonzero((series.between(entity, at - span, at).documents >= least_documents) & no_company)
    if len(busy):
        means = compare(series, entity[busy], at[busy], span, parameters, 0.0)
        growth = growth_of_hours(series, entity[busy], at[busy], span, parameters)
        statistic = with_volume(means.standard_errors(), growth, NO_COMPANY_TONE_LEAST, parameters.volume_most)
        clearest.offer(busy, span, means, statistic * parameters.no_company_weight, least_effect[busy])


def _test_within_buzz(
    clearest: _Clearest,
    series: Series,
    entity: np.ndarray,
    at: np.ndarray,
    parameters: Parameters,
    least_documents: np.ndarray,
) -> None:
    """The tone within a surge of documents, where a smaller effect counts.

    The surge itself is certain, so the tone need only be distinguished from chance and not from drift. It must hold in
    the later half of the surge as well: what was said before the surge is not what the surge is about.
    """
    surge = buzz_test(series, entity, at, parameters, least_documents)
    busy = np.flatnonzero(surge.statistic >= parameters.buzz_threshold)
    if not len(busy):
        return
    whole, later = (
        compare(series, entity[busy], at[busy], span, parameters, 0.0, drift=False)
        for span in (parameters.buzz_span_s, parameters.buzz_span_s // 2)
    )
    down, up = (
        np.minimum.reduce(
            [np.where(sign * (means.before + means.effect) > 0, sign * means.tone(sign), 0) for means in (whole, later)]
        )
        for sign in (-1, 1)
    )
    evidence = np.maximum(up, 0) * parameters.positive_in_buzz - np.maximum(down, 0) * parameters.negative_in_buzz
    # The surge is tested again with each of its documents, and each test may err.
    looks = series.windows(entity[busy], at[busy] - parameters.buzz_span_s, at[busy])
    evidence = evidence / (1 + parameters.looks * np.log(np.maximum(looks, 1)))
    clearest.offer(busy, parameters.buzz_span_s, whole, evidence, np.full(len(busy), parameters.buzz_effect))


def severity_of(series: Series, results: Results, k: int, parameters: Parameters) -> Severity:
    """The severity of the ``k``-th result: see ``alerts.severity``."""
    effect = abs(float(results.effect[k]))
    evidence = abs(float(results.statistic[k])) / parameters.threshold
    market = series.is_market(int(results.entity[k]))
    scale = parameters.market_effect / parameters.minimum_effect
    return severity.of_shift(effect, evidence, scale if market else None)


def describe_shift(series: Series, results: Results, k: int, parameters: Parameters) -> Shift:
    """The ``k``-th result as a shift of a sentiment, with its direction, its severity, and when it began."""
    i, at, recent_s = int(results.entity[k]), int(results.at[k]), int(results.recent_s[k])
    effect, before = float(results.effect[k]), float(results.before[k])
    began = began_at(series, i, at - max(recent_s, parameters.buzz_span_s), at, before, before + effect)
    return Shift(
        entity=str(series.entities[i]),
        at=at,
        direction=Direction.NEGATIVE if effect < 0 else Direction.POSITIVE,
        severity=severity_of(series, results, k, parameters),
        statistic=float(results.statistic[k]),
        before_mean=before,
        after_mean=before + effect,
        before_documents=round(float(results.before_documents[k])),
        after_documents=round(float(results.after_documents[k])),
        recent_s=recent_s,
        began_at=began,
        before_error=float(results.before_error[k]),
        after_error=float(results.after_error[k]),
        since_documents=round(float(series.between(i, began - WINDOW_S, at).documents)),
    )
