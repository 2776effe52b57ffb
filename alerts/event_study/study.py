"""An event study of alerts: abnormal returns around them, with intervals.

The method is that of A. C. MacKinlay, "Event Studies in Economics and Finance", Journal of Economic Literature 35
(1997): a market model (alpha and beta, by least squares) is fitted to the days before the window of an event; an
abnormal return is what the share returned beyond it, and the cumulative abnormal return (CAR) is their sum.

The intervals are those of a bootstrap-t that draws whole days of events (A. C. Cameron, J. B. Gelbach and D. L. Miller,
"Bootstrap-Based Improvements for Inference with Clustered Errors", Review of Economics and Statistics 90, 2008):
events of one day share their news and are no independent witnesses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alerts.detection import MARKET, NO_COMPANY
from alerts.event_study.returns import LONGEST_GAP_DAYS, Market, Returns

Array = NDArray[np.float64]

CAUTION = (
    "This says what came together, and not what caused what: news often reports a move that has already happened, and "
    "both may come from something else. Of 20 intervals about one misses the truth by chance."
)
FEWEST_DAYS = 10
"""With events on fewer days there are no intervals: too few to draw from."""

FEWEST_ESTIMATION_DAYS = 30
RESAMPLES, SEED = 2000, 20261129
NEW_YORK = ZoneInfo("America/New_York")


class StudyEvent(NamedTuple):
    """An alert about ``ticker`` that fired at a moment."""

    id: str
    ticker: str
    direction: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """``days`` on each side of an event are looked at, and the market model is fitted to the ``estimation`` days before
    these. An alert at or after ``close`` (in ``zone``) counts for the next trading day."""

    days: int = 5
    estimation: int = 120
    close: time = time(16)
    zone: tzinfo = NEW_YORK


class Estimate(NamedTuple):
    """A mean over events as a fraction (0.01 is 1 %), with its 95 % interval, which is None with too few days."""

    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The events of one direction, which fell on so many different ``days``.

    ``abnormal`` and ``cumulative`` have an estimate for each day of the window. ``before``, ``on`` and ``after`` are
    the sums of the days before the event, of its day, and of the days after. ``share_before`` is the part of the whole
    CAR that had come before the event's day; None where the interval of the whole holds 0, so that there is no move to
    divide.
    """

    direction: str
    events: int
    days: int
    beta: float
    """The mean over the events."""

    abnormal: list[Estimate]
    cumulative: list[Estimate]
    before: Estimate
    on: Estimate
    after: Estimate
    share_before: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """``offsets`` are the trading days from the event's (0). ``left_out`` counts the events that were not used, by the
    reason."""

    offsets: list[int]
    groups: list[Group]
    used: int
    left_out: Counter[str]


class _LeftOut(Exception):
    """Why an event is not used."""


class _Abnormal(NamedTuple):
    direction: str
    day: date
    beta: float
    returns: Array


def study(events: Iterable[StudyEvent], market: Market, design: Design) -> Study:
    """What the returns of the events' companies were around them, beyond the market's.

    Of the events of a company whose windows overlap, the first one is used.
    """
    left_out: Counter[str] = Counter()
    used = list(_abnormal_returns(events, market, design, left_out))
    groups = [
        _group(direction, [one for one in used if one.direction == direction], design)
        for direction in sorted({one.direction for one in used})
    ]
    offsets = list(range(-design.days, design.days + 1))
    return Study(offsets=offsets, groups=groups, used=len(used), left_out=left_out)


def _abnormal_returns(
    events: Iterable[StudyEvent], market: Market, design: Design, left_out: Counter[str]
) -> Iterator[_Abnormal]:
    by_ticker: dict[str, list[StudyEvent]] = {}
    for event in sorted(events, key=lambda one: (one.at, one.id)):
        by_ticker.setdefault(event.ticker, []).append(event)
    for ticker, own in by_ticker.items():
        if ticker in (MARKET, NO_COMPANY) or ticker.startswith("feed:"):
            left_out["about no company"] += len(own)
            continue
        if ticker not in market:
            left_out["no prices of the company"] += len(own)
            continue
        if ticker == market.benchmark:
            left_out["about the benchmark itself"] += len(own)
            continue
        returns = market.returns(ticker)
        latest = -10 * design.days - 1
        for event in own:
            try:
                place = _trading_day(returns, event.at, design)
                if place - latest <= 2 * design.days:
                    raise _LeftOut("overlaps an earlier alert about the company")
                beta, abnormal = _abnormal(returns, place, design)
            except _LeftOut as reason:
                left_out[str(reason)] += 1
                continue
            latest = place
            yield _Abnormal(event.direction, returns.days[place].item(), beta, abnormal)


