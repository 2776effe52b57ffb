"""What is watched: each kind of alert with its series, its parameters and its tests. Pure, over numpy arrays."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from alerts.detection import (
    WINDOW_S,
    Look,
    Parameters,
    Results,
    Series,
    Shift,
    TopicSeries,
    buzz_test,
    describe_buzz,
    describe_shift,
    entity_and_topic,
    has_recovered,
    is_quiet,
    run_shift_test,
    series_name,
    topic_parameters,
)
from alerts.rules import Rules, Setting
from alerts.transition import Transition
from documents import AlertKind, Direction
from storage.reads import CoarseWindows, Windows

CHUNK = 200_000
"""How many tests are computed at once, to bound the memory."""


@dataclass(frozen=True)
class Source:
    """One kind of alert, the series in which it is looked for, and the parameters of its test."""

    kind: AlertKind
    series: Series
    parameters: Parameters

    def threshold(self, setting: Setting) -> float:
        """The least statistic at which a rule lets an alert of this kind fire; infinite where it wants none."""
        if self.kind not in setting.kinds:
            return math.inf
        if self.kind is AlertKind.BUZZ:
            return self.parameters.buzz_threshold
        return self.least(setting, "threshold")

    def least(self, setting: Setting, name: Literal["threshold", "minimum_documents", "minimum_effect"]) -> float:
        """What a rule sets. For a topic's share, half of the effect counts (see ``topic_parameters``), and a rule
        cannot go below what distinguishes a share from chance."""
        value = float(getattr(setting, name))
        if self.kind is not AlertKind.TOPIC_SHIFT:
            return value
        if name == "minimum_effect":
            value /= 2
        return max(value, getattr(self.parameters, name))

    def candidates(self, rules: Rules, after: int, until: int, tick_s: int, late: Iterable[str]) -> list[Candidate]:
        """The tests that are beyond their threshold, at the ticks in ``(after, until]`` with new documents. The
        entities ``late`` have new documents of earlier ticks; they are tested at ``until``."""
        series = self.series
        entity, at = series.moments(after, until, tick_s)
        if too := series.indices(late):
            entity, at = np.append(entity, too), np.append(at, np.full(len(too), until))
        which, place = np.unique(entity, return_inverse=True)
        settings = [rules.of(entity_and_topic(str(name))[0]) for name in series.entities[which]]
        least = np.array([self.threshold(setting) if setting else math.inf for setting in settings], float)
        if self.kind is AlertKind.BUZZ:
            results = buzz_test(series, entity, at, self.parameters)
        else:
            if not rules.file.market:
                least[series.is_market(which)] = math.inf
            documents, effect = (
                np.array([self.least(setting, name) if setting else math.inf for setting in settings], float)[place]
                for name in ("minimum_documents", "minimum_effect")
            )
            results = self._test(entity, at, documents, effect)
        loud = np.flatnonzero(np.abs(results.statistic) >= least[place])
        return [Candidate(self, results, int(k)) for k in loud]

    def _test(self, entity: np.ndarray, at: np.ndarray, documents: np.ndarray, effect: np.ndarray) -> Results:
        parts = []
        for start in range(0, len(at), CHUNK) or (0,):
            part = slice(start, start + CHUNK)
            parts.append(
                run_shift_test(self.series, entity[part], at[part], self.parameters, documents[part], effect[part])
            )
        return Results(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def test_again(self, fired: Transition, at: int, setting: Setting) -> Candidate | None:
        """The result of one series at one moment, whether or not it is beyond the threshold."""
        i = self.series.index(series_name(fired.entity, fired.topic))
        if i is None:
            return None
        documents, effect = self.least(setting, "minimum_documents"), self.least(setting, "minimum_effect")
        results = run_shift_test(self.series, np.array([i]), np.array([at]), self.parameters, int(documents), effect)
        return Candidate(self, results, 0)

    def is_over(self, fired: Transition, at: np.ndarray) -> np.ndarray:
        """Whether the alert that ``fired`` is over, at each of the times ``at`` (Unix seconds)."""
        name, rule = series_name(fired.entity, fired.topic), self.parameters
        if self.kind is AlertKind.BUZZ:
            return is_quiet(self.series, name, at, fired.before_mean, rule)
        began = int(fired.began_at.timestamp())
        return has_recovered(self.series, name, at, began, fired.before_mean, fired.after_mean, rule)

    def has_documents(self, fired: Transition, at: np.ndarray) -> np.ndarray:
        """Whether there were documents shortly before each of the times ``at``."""
        i = self.series.index(series_name(fired.entity, fired.topic))
        if i is None:
            return np.zeros(len(at), bool)
        return self.series.between(i, at - self.parameters.resolved_span_s, at).documents > 0


@dataclass(frozen=True)
class Candidate:
    """One test that is beyond its threshold: the ``k``-th of ``results``."""

    source: Source
    results: Results
    k: int

    @property
    def kind(self) -> AlertKind:
        return self.source.kind

    @property
    def name(self) -> str:
        """The series' name."""
        return str(self.source.series.entities[self.results.entity[self.k]])

    @property
    def at(self) -> int:
        """Unix seconds."""
        return int(self.results.at[self.k])

    @property
    def statistic(self) -> float:
        return float(self.results.statistic[self.k])

    @property
    def effect(self) -> float:
        return float(self.results.effect[self.k])

    @property
    def before(self) -> float:
        return float(self.results.before[self.k])

    @property
    def direction(self) -> Direction:
        return _direction(self.kind, self.effect)

    @property
    def is_market_shift(self) -> bool:
        """Whether it is a shift of the whole market, or of the news that names no company."""
        market = self.source.series.is_market(int(self.results.entity[self.k]))
        return self.kind is AlertKind.SENTIMENT_SHIFT and bool(market)

    def describe(self) -> Shift:
        """The shift, with its severity and its beginning."""
        series, parameters = self.source.series, self.source.parameters
        if self.kind is AlertKind.BUZZ:
            return describe_buzz(series, self.results, self.k, parameters)
        shift = describe_shift(series, self.results, self.k, parameters)
        entity, topic = entity_and_topic(shift.entity)
        direction = _direction(self.kind, shift.after_mean - shift.before_mean)
        return replace(shift, entity=entity, topic=topic, kind=self.kind, direction=direction)

    def is_over_already(self, shift: Shift) -> bool:
        """Whether the latest documents do not show the shift any more: a long span still may."""
        series, parameters = self.source.series, self.source.parameters
        means = shift.before_mean, shift.after_mean
        return bool(has_recovered(series, self.name, shift.at, shift.began_at, *means, parameters))


