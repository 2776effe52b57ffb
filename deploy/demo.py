"""The main job from end to end on one machine: a recorded week in, scored rows and alerts out, and the accounts.

Everything is real: the embedded broker and ClickHouse, the worker process, the default model. Time is replayed
faster than it passed, so the alert rules go by the documents' own dates (``ALERT_CLOCK=stream``).
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from clickhouse_driver import Client
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.local import Service
from deploy.recorded_week import Week, write
from storage import ClickHouseSettings, accounts, alerts, connect, positions, windows
from stream import produce_many, topic_ids

TOPICS = ("news", "comments")
SPEED = 12_000.0
"""Event seconds a second: the week in 50 seconds."""

SETTLED_S = 120.0
SHOWN = (
    ("WDI.DE", "Wirecard: the crisis"),
    ("LLY", "Eli Lilly: the good surprise"),
    ("TMUS", "T-Mobile US: much talk, no change of tone"),
)


class DemoFailed(RuntimeError):
    """The service did not do what it should; the sentence says what, and where the logs are."""


@dataclass
class Summary:
    """What ``build/demo.json`` holds."""

    produced: int = 0
    stored: int = 0
    dead_lettered: int = 0
    lost: int = 0
    doubled: int = 0
    scored_per_second: float = 0.0
    latency_p50_s: float = 0.0
    latency_p99_s: float = 0.0
    model_version: str = ""
    alerts: list[dict[str, Any]] = field(default_factory=list)


class Arrivals:
    """Measures produce-to-queryable: polls the ledger beside the producer and dates each position's arrival."""

    def __init__(self, client: Any, topic_ids: dict[str, str]) -> None:
        self._client, self._topic_ids = client, topic_ids
        self._sent: dict[tuple[str, int], dict[int, float]] = {}
        self._seen: dict[tuple[str, int], list[tuple[float, int]]] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)

    def acknowledged(self, topic: str, partition: int, offset: int, at: float) -> None:
        """Callback of the producer."""
        self._sent.setdefault((topic, partition), {})[offset] = at

    def _poll(self) -> None:
        while not self._done.is_set():
            for key, offset in positions(self._client, self._topic_ids).items():
                seen = self._seen.setdefault(key, [])
                if not seen or seen[-1][1] < offset:
                    seen.append((time.time(), offset))
            self._done.wait(0.02)

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Poll while the block runs."""
        self._thread.start()
        try:
            yield
        finally:
            self._done.set()
            self._thread.join()

    def stored_through(self) -> int:
        """Acknowledged records at or below the last stored offset of their partition."""
        return sum(
            sum(offset <= self._seen[key][-1][1] for offset in list(sent))
            for key, sent in list(self._sent.items())
            if key in self._seen
        )

    def seconds(self) -> np.ndarray:
        """Seconds from the broker's acknowledgement to the first ledger that shows the record, one per record."""
        waits = []
        for key, sent in self._sent.items():
            seen = self._seen.get(key, [])
            offsets = np.array([offset for _, offset in seen])
            times = np.array([at for at, _ in seen])
            for offset, at in sent.items():
                first = np.searchsorted(offsets, offset)
                if first < len(times):
                    waits.append(max(0.0, times[first] - at))
        return np.array(waits)