def _trading_day(returns: Returns, at: datetime, design: Design) -> int:
    """The place of the first trading day whose close comes after ``at``."""
    local = at.astimezone(design.zone)
    day = np.datetime64(local.date() + timedelta(days=local.time() >= design.close), "D")
    place = int(np.searchsorted(returns.days, day))
    if place == len(returns.days):
        raise _LeftOut("after the last price")
    if returns.days[place] - day > np.timedelta64(LONGEST_GAP_DAYS, "D"):
        raise _LeftOut("no prices at that time")
    return place


def _abnormal(returns: Returns, place: int, design: Design) -> tuple[float, Array]:
    """Beta, and the abnormal return of each day of the window around ``place``."""
    first = place - design.days
    if place + design.days >= len(returns.days):
        raise _LeftOut("prices end within the days after it")
    before = slice(max(first - design.estimation, 0), max(first, 0))
    own, market = returns.own[before], returns.market[before]
    known = np.isfinite(own) & np.isfinite(market)
    if known.sum() < FEWEST_ESTIMATION_DAYS:
        raise _LeftOut(f"fewer than {FEWEST_ESTIMATION_DAYS} days with prices before its window")
    window = slice(first, place + design.days + 1)
    deviations = market[known] - market[known].mean()
    spread = float(deviations @ deviations)
    if spread == 0:
        raise _LeftOut("the market does not move in the days before its window")
    beta = float(deviations @ own[known]) / spread
    alpha = float(own[known].mean() - beta * market[known].mean())
    abnormal = returns.own[window] - alpha - beta * returns.market[window]
    if not np.isfinite(abnormal).all():
        raise _LeftOut("prices are missing within its window")
    return beta, abnormal


def _group(direction: str, events: list[_Abnormal], design: Design) -> Group:
    returns = np.array([one.returns for one in events])
    cumulative = returns.cumsum(1)
    n, d = returns.shape[1], design.days
    parts = np.stack([returns[:, :d].sum(1), returns[:, d], returns[:, d + 1 :].sum(1)], axis=1)
    days, clusters = np.unique([one.day.toordinal() for one in events], return_inverse=True)
    drawn = _Drawn(clusters, len(days))
    found = drawn.estimates(np.hstack([returns, cumulative, parts]))
    whole = found[2 * n - 1]
    moved = whole.low is not None and whole.high is not None and whole.low * whole.high > 0
    return Group(
        direction=direction, events=len(events), days=len(days), beta=float(np.mean([one.beta for one in events])),
        abnormal=found[:n], cumulative=found[n : 2 * n], before=found[-3], on=found[-2], after=found[-1],
        share_before=drawn.ratio(parts[:, 0], cumulative[:, -1]) if moved else None,
    )  # fmt: skip


class _Drawn:
    """Samples of the days on which events fell, drawn with replacement. ``clusters`` is the day of each event."""

    def __init__(self, clusters: NDArray[np.intp], days: int) -> None:
        self._clusters, self._days = clusters, days
        self._sizes = np.bincount(clusters, minlength=days).astype(float)
        rng = np.random.default_rng(SEED)
        self._times = rng.multinomial(days, np.full(days, 1 / days), RESAMPLES).astype(float)

    def estimates(self, values: Array) -> list[Estimate]:
        """The mean of each column of ``values`` (events x measures), with its interval."""
        means = values.mean(0)
        if self._days < FEWEST_DAYS:
            return [Estimate(float(mean), None, None) for mean in means]
        sums = self._sums(values)
        _, error = self._means_and_errors(np.ones((1, self._days)), sums)
        drawn, errors = self._means_and_errors(self._times, sums)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (drawn - means) / errors
        # A sample without any spread has no t. With values that are all the same, the interval is the mean.
        t[~np.isfinite(t)] = 0
        low, high = np.quantile(t, [0.975, 0.025], axis=0)
        bounds = zip(means, means - low * error[0], means - high * error[0], strict=True)
        return [Estimate(float(mean), float(least), float(most)) for mean, least, most in bounds]

    def ratio(self, part: Array, whole: Array) -> Estimate:
        """The ratio of two sums over the events, with the interval of its quantiles over the samples."""
        sums = self._sums(np.stack([part, whole], axis=1))
        drawn = self._times @ sums
        low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
        return Estimate(float(part.sum() / whole.sum()), float(low), float(high))

    def _sums(self, values: Array) -> Array:
        sums = np.zeros((self._days, values.shape[1]))
        np.add.at(sums, self._clusters, values)
        return sums

    def _means_and_errors(self, times: Array, sums: Array) -> tuple[Array, Array]:
        """Of each sample (a row of ``times``), the mean over its events and its standard error, clustered by day."""
        events = (times @ self._sizes)[:, None]
        means = times @ sums / events
        squares = times @ sums**2 - 2 * means * (times @ (sums * self._sizes[:, None]))
        squares += means**2 * (times @ self._sizes**2)[:, None]
        factor = self._days / (self._days - 1)
        return means, np.sqrt(np.maximum(squares, 0) * factor) / events