def _direction(kind: AlertKind, effect: float) -> Direction:
    if kind is AlertKind.SENTIMENT_SHIFT:
        return Direction.NEGATIVE if effect < 0 else Direction.POSITIVE
    return Direction.DOWN if effect < 0 else Direction.UP


def watched_sources(
    windows: Windows,
    topics: tuple[np.ndarray, ...],
    parameters: Parameters,
    no_companies: Collection[str] = (),
) -> list[Source]:
    """The sources over the windows: tone, volume, and the shares of topics. ``no_companies`` are the entities that are
    no part of the market."""
    tone = Series(windows, None, no_companies)
    return _sources(tone, TopicSeries(tone, topics), parameters)


def coarse_sources(
    read: CoarseWindows,
    width_s: int,
    parameters: Parameters,
    earlier: Sequence[Source] = (),
    no_companies: Collection[str] = (),
    look: Look | None = None,
    look_for_topic: Look | None = None,
) -> list[Source]:
    """As ``watched_sources``, over windows of ``width_s`` seconds. ``earlier`` are the sources over the time before,
    which are not computed again; the two looks are as in ``Series`` and in ``TopicSeries``."""
    before = {source.kind: source.series for source in earlier}
    shares = before.get(AlertKind.TOPIC_SHIFT)
    assert shares is None or isinstance(shares, TopicSeries)
    begin = int(read.minutes.min()) + WINDOW_S if len(read.minutes) else 0
    earlier_tone = before.get(AlertKind.SENTIMENT_SHIFT)
    tone = Series(read.windows, earlier_tone, no_companies, width_s, read.firsts, begin, look)
    return _sources(tone, TopicSeries(tone, read.topics, shares, look_for_topic), parameters)


def _sources(tone: Series, shares: TopicSeries, parameters: Parameters) -> list[Source]:
    return [
        Source(AlertKind.SENTIMENT_SHIFT, tone, parameters),
        Source(AlertKind.BUZZ, tone, parameters),
        Source(AlertKind.TOPIC_SHIFT, shares, topic_parameters(parameters)),
    ]
