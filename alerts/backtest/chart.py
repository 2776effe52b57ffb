"""A chart of an entity's tone and volume, with the alerts about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from alerts.sources import Source
from alerts.transition import Transition
from documents import AlertKind, AlertState, Direction

COLOURS = {Direction.NEGATIVE: "#b2182b", Direction.POSITIVE: "#1a7f37"}


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
    """Write a PNG: the daily tone with the 95 % interval of its mean above, the daily volume below, and a line for each
    alert about ``entity`` and for the ``event``."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import dates, pyplot

    figure, (upper, lower) = pyplot.subplots(
        2, 1, figsize=(9, 5), sharex=True, layout="constrained", height_ratios=(2, 1)
    )
    if watched:
        _draw_days(upper, lower, watched[0], entity, first, last)
    upper.axhline(0, color="grey", linewidth=0.5)
    for row in transitions:
        if row.entity == entity and row.state is AlertState.FIRING and first <= row.fired_at <= last:
            _draw_alert(lower if row.kind is AlertKind.BUZZ else upper, row)
    if event is not None:
        for axis in (upper, lower):
            axis.axvline(event, color="black", linestyle="--", linewidth=1)
    upper.set(title=title, ylabel="sentiment of a day", ylim=(-1.05, 1.05))
    lower.set(ylabel="stories a day")
    lower.xaxis.set_major_formatter(dates.DateFormatter("%d %b %y"))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _draw_days(upper: Any, lower: Any, source: Source, entity: str, first: datetime, last: datetime) -> None:
    series = source.series
    i = series.index(entity)
    if i is None:
        return
    days = np.arange(int(first.timestamp()), int(last.timestamp()), 86400)
    # Documents with a bare date stand at midnight, the end of a window. They are shown on the day that they name.
    sums = series.between(i, days - 1, days + 86399)
    busy = sums.documents > 0
    times = [datetime.fromtimestamp(int(day), UTC) + timedelta(hours=12) for day in days]
    n = np.maximum(sums.documents, 1)
    means = sums.total / n
    errors = 1.96 * np.sqrt(np.maximum(sums.squares / n - means**2, 0.05) / n)
    shown = [time for time, has in zip(times, busy, strict=True) if has]
    upper.errorbar(shown, means[busy], errors[busy], fmt="o", markersize=4, color="#33557a", elinewidth=0.8)
    lower.bar(times, sums.documents, width=0.8, color="#8aa4c0")


def _draw_alert(axis: Any, row: Transition) -> None:
    tone = row.kind is AlertKind.SENTIMENT_SHIFT
    colour = COLOURS.get(row.direction, "#777777")
    axis.axvline(row.fired_at, color=colour, linestyle="-" if tone else ":")
    label = row.topic or (row.direction if tone else AlertKind.BUZZ)
    axis.annotate(
        f" {label} {row.fired_at:%d %b %H:%M}",
        (row.fired_at, 0.97),
        fontsize=8,
        color=colour,
        xycoords=("data", "axes fraction"),
        va="top",
        rotation=90,
    )