def run(json_path: Path | None = None, workers: int = 1, speed: float | None = SPEED) -> int:
    """Run the demo; returns 0 only if every record is accounted for and the week's two shifts were found.

    Raises what the service raises when it does not start.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with tempfile.TemporaryDirectory(prefix="finsent-demo-") as folder, Progress(*columns, console=console) as progress:
        week = write(Path(folder))
        starting = progress.add_task("starting the service", total=1)
        with Service(
            Path(folder) / "data", workers, {"ALERT_CLOCK": "stream", "STREAM_ALERT_INTERVAL_S": "1"}
        ) as service:
            progress.advance(starting)
            summary = _replay(service, week, speed, progress, json_path and json_path.with_suffix(".png"))
        progress.stop()
    problems = check(summary, week)
    _print(console, summary, problems)
    if json_path:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(asdict(summary), indent=1, default=str) + "\n")
    return 1 if problems else 0


def _replay(service: Service, week: Week, speed: float | None, progress: Progress, picture: Path | None) -> Summary:
    environment = service.stack.environment()
    bootstrap = environment["KAFKA_BOOTSTRAP_SERVERS"]
    settings = ClickHouseSettings(url=environment["CLICKHOUSE_URL"])
    ids = topic_ids(bootstrap, TOPICS)
    arrivals = Arrivals(connect(settings), ids)
    producing = progress.add_task("producing the week", total=week.produced)
    storing = progress.add_task("scored and stored", total=week.produced)
    client = connect(settings)
    started = time.monotonic()

    def show(sent: int) -> None:
        progress.update(producing, completed=sent)
        progress.update(storing, completed=arrivals.stored_through())

    with arrivals.measuring():
        produced = produce_many(
            [(week.news, "news"), (week.comments, "comments")],
            bootstrap,
            speed,
            on_acknowledged=arrivals.acknowledged,
            progress=lambda sent, _: show(sent),
        )
        progress.update(producing, completed=produced.sent)
        deadline = time.monotonic() + SETTLED_S
        while (stored := arrivals.stored_through()) < produced.acknowledged and time.monotonic() < deadline:
            progress.update(storing, completed=stored)
            time.sleep(0.05)
        progress.update(storing, completed=stored)
        seconds = time.monotonic() - started
    _wait_for_alerts(service, week)
    held = accounts(client, ids)
    waits = arrivals.seconds()
    versions = client.execute("SELECT DISTINCT model_version FROM documents ORDER BY 1")
    positions_stored = sum(account.distinct for account in held)
    physical = client.execute("SELECT count() FROM record_log")[0][0]
    summary = Summary(
        produced=produced.acknowledged,
        stored=positions_stored - sum(account.bad for account in held),
        dead_lettered=sum(account.bad for account in held),
        lost=produced.acknowledged - positions_stored + produced.failed,
        doubled=physical - positions_stored,
        scored_per_second=round(positions_stored / seconds, 1),
        latency_p50_s=round(float(np.percentile(waits, 50)), 3) if len(waits) else float("nan"),
        latency_p99_s=round(float(np.percentile(waits, 99)), 3) if len(waits) else float("nan"),
        model_version=", ".join(version for (version,) in versions),
        alerts=[
            {name: row[name] for name in ("id", "kind", "entity", "direction", "severity", "fired_at")}
            | {"state": row["state"], "before_mean": row["before_mean"], "after_mean": row["after_mean"]}
            | {"why": [_headline(document) for document in row["evidence"]["documents"][:3]]}
            for row in sorted(alerts(client), key=lambda row: row["fired_at"])
        ],
    )
    if picture:
        picture.parent.mkdir(parents=True, exist_ok=True)
        plot(client, summary, picture)
    return summary


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
            if alert["entity"] == entity:
                axis.axvline(alert["fired_at"], color="black", linestyle="--")
                label = f" alert: {alert['direction']}, {alert['fired_at']:%a %H:%M}"
                axis.text(alert["fired_at"], 0.85, label, fontsize=9)
        axis.set(title=title, ylabel="sentiment", ylim=(-1.05, 1.05))
    axes[-1].xaxis.set_major_formatter(dates.DateFormatter("%a %d June"))
    figure.supxlabel("a dot is an hour's stories, its size their number")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _headline(document: Mapping[str, Any]) -> str:
    return str(document["title"] or document["text"])[:120]


def _wait_for_alerts(service: Service, week: Week) -> None:
    """Until the leading worker has evaluated the rules for all of the week that has been published."""
    deadline = time.monotonic() + 60
    reached, steady = 0.0, 0
    while time.monotonic() < deadline and steady < 4:
        time.sleep(1)
        now = max(_metric(port, "finsent_alert_evaluated_timestamp_seconds") for port in service.web_ports)
        steady = steady + 1 if now == reached and now > 0 else 0
        reached = now


def _metric(port: int, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        lines = response.read().decode().splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), 0.0)


def check(summary: Summary, week: Week) -> list[str]:
    """What is not as it must be; empty if all is well."""
    problems = []
    for name, got, expected in (
        ("produced", summary.produced, week.produced),
        ("stored and dead-lettered", summary.stored + summary.dead_lettered, week.produced),
        ("dead-lettered", summary.dead_lettered, week.malformed_count),
        ("lost", summary.lost, 0),
        ("doubled", summary.doubled, 0),
    ):
        if got != expected:
            problems.append(f"{name}: {got} instead of {expected}")
    fired = {(alert["entity"], alert["direction"]) for alert in summary.alerts}
    for entity, direction in week.shifts - fired:
        problems.append(f"no {direction} alert about {entity}")
    for entity, direction in fired - week.shifts:
        problems.append(f"a {direction} alert about {entity}, where nothing shifted")
    return problems


def _print(console: Console, summary: Summary, problems: list[str]) -> None:
    table = Table(title="A recorded week, 15 to 21 June 2020", show_header=False)
    for name, value in asdict(summary).items():
        if name != "alerts":
            table.add_row(name.replace("_", " "), f"{value:,}" if isinstance(value, int | float) else str(value))
    console.print(table)
    found = Table("fired at (UTC)", "entity", "direction", "severity", "sentiment", "why", title="Alerts")
    for alert in summary.alerts:
        found.add_row(
            f"{alert['fired_at']:%a %d %H:%M}",
            alert["entity"],
            alert["direction"],
            alert["severity"],
            f"{alert['before_mean']:+.2f} -> {alert['after_mean']:+.2f}",
            "\n".join(alert["why"]),
        )
    console.print(found)
    for problem in problems:
        console.print(f"[red]not as it must be:[/red] {problem}")
    if not problems:
        console.print("[green]every record is accounted for[/green]")
