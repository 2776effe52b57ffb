"""Draws an evaluation. Needs matplotlib, which is imported only when something is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def draw_reliability(report: Mapping[str, Any], path: Path) -> None:
    """Write a reliability diagram (DeGroot and Fienberg 1983; Niculescu-Mizil and Caruana 2005) as PNG.

    It shows the share correct against the mean confidence of each bin, with 95 % Wilson intervals, and below it a
    histogram of the confidences. ``report`` is one of ``evaluate`` with ``file`` and ``model_version``.
    """
    from matplotlib.figure import Figure

    calibration = report["calibration"]
    bins = calibration["curve"]
    confidence, accuracy, n = (np.array([b[name] for b in bins], float) for name in ("confidence", "accuracy", "n"))
    z = 1.96
    middle = (accuracy + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(accuracy * (1 - accuracy) / n + z**2 / (4 * n**2))
    figure = Figure(figsize=(5, 5.5), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    least = 1 / len(report["ece_classes"])
    above.plot([least, 1], [least, 1], color="grey", linestyle="--", label="calibrated")
    errors = np.maximum(np.stack([accuracy - (middle - half), middle + half - accuracy]), 0)
    above.errorbar(confidence, accuracy, yerr=errors, fmt="o-", capsize=3, label=report["model_version"])
    above.set(ylabel="share correct", title=f"{report['file']}: ECE {calibration['ece']:.3f}, n = {n.sum():,.0f}")
    above.legend(loc="upper left")
    edges = np.array([bins[0]["from"], *(b["to"] for b in bins)])
    widths = np.maximum(np.diff(edges), 1e-3)
    below.bar(edges[:-1], n / widths / n.sum(), width=widths, align="edge", edgecolor="white")
    below.set(xlabel="confidence", ylabel="density", xlim=(least, 1))
    figure.savefig(path, dpi=120)


def draw_confusion(report: Mapping[str, Any], path: Path) -> None:
    """Write the confusion matrix as PNG: counts, and the shares of each true class."""
    from matplotlib.figure import Figure

    labels, counts = report["confusion"]["labels"], np.array(report["confusion"]["counts"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(*counts.shape):
        colour = "white" if shares[i, j] > 0.6 else "black"
        axes.text(j, i, f"{counts[i, j]:,}\n{shares[i, j]:.0%}", ha="center", va="center", color=colour)
    places = range(len(labels))
    axes.set(xticks=places, yticks=places, xticklabels=labels, yticklabels=labels, xlabel="predicted", ylabel="true")
    axes.set_title(f"{report['file']}: macro-F1 {report['macro_f1']:.3f}, n = {report['n']:,}")
    figure.savefig(path, dpi=120)
