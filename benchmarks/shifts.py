"""The shift test beside simple peers, on the same simulated companies, at the same false-alarm rate:

``python -m benchmarks.shifts [--json OUT] [--plot OUT.png] [--seed 1]``

Quiet companies of 0.5 to 40 documents a day set each contender's threshold, so that all raise at most the wanted number
of false alarms; then a crisis is put into others, and the delay until the first alarm is measured. Peers: a fixed
threshold on the last 24 hours' mean, a z-score of hourly means, and river's ADWIN and Page-Hinkley, document by
document.

``python -m benchmarks.shifts --topics`` measures the false alarms of topic shifts, and their delay, on simulated
companies.

``python -m benchmarks.shifts --live`` measures one evaluation as the worker makes it, over the embedded ClickHouse:
10,000 companies, 4 documents a day each; with 30 days of them, and with 60 days more before those.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alerts.detection import (
    WINDOW_S,
    Parameters,
    Series,
    TopicSeries,
    entity_and_topic,
    run_shift_test,
    series_name,
    topic_parameters,
)
from benchmarks.shifts_live import DAY, TICK_S, live
from storage.reads import Windows

LEVELS = np.array([-0.8, -0.3, 0.0, 0.3, 0.8])
QUIET = np.array([0.15, 0.15, 0.35, 0.15, 0.20])
BAD = np.array([0.5, 0.2, 0.2, 0.05, 0.05])
RATES = (0.5, 2.0, 10.0, 40.0)
DAYS, EVENT, LONGEST = 60, 45, 7
TOPIC_SHARES = np.geomspace(0.25, 0.02, 12)
"""Of a company's documents; a document may have several topics or none."""

TOPIC_DRIFT, SHARE_AFTER = 0.3, 0.31
"""How a share's logit moves from day to day, and what the rarest topic's share becomes in a crisis."""

WANTED = 0.5
"""False alarms per company-year at which all are compared."""

Alarms = np.ndarray
"""[n, 2]: time in seconds and statistic of each possible alarm of one company."""


@dataclass
class Company:
    """Times in seconds and sentiments of its documents; ``event`` is when its tone turns, or None."""

    name: str
    times: np.ndarray
    tone: np.ndarray
    rate: float
    event: float | None


def companies(rng: np.random.Generator, count: int, event: bool) -> list[Company]:
    """Companies whose true tone drifts a little from day to day; a crisis brings 4 times the documents, too."""
    made = []
    for number in range(count):
        rate = RATES[number % len(RATES)]
        times, tones = [], []
        for day in range(DAYS):
            bad = event and EVENT <= day < EVENT + LONGEST
            n = rng.poisson(rate * (4 if bad else 1))
            times.append(np.sort(rng.uniform(day * DAY, (day + 1) * DAY, n)))
            tones.append(np.clip(rng.choice(LEVELS, n, p=BAD if bad else QUIET) + rng.normal(0, 0.08), -1, 1))
        made.append(
            Company(
                f"c{number:05d}", np.concatenate(times), np.concatenate(tones), rate, EVENT * DAY if event else None
            )
        )
    return made


