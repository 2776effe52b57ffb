"""The live path over stored history: what would have been told when, how late, and how often wrongly.

Time is simulated: at every moment exactly what had been published until then counts. The windows are read once and
handed to the very ``Lifecycle`` that the worker runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from clickhouse_driver import Client

from alerts.evaluator import Lifecycle, Source, Transition, about, sources
from alerts.rules import Rules
from alerts.series import MARKET, WINDOW_S
from alerts.shift_test import Rule, exposure_years
from errors import FinsentError
from storage.reads import Windows, moving_documents, sentiment_and_topic_windows

BEFORE, AFTER = timedelta(days=45), timedelta(days=30)
"""Around an event, alerts about its company are neither found nor false."""

ANSWER = timedelta(days=10)
"""So long after its date an alert still counts as an event's."""

EARLY = timedelta(days=2)
"""An alert that fires so long before the date and lasts until then is the event's, too."""


class Event(msgspec.Struct, frozen=True):
    """One known event: ``kind`` is negative, positive, mixed or volume_only; ``ticker`` ``*`` is the market."""

    name: str
    ticker: str
    date: str
    kind: str

    @property
    def at(self) -> datetime:
        """The date's beginning, UTC, or the moment where ``date`` has a time."""
        moment = datetime.fromisoformat(self.date)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class BadEvents(FinsentError, ValueError):
    """The file of events cannot be used; the sentence says why."""


def load_events(path: Path) -> list[Event]:
    """The events of a JSON file. Raises ``BadEvents``."""
    try:
        events = msgspec.json.decode(path.read_bytes(), type=list[Event])
        for event in events:
            _ = event.at
    except (OSError, ValueError) as error:
        raise BadEvents(f"{path}: {error}") from error
    return events


@dataclass
class History:
    """What was read of the store: windows, windows of topics, and their span (Unix seconds)."""

    windows: Windows
    topics: tuple[np.ndarray, ...]
    since: int
    until: int


def read(
    client: Client, since: datetime | None = None, until: datetime | None = None, entities: Sequence[str] = ()
) -> History:
    """The stored windows over ``since`` to ``until`` (default: all there is), and of the baseline before ``since``.

    For some ``entities`` only, the prior of all companies is made of those.
    """
    if since is None or until is None:
        first, last, n = client.execute(
            "SELECT min(published_at), max(published_at), count() FROM record_log WHERE error_kind = ''"
        )[0]
        if not n:
            return History(*sentiment_and_topic_windows(client, _EPOCH, _EPOCH), 0, 0)
        since, until = since or first - timedelta(seconds=1), until or last + timedelta(minutes=15)
    rule = Rule()
    begin = max(_EPOCH, since - timedelta(seconds=rule.baseline_s + 2 * max(rule.recent_s)))
    names = list(entities) or None
    return History(
        *sentiment_and_topic_windows(client, begin, until, WINDOW_S, names),
        int(since.timestamp()),
        math.ceil(until.timestamp()),
    )


_EPOCH = datetime(1990, 1, 1, tzinfo=UTC)


