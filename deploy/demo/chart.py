"""The chart of the week: three companies' sentiment, and the alerts about them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from clickhouse_driver import Client

from deploy.demo.summary import Summary
from documents import AlertKind
from storage.reads import windows

SHOWN = (
    ("WDI.DE", "Wirecard: the crisis"),
    ("LLY", "Eli Lilly: the good surprise"),
    ("TMUS", "T-Mobile US: much talk, no change of tone"),
)


def plot(client: Client, summary: Summary, path: Path) -> None:
    """Three companies' hourly sentiment and volume over the week, with the alerts, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import dates, pyplot

    since, until = datetime(2020, 6, 15, tzinfo=UTC), datetime(2020, 6, 22, tzinfo=UTC)
    figure, axes = pyplot.subplots(3, 1, figsize=(9, 7), sharex=True, sharey=True, layout="constrained")
    for axis, (entity, title) in zip(axes, SHOWN, strict=True):
        found = windows(client, since, until, 3600, entity)
        times = [datetime.fromtimestamp(start, UTC) for start in found.start]
        means = found.total / found.documents
        axis.scatter(times, means, s=found.documents * 6, c=means, cmap="RdYlGn", vmin=-0.8, vmax=0.8, edgecolor="grey")
        axis.axhline(0, color="grey", linewidth=0.5)
        for alert in summary.alerts:
            if alert["entity"] == entity and alert["kind"] != AlertKind.TOPIC_SHIFT:
                axis.axvline(alert["fired_at"], color="black", linestyle="--")
                label = f" alert: {alert['direction']}, {alert['fired_at']:%a %H:%M}"
                axis.text(alert["fired_at"], 0.85, label, fontsize=9)
        axis.set(title=title, ylabel="sentiment", ylim=(-1.05, 1.05))
    axes[-1].xaxis.set_major_formatter(dates.DateFormatter("%a %d June"))
    figure.supxlabel("a dot is an hour's stories, its size their number")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
