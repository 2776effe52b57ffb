"""Which threshold gives a wanted rate of false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from alerts.backtest.events import Event
from alerts.backtest.judge import judge
from alerts.backtest.replay import History, replay
from alerts.rules import Rules
from alerts.sources import watched_sources

LOWEST, HIGHEST, HALVINGS = 1.0, 20.0, 10
"""The thresholds that are tried, in standard errors, and how often their range is halved."""

_REPORTED = ("false_alarms", "entity_years", "false_alarms_per_entity_year", "false_alarms_per_entity_year_interval")


def calibrate(
    history: History, rules: Rules, wanted: float, events: Sequence[Event] = (), tick_s: int = 900
) -> tuple[float, list[dict[str, Any]]]:
    """The least threshold with at most ``wanted`` sentiment alerts per entity-year over ``history``, and all points
    that were tried, by their thresholds."""
    tone = watched_sources(history.windows, history.topics, rules.base, no_companies=rules.other_types)[0]
    curve: list[dict[str, Any]] = []

    def rate(threshold: float) -> float:
        base = replace(rules.base, threshold=threshold)
        transitions, _ = replay(history, rules.with_base(base), tick_s, [replace(tone, parameters=base)])
        judged = judge(transitions, [tone], history, events)
        curve.append({"threshold": round(threshold, 3)} | {name: judged[name] for name in _REPORTED})
        return float(judged["false_alarms_per_entity_year"] or 0.0)

    low, high = LOWEST, HIGHEST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if rate(middle) <= wanted:
            high = middle
        else:
            low = middle
    return high, sorted(curve, key=lambda point: float(point["threshold"]))