def run(
    history: History, rules: Rules, tick_s: int = 900, watched: list[Source] | None = None
) -> tuple[list[Transition], list[Source]]:
    """All transitions over ``history`` in order, and what was tested. ``watched`` saves making the series again."""
    if not len(history.windows.start):
        return [], []
    watched = watched or sources(history.windows, history.topics, rules.base)
    life = Lifecycle(watched, rules, tick_s)
    last = -(-history.until // tick_s) * tick_s
    return [row for row, _ in life.run(history.since // tick_s * tick_s, last)], watched


def poisson_interval(count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a Poisson mean of which ``count`` was seen (Byar's approximation; Breslow and Day 1987)."""
    low = count * (1 - 1 / (9 * count) - z / (3 * math.sqrt(count))) ** 3 if count else 0.0
    up = count + 1
    return max(low, 0.0), up * (1 - 1 / (9 * up) + z / (3 * math.sqrt(up))) ** 3


Raised = dict[str, list[dict[str, Any]]]
"""The escalations of each alert: ``severity`` and ``at``."""


def judge(
    transitions: Sequence[Transition], watched: Sequence[Source], history: History, events: Sequence[Event]
) -> dict[str, Any]:
    """What the transitions are worth against the known ``events``.

    A sentiment alert about a company outside the windows of its events counts as false, though much of real history
    is not in any list; the rate is per entity-year with a document in the last 30 days.
    """
    fired = [row for row in transitions if row["state"] == "firing"]
    ended = {row["id"]: row["at"] for row in transitions if row["state"] == "resolved"}
    raised: Raised = {}
    for row in transitions:
        if row["state"].startswith("escalated"):
            raised.setdefault(row["id"], []).append({"severity": row["severity"], "at": row["at"]})
    tone = [row for row in fired if row["kind"] == "sentiment_shift"]
    windows = [(event.ticker, event.at - BEFORE, event.at + AFTER) for event in events]
    false = [
        row
        for row in tone
        if row["entity"] != MARKET
        and not any(row["entity"] == entity and first <= row["fired_at"] <= last for entity, first, last in windows)
    ]
    years = 0.0
    if watched:
        spans = [(entity, int(first.timestamp()), int(last.timestamp())) for entity, first, last in windows]
        years = exposure_years(watched[0].series, history.since, history.until, spans)
    low, high = poisson_interval(len(false))
    buzzes = [row for row in fired if row["kind"] == "buzz"]
    return {
        "from": datetime.fromtimestamp(history.since, UTC),
        "to": datetime.fromtimestamp(history.until, UTC),
        "documents": int(history.windows.documents.sum()),
        "entities": len(np.unique(history.windows.entity.astype(str))) if len(history.windows.entity) else 0,
        "events": [_judged(event, fired, ended, raised) for event in events],
        "false_alarms": len(false),
        "entity_years": round(years, 2),
        "false_alarms_per_entity_year": len(false) / years if years else None,
        "false_alarms_per_entity_year_interval": [low / years, high / years] if years else None,
        "buzz_notices": len(buzzes),
        "topic_shifts": sum(row["kind"] == "topic_shift" for row in fired),
        "market_alerts": [_short(row, ended, raised) for row in tone if row["entity"] == MARKET],
        "alerts": [_short(row, ended, raised) for row in fired],
    }


def _judged(event: Event, fired: Sequence[Transition], ended: dict[str, datetime], raised: Raised) -> dict[str, Any]:
    at = event.at

    def answers(row: Transition) -> bool:
        early = at - EARLY <= row["fired_at"] < at and ended.get(row["id"], at) >= at
        return row["entity"] == event.ticker and (early or at <= row["fired_at"] <= at + ANSWER)

    about = sorted((row for row in fired if answers(row)), key=lambda row: row["fired_at"])
    tone = [row for row in about if row["kind"] == "sentiment_shift"]
    # The alert that says what the event was, where there is one; else whatever was told.
    best = next((row for row in tone if row["direction"] == event.kind), tone[0] if tone else None)
    volume = next((row for row in about if row["kind"] == "buzz"), None)
    told = best or volume
    return {
        "name": event.name,
        "ticker": event.ticker,
        "date": event.date,
        "event_kind": event.kind,
        "fired": best is not None,
        "kind": told["kind"] if told else None,
        "direction": best["direction"] if best else None,
        "severity": told["severity"] if told else None,
        "fired_at": best["fired_at"] if best else None,
        "delay_hours": round((best["fired_at"] - at).total_seconds() / 3600, 2) if best else None,
        "change_point": told["began_at"] if told else None,
        "before_mean": best["before_mean"] if best else None,
        "after_mean": best["after_mean"] if best else None,
        "price_of_waiting": best["evidence"]["price_of_waiting"] if best else None,
        "id": told["id"] if told else None,
        "buzz_at": volume["fired_at"] if volume else None,
        "alerts": [_short(row, ended, raised) for row in about],
    }


def _short(row: Transition, ended: dict[str, datetime], raised: Raised) -> dict[str, Any]:
    names = ("id", "kind", "entity", "topic", "direction", "severity", "fired_at", "began_at", "before_mean",
             "after_mean", "before_documents", "after_documents")  # fmt: skip
    return {name: row[name] for name in names} | {
        "escalations": raised.get(row["id"], []),
        "resolved_at": ended.get(row["id"]),
        "statistic": row["evidence"]["statistic"],
    }


def calibrate(
    history: History, rules: Rules, wanted: float, events: Sequence[Event] = (), tick_s: int = 900
) -> tuple[float, list[dict[str, Any]]]:
    """The least threshold with at most ``wanted`` sentiment alerts per entity-year over ``history``, and the whole
    curve. Ten halvings between 1 and 20 standard errors."""
    watched = sources(history.windows, history.topics, rules.base)[:1]
    curve: list[dict[str, Any]] = []

    def rate(threshold: float) -> float:
        base = replace(rules.base, threshold=threshold)
        transitions, _ = run(history, Rules(rules.file, base), tick_s, [replace(watched[0], rule=base)])
        found = judge(transitions, watched, history, events)
        names = (
            "false_alarms",
            "entity_years",
            "false_alarms_per_entity_year",
            "false_alarms_per_entity_year_interval",
        )
        curve.append({"threshold": round(threshold, 3)} | {name: found[name] for name in names})
        return float(found["false_alarms_per_entity_year"] or 0.0)

    low, high = 1.0, 20.0
    for _ in range(10):
        middle = (low + high) / 2
        if rate(middle) <= wanted:
            high = middle
        else:
            low = middle
    return high, sorted(curve, key=lambda point: float(point["threshold"]))


def evidence(client: Client, row: Transition) -> list[dict[str, Any]]:
    """The documents that moved an alert's index the most."""
    since = min(row["began_at"] - timedelta(seconds=WINDOW_S), row["fired_at"])
    sign = {"negative": -1, "positive": 1}.get(row["direction"], 0)
    entity, topic = about(row["entity"], row["topic"])
    return moving_documents(client, entity, since, row["fired_at"], row["before_mean"], topic, sign)


def plot(
    watched: Sequence[Source],
    transitions: Sequence[Transition],
    entity: str,
    first: datetime,
    last: datetime,
    path: Path,
    title: str,
    event: datetime | None = None,
) -> None:
    """A PNG: an entity's daily tone (95 % interval of its documents' mean) and volume, with the alerts about it."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import dates, pyplot

    figure, (upper, lower) = pyplot.subplots(
        2, 1, figsize=(9, 5), sharex=True, layout="constrained", height_ratios=(2, 1)
    )
    series = watched[0].series if watched else None
    i = series.index(entity) if series else None
    if series is not None and i is not None:
        days = np.arange(int(first.timestamp()), int(last.timestamp()), 86400)
        # Bare dates stand at midnight, the end of a window: shown on the day that they name.
        sums = series.between(i, days - 1, days + 86399)
        busy = sums.documents > 0
        times = [datetime.fromtimestamp(int(day), UTC) + timedelta(hours=12) for day in days]
        n = np.maximum(sums.documents, 1)
        means = sums.total / n
        errors = 1.96 * np.sqrt(np.maximum(sums.squares / n - means**2, 0.05) / n)
        shown = [time for time, has in zip(times, busy, strict=True) if has]
        upper.errorbar(shown, means[busy], errors[busy], fmt="o", markersize=4, color="#33557a", elinewidth=0.8)
        lower.bar(times, sums.documents, width=0.8, color="#8aa4c0")
    upper.axhline(0, color="grey", linewidth=0.5)
    colours = {"negative": "#b2182b", "positive": "#1a7f37"}
    for row in transitions:
        if row["entity"] == entity and row["state"] == "firing" and first <= row["fired_at"] <= last:
            axis = lower if row["kind"] == "buzz" else upper
            colour = colours.get(row["direction"], "#777777")
            axis.axvline(row["fired_at"], color=colour, linestyle="-" if row["kind"] == "sentiment_shift" else ":")
            label = row["topic"] or (row["direction"] if row["kind"] == "sentiment_shift" else "buzz")
            axis.annotate(f" {label} {row['fired_at']:%d %b %H:%M}", (row["fired_at"], 0.97), fontsize=8, color=colour,
                          xycoords=("data", "axes fraction"), va="top", rotation=90)  # fmt: skip
    if event is not None:
        for axis in (upper, lower):
            axis.axvline(event, color="black", linestyle="--", linewidth=1)
    upper.set(title=title, ylabel="sentiment of a day", ylim=(-1.05, 1.05))
    lower.set(ylabel="stories a day")
    lower.xaxis.set_major_formatter(dates.DateFormatter("%d %b %y"))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