def windows(crowd: list[Company]) -> Windows:
    """Minute windows as ``storage.reads`` gives them."""
    parts = []
    for company in crowd:
        starts, index = np.unique((company.times // WINDOW_S * WINDOW_S).astype(np.int64), return_inverse=True)
        negative = np.maximum(-company.tone, 0.05)
        sums = [np.bincount(index, w) for w in (None, company.tone, company.tone**2, negative, negative**2)]
        parts.append((np.full(len(starts), company.name, dtype=object), starts, *sums))
    return Windows(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def ours(crowd: list[Company]) -> list[Alarms]:
    """The rule as it ships; its statistic is the threshold's."""
    series, found = Series(windows(crowd)), []
    for company in crowd:
        i = series.index(company.name)
        assert i is not None
        at = np.unique(-(-series.within(i, 0, DAYS * DAY + WINDOW_S)[0] // TICK_S) * TICK_S)
        results = run_shift_test(series, np.full(len(at), i), at, Parameters())
        found.append(np.stack([at, np.abs(results.statistic)], axis=1))
    return found


def _means(company: Company, span: float) -> tuple[np.ndarray, np.ndarray]:
    sums, counts = np.r_[0, company.tone.cumsum()], np.arange(len(company.times) + 1)
    first = np.searchsorted(company.times, company.times - span)
    last = counts[1:]
    return (sums[last] - sums[first]) / (last - first), last - first


def fixed_threshold(crowd: list[Company]) -> list[Alarms]:
    """The mean of the last 24 hours (of 3 documents at least), however it was before."""
    found = []
    for company in crowd:
        mean, n = _means(company, DAY)
        found.append(np.stack([company.times, np.where(n >= 3, np.abs(mean), 0)], axis=1))
    return found


def hourly_z(crowd: list[Company]) -> list[Alarms]:
    """The mean of an hour against the hours with documents of the 30 days before."""
    found = []
    for company in crowd:
        hours, index = np.unique(company.times // 3600, return_inverse=True)
        means = np.bincount(index, company.tone) / np.bincount(index)
        z = np.zeros(len(hours))
        for k in range(len(hours)):
            past = means[np.searchsorted(hours, hours[k] - 720) : k]
            if len(past) >= 5:
                z[k] = abs(means[k] - past.mean()) / max(past.std(), 0.05)
        found.append(np.stack([(hours + 1) * 3600, z], axis=1))
    return found


def _river(make: Callable[[float], Any], settings: list[float]) -> Callable[[list[Company]], list[Alarms]]:
    """An alarm's statistic is the strictest setting that still raises it at that document."""

    def run(crowd: list[Company]) -> list[Alarms]:
        found = []
        for company in crowd:
            score = np.zeros(len(company.times))
            for strictness, setting in enumerate(settings, 1):
                detector = make(setting)
                for k, tone in enumerate(company.tone.tolist()):
                    detector.update(tone)
                    if detector.drift_detected:
                        score[k] = strictness
            found.append(np.stack([company.times, score], axis=1))
        return found

    return run


def contenders() -> dict[str, Callable[[list[Company]], list[Alarms]]]:
    """Name to what finds the alarms; lists of settings go from lax to strict."""
    from river.drift import ADWIN, PageHinkley

    return {
        "finsent": ours,
        "fixed threshold, 24 h": fixed_threshold,
        "z-score, hourly means": hourly_z,
        "river ADWIN": _river(lambda d: ADWIN(delta=d), [0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 1e-4, 1e-5, 1e-6]),
        "river PageHinkley": _river(
            lambda t: PageHinkley(min_instances=10, delta=0.1, threshold=t),
            [3, 4, 5, 6, 7, 7.5, 8, 8.5, 9, 9.5, 10, 11, 12, 14, 16, 20, 24],
        ),
    }


def episodes(alarms: Alarms, threshold: float, first: float, last: float) -> int:
    """Alarms between two times; what follows within a day of one is the same."""
    count, until = 0, -np.inf
    for at, statistic in alarms:
        if first < at <= last and statistic >= threshold and at > until:
            count, until = count + 1, at + DAY
    return count


def measure(name: str, run: Callable[[list[Company]], list[Alarms]], quiet: list[Company], loud: list[Company]) -> dict:
    """The least threshold with at most ``WANTED`` false alarms a year, and the delays with it."""
    started = time.perf_counter()
    calm = run(quiet)
    first, last = 31 * DAY, DAYS * DAY
    years = len(quiet) * (last - first) / (365.25 * DAY)
    levels = np.unique(np.concatenate([alarms[:, 1] for alarms in calm]))
    levels = np.r_[levels[levels > 0], levels.max() * 1.001 if levels.max() > 0 else 1.0]
    low, high = 0, len(levels) - 1
    while low < high:
        middle = (low + high) // 2
        if sum(episodes(alarms, levels[middle], first, last) for alarms in calm) / years <= WANTED:
            high = middle
        else:
            low = middle + 1
    threshold = float(levels[high])
    rate = sum(episodes(alarms, threshold, first, last) for alarms in calm) / years
    by_rate: dict[float, list[float]] = {each: [] for each in RATES}
    for company, alarms in zip(loud, run(loud), strict=True):
        assert company.event is not None
        hit = alarms[(alarms[:, 0] > company.event) & (alarms[:, 1] >= threshold)]
        delay = (hit[0, 0] - company.event) / 3600 if len(hit) else np.inf
        by_rate[company.rate].append(min(delay, LONGEST * 24.0))
    every = [delay for delays in by_rate.values() for delay in delays]
    return {
        "name": name,
        "threshold": threshold,
        "false_alarms_per_company_year": rate,
        "median_delay_hours": statistics.median(every),
        "found_within_a_day": float(np.mean([delay <= 24 for delay in every])),
        "found_within_a_week": float(np.mean([delay < LONGEST * 24 for delay in every])),
        "median_delay_hours_by_documents_a_day": {str(k): statistics.median(v) for k, v in by_rate.items()},
        "seconds": time.perf_counter() - started,
    }


def talk(rng: np.random.Generator, crowd: list[Company]) -> tuple[np.ndarray, ...]:
    """(entity, topic, start, documents) as ``storage.reads.sentiment_and_topic_windows`` gives them.

    Each document has each topic by chance, with shares that drift from day to day; after an event the rarest topic has
    ``SHARE_AFTER``.
    """
    found: list[tuple[str, str, int]] = []
    for company in crowd:
        day = (company.times // DAY).astype(int)
        start = (company.times // WINDOW_S * WINDOW_S).astype(np.int64)
        for topic, usual in enumerate(TOPIC_SHARES):
            drift = rng.normal(0, TOPIC_DRIFT, DAYS)
            share = 1 / (1 + (1 / usual - 1) * np.exp(-drift))[day]
            if company.event is not None and topic == len(TOPIC_SHARES) - 1:
                bad = (company.times >= company.event) & (company.times < company.event + LONGEST * DAY)
                share = np.where(bad, SHARE_AFTER, share)
            found += [(company.name, f"topic {topic}", int(at)) for at in start[rng.random(len(start)) < share]]
    entity, topics, starts = zip(*found, strict=True)
    return np.array(entity, object), np.array(topics, object), np.array(starts), np.ones(len(found), np.int64)


def topics(rng: np.random.Generator, count: int) -> dict[str, Any]:
    """False alarms per company-year over all topics, and the hours until the one that rose was told, with the rule as
    it ships; by documents a day."""
    rule, made = topic_parameters(Parameters()), {}
    for event in (False, True):
        crowd = companies(rng, count, event)
        shares = TopicSeries(Series(windows(crowd)), talk(rng, crowd))
        entity, at = shares.moments(31 * DAY, DAYS * DAY, TICK_S)
        results = run_shift_test(shares, entity, at, rule)
        loud = np.flatnonzero(np.abs(results.statistic) >= rule.threshold)
        alarms: dict[str, list[tuple[float, float]]] = {}
        for k in loud[np.argsort(at[loud], kind="stable")]:
            alarms.setdefault(str(shares.entities[entity[k]]), []).append(
                (float(at[k]), abs(float(results.statistic[k])))
            )
        made[event] = crowd, {name: np.array(pairs) for name, pairs in alarms.items()}
    first, last = 31 * DAY, DAYS * DAY
    crowd, calm = made[False]
    rows: dict[str, Any] = {"by_documents_a_day": {}}
    for rate in RATES:
        names = {company.name for company in crowd if company.rate == rate}
        years = len(names) * (last - first) / (365.25 * DAY)
        false = [
            episodes(alarms, rule.threshold, first, last)
            for name, alarms in calm.items()
            if entity_and_topic(name)[0] in names
        ]
        delays = []
        for company in made[True][0]:
            if company.rate == rate and company.event is not None:
                hits = made[True][1].get(series_name(company.name, f"topic {len(TOPIC_SHARES) - 1}"), np.zeros((0, 2)))
                hits = hits[(hits[:, 0] > company.event) & (hits[:, 0] <= company.event + LONGEST * DAY)]
                delays.append((hits[0, 0] - company.event) / 3600 if len(hits) else LONGEST * 24.0)
        rows["by_documents_a_day"][str(rate)] = {
            "company_years": years,
            "false_alarms": sum(false),
            "false_alarms_per_company_year": sum(false) / years,
            "median_delay_hours": statistics.median(delays),
            "found_within_a_week": float(np.mean([delay < LONGEST * 24 for delay in delays])),
        }
    return rows


def plot(rows: list[dict], path: Path) -> None:
    """Median delay by documents a day, a line a contender."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(7.5, 4), layout="constrained")
    for row in rows:
        delays = row["median_delay_hours_by_documents_a_day"]
        axis.plot([float(k) for k in delays], list(delays.values()), "o-", label=row["name"],
                  linewidth=2.5 if row["name"] == "finsent" else 1.2)  # fmt: skip
    axis.set(xscale="log", yscale="log", xlabel="documents a day before the shift", ylabel="median delay in hours",
             title=f"Delay at {WANTED} false alarms per company-year ({LONGEST * 24} h: not found)")  # fmt: skip
    axis.legend()
    axis.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def main() -> None:
    """Measure, print the table, write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--companies", type=int, default=80)
    parser.add_argument("--topics", action="store_true", help="measure topic shifts instead")
    parser.add_argument("--live", action="store_true", help="measure evaluations over ClickHouse instead")
    arguments = parser.parse_args()
    if arguments.live:
        _write(arguments.json, live())
        return
    rng = np.random.default_rng(arguments.seed)
    if arguments.topics:
        found = topics(rng, arguments.companies)
        print(
            "| documents a day | false alarms a year | median delay, h | found in a week |\n| --- | --- | --- | --- |"
        )
        for rate, row in found["by_documents_a_day"].items():
            print(
                f"| {rate} | {row['false_alarms_per_company_year']:.2f} ({row['false_alarms']} in "
                f"{row['company_years']:.1f}) | {row['median_delay_hours']:.1f} | {row['found_within_a_week']:.0%} |"
            )
        _write(arguments.json, found)
        return
    quiet = companies(rng, arguments.companies, event=False)
    loud = companies(rng, arguments.companies, event=True)
    rows = []
    print("| | false alarms a year | median delay, h | found in a day | in a week |\n| --- | --- | --- | --- | --- |")
    for name, run in contenders().items():
        row = measure(name, run, quiet, loud)
        rows.append(row)
        print(
            f"| {name} | {row['false_alarms_per_company_year']:.2f} | {row['median_delay_hours']:.1f} | "
            f"{row['found_within_a_day']:.0%} | {row['found_within_a_week']:.0%} |",
            flush=True,
        )
    _write(arguments.json, {"contenders": rows})
    if arguments.plot:
        plot(rows, arguments.plot)


def _write(path: Path | None, found: Any) -> None:
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
