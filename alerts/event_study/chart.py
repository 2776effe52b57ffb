"""A chart of an event study."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alerts.event_study.study import Study
from documents import Direction
from errors import many

COLOURS = {Direction.NEGATIVE.value: "#b2182b", Direction.POSITIVE.value: "#1a7f37"}


def plot(found: Study, path: Path, title: str) -> None:
    """Write a PNG: for each direction the mean cumulative abnormal return as a line with its 95 % interval, and that of
    each day as bars. Needs matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    groups = found.groups
    figure, axes = pyplot.subplots(
        1, len(groups), figsize=(1 + 4 * len(groups), 4), sharey=True, squeeze=False, layout="constrained"
    )
    for axis, group in zip(axes[0], groups, strict=True):
        colour = COLOURS.get(group.direction, "#33557a")
        axis.bar(found.offsets, [one.mean for one in group.abnormal], width=0.6, color=colour, alpha=0.3)
        axis.plot(found.offsets, [one.mean for one in group.cumulative], color=colour, marker="o", markersize=3)
        low = np.array([one.low for one in group.cumulative], float)
        high = np.array([one.high for one in group.cumulative], float)
        axis.fill_between(found.offsets, low, high, color=colour, alpha=0.15, linewidth=0)
        axis.axhline(0, color="grey", linewidth=0.5)
        axis.axvline(0, color="black", linestyle="--", linewidth=1)
        axis.set(title=f"{group.direction}: {many(group.events, 'alert')}", xlabel="trading days from the alert")
        axis.yaxis.set_major_formatter(ticker.PercentFormatter(1))
    axes[0, 0].set_ylabel("abnormal return: line cumulative, bars a day")
    figure.suptitle(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
