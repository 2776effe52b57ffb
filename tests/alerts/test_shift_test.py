"""The shift test on simulated companies, seeded: what must fire, what must not, and how often it errs."""

from __future__ import annotations

import numpy as np

from alerts.detection import (
    WINDOW_S,
    Parameters,
    Series,
    Shift,
    buzz_test,
    describe_shift,
    has_recovered,
    run_shift_test,
)
from storage.reads import Windows

DAY = 86400
LEVELS = np.array([-0.8, -0.3, 0.0, 0.3, 0.8])
QUIET = np.array([0.15, 0.15, 0.35, 0.15, 0.20])
BAD = np.array([0.7, 0.2, 0.1, 0.0, 0.0])
GOOD = np.array([0.0, 0.0, 0.1, 0.2, 0.7])
RULE = Parameters()
TICK_S = 900


def documents(rng: np.random.Generator, a_day: float, first: float, last: float, tone: np.ndarray) -> np.ndarray:
    """[n, 2]: time in seconds and sentiment, over days ``first`` to ``last``."""
    n = rng.poisson(a_day * (last - first))
    return np.stack([rng.uniform(first * DAY, last * DAY, n), rng.choice(LEVELS, n, p=tone)], axis=1)


def windows(companies: dict[str, np.ndarray]) -> Windows:
    parts = []
    for name, rows in companies.items():
        starts, index = np.unique(rows[:, 0] // WINDOW_S * WINDOW_S, return_inverse=True)
        negative = np.maximum(-rows[:, 1], 0.05)
        weights = (None, rows[:, 1], rows[:, 1] ** 2, negative, negative**2)
        sums = [np.bincount(index, weight) for weight in weights]
        parts.append((np.full(len(starts), name, dtype=object), starts.astype(np.int64), *sums))
    return Windows(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def crowd(rng: np.random.Generator, days: float, count: int = 30) -> dict[str, np.ndarray]:
    return {f"quiet-{i}": documents(rng, rng.choice([2, 10, 40]), 0, days, QUIET) for i in range(count)}


def watch(companies: dict[str, np.ndarray], days: float, rule: Parameters = RULE, start: float = 1) -> list[Shift]:
    series = Series(windows(companies))
    found = run_shift_test(series, *series.moments(int(start * DAY), int(days * DAY), TICK_S), rule)
    fired = np.flatnonzero(np.abs(found.statistic) >= rule.threshold)
    return [describe_shift(series, found, int(k), rule) for k in fired[np.argsort(found.at[fired], kind="stable")]]


def detect(series: Series, at: int, rule: Parameters) -> list[Shift]:
    """The entities whose sentiment has shifted at ``at``."""
    found = run_shift_test(series, np.arange(len(series)), np.full(len(series), at), rule)
    fired = np.flatnonzero(np.abs(found.statistic) >= rule.threshold)
    return [describe_shift(series, found, int(k), rule) for k in fired]


def with_event(tone: np.ndarray, a_day: float, surge: float, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    companies = crowd(rng, 7)
    before, after = documents(rng, a_day, 0, 5, QUIET), documents(rng, surge, 5, 7, tone)
    return companies | {"event": np.concatenate([before, after])}


def test_a_crisis_fires_within_hours_and_is_dated():
    shifts = watch(with_event(BAD, a_day=20, surge=200), 7)
    assert {(shift.entity, shift.direction) for shift in shifts} == {("event", "negative")}
    first = shifts[0]
    assert 5 * DAY < first.at <= 5 * DAY + 3 * 3600
    # Before the crisis a document comes every 72 minutes, and some are negative by chance.
    assert abs(first.began_at - 5 * DAY) <= 4 * 3600
    assert first.after_documents >= RULE.minimum_documents


def test_a_good_surprise_fires_upwards():
    shifts = watch(with_event(GOOD, a_day=20, surge=200), 7)
    assert {(shift.entity, shift.direction) for shift in shifts} == {("event", "positive")}


def test_volume_without_a_change_of_tone_is_quiet():
    assert watch(with_event(QUIET, a_day=20, surge=1000), 7) == []


def test_a_company_with_two_documents_a_day_fires_too():
    shifts = watch(with_event(BAD, a_day=2, surge=40), 7)
    assert shifts and {shift.entity for shift in shifts} == {"event"}


def test_quiet_companies_hardly_ever_fire():
    """At most one false alarm in two years of a company, with 95 % confidence (Poisson)."""
    years, alarms = 0.0, 0
    for seed in range(4):
        rng = np.random.default_rng(100 + seed)
        days = 60
        shifts = watch(crowd(rng, days, 60), days, start=7)
        # One episode is one alarm however many ticks it lasts.
        alarms += len({(shift.entity, shift.at // DAY) for shift in shifts})
        years += 60 * (days - 7) / 365
    assert years > 34
    upper = alarms + 1.96 * (alarms + 1) ** 0.5 + 1.9
    assert upper / years < 0.5, f"{alarms} false alarms in {years:.0f} company-years"


def test_a_shift_is_over_when_the_tone_is_back():
    rng = np.random.default_rng(5)
    event = np.concatenate(
        [documents(rng, 20, 0, 3, QUIET), documents(rng, 100, 3, 4, BAD), documents(rng, 60, 4, 7, QUIET)]
    )
    series = Series(windows(crowd(rng, 7) | {"event": event}))
    fired = detect(series, 3 * DAY + 6 * 3600, RULE)[0]
    arguments = (fired.began_at, fired.before_mean, fired.after_mean, RULE)
    assert not has_recovered(series, "event", int(3.9 * DAY), *arguments)
    assert has_recovered(series, "event", int(4.8 * DAY), *arguments)
    assert has_recovered(series, "unknown", 4 * DAY, *arguments)


def test_ten_thousand_companies_are_read_once():
    rng = np.random.default_rng(9)
    n = 400_000
    tone = rng.choice(LEVELS, n, p=QUIET)
    negative = np.maximum(-tone, 0.05)
    found = Windows(
        np.array([f"c{i}" for i in rng.integers(0, 10_000, n)], dtype=object),
        rng.integers(0, 8 * DAY // WINDOW_S, n) * WINDOW_S,
        np.ones(n, np.int64),
        tone,
        tone**2,
        negative,
        negative**2,
    )
    series = Series(found)
    everyone = np.arange(1, len(series))
    assert series.between(everyone, 0, 8 * DAY).documents.sum() == n and len(series) == 10_001
    assert len(detect(series, 8 * DAY, RULE)) <= 20


def thin(tone: np.ndarray, surge: float, seed: int) -> np.ndarray:
    """A company of a document in two days, with three days of ``surge`` documents a day in the tone of ``tone``."""
    rng = np.random.default_rng(seed)
    return np.concatenate([documents(rng, 0.5, 0, 40, QUIET), documents(rng, surge, 40, 43, tone)])


def test_worse_news_and_more_of_it_are_found_in_a_thin_series_but_not_either_alone():
    rng = np.random.default_rng(8)
    companies = crowd(rng, 43, 20)
    for seed in range(40):
        companies[f"both-{seed}"] = thin(BAD, 3, seed)
        companies[f"volume-{seed}"] = thin(QUIET, 3, seed)
        companies[f"usual-{seed}"] = thin(BAD, 0.5, seed)
    fired = {shift.entity for shift in watch(companies, 43, start=40)}
    share = {kind: sum(name.startswith(kind) for name in fired) / 40 for kind in ("both", "volume", "usual")}
    assert share["both"] >= 0.7 and share["volume"] <= 0.05 and share["usual"] <= 0.05, share


def test_volume_is_compared_with_the_days_of_the_week():
    rng = np.random.default_rng(9)
    # Every company has five times as much on the first day of each week.
    weekly = {
        f"c{i}": np.concatenate(
            [documents(rng, 2.5 if day % 7 == 0 else 0.5, day, day + 1, QUIET) for day in range(36)]
        )
        for i in range(100)
    }
    series = Series(windows(weekly))
    everyone = np.arange(1, len(series))
    usual, busy = (
        buzz_test(series, everyone, np.full(len(everyone), at * DAY), RULE).before.mean() for at in (35, 36)
    )  # the ends of a usual day and of a busy one
    assert usual < 0.75 and busy > 1.5, (usual, busy)
