"""The main job from end to end on one machine: a recorded week in, scored rows and alerts out, and the accounts.

Everything is real: the embedded broker and ClickHouse, the worker process, the default model, and the scheduler, which
retrains on the week's labels and swaps the model while records flow. Time is replayed faster than it passed, so the
alert rules go by the documents' own dates (``ALERT_CLOCK=stream``).
"""

from __future__ import annotations

import bisect
import json
import re
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from clickhouse_driver import Client
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.demo.pictures import has_screen, take
from deploy.demo.recorded_week import Week, write
from deploy.local import Service
from settings import ClickHouseSettings
from storage import accounts, connect, positions, select
from storage.reads import alerts_now, live_workers, training_runs, windows
from stream import Produced, produce_many, topic_ids

TOPICS = ("news", "comments")
SPEED = 8_000.0
"""Event seconds a second: the week in 76 seconds."""

CUTS = ("2020-06-19T12", "2020-06-20T00", "2020-06-20T12", "2020-06-21T00", "2020-06-21T12")
SLOWER = 4
"""From the first cut on, a part of the week is replayed so much slower as long as the challenger is in training: its
swap is to be seen under load, also on a slow machine."""

SETTINGS = {
    "ALERT_CLOCK": "stream",
    "STREAM_ALERT_INTERVAL_S": "1",
    "RETRAIN_NEW_LABELS": "280",
    "RETRAIN_CHECK_S": "1",
    "RETRAIN_REPLAY": "1",
}
JUDGED_S = 240.0

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
    retrain: dict[str, Any] = field(default_factory=dict)
    pictures: list[str] = field(default_factory=list)


POLL_S = 0.1
"""Between two looks at the ledger: each costs the database some milliseconds that the workers could use."""


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
            self._done.wait(POLL_S)

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Poll while the block runs."""
        self._thread.start()
        try:
            yield
        finally:
            self._done.set()
            self._thread.join()

    @property
    def count(self) -> int:
        """Acknowledged records."""
        return sum(len(sent) for sent in list(self._sent.values()))

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


def run(json_path: Path | None = None, workers: int = 1, speed: float | None = SPEED, keep: bool | None = None) -> int:
    """Run the demo; returns 0 only if every record is accounted for, the week's two shifts were found, and a retraining
    came to its end: a challenger that its gate refuses is told, but is no fault.

    ``keep`` the service, and the console's address, until Ctrl-C: by default where there is a screen. Elsewhere the
    console's pages are saved as pictures beside ``json_path``. Raises what the service raises when it does not start.
    """
    console = Console(stderr=True)
    keep = has_screen() if keep is None else keep
    columns = (TextColumn("{task.description:32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with tempfile.TemporaryDirectory(prefix="finsent-demo-") as folder, Progress(*columns, console=console) as progress:
        week = write(Path(folder))
        starting = progress.add_task("starting the service", total=1)
        with Service(Path(folder) / "data", workers, SETTINGS, scheduler=True, console=True) as service:
            progress.advance(starting)
            summary = _replay(service, week, speed, progress, json_path and json_path.with_suffix(".png"))
            if json_path and not keep:
                _pictures(service.stack.console_url, json_path.parent, summary)
            progress.stop()
            problems = check(summary, week)
            _print(console, summary, problems)
            if json_path:
                json_path.parent.mkdir(parents=True, exist_ok=True)
                json_path.write_text(json.dumps(asdict(summary), indent=1, default=str) + "\n")
            if keep:
                console.print(f"the week is in the console: {service.stack.console_url} (Ctrl-C ends it)")
                with suppress(KeyboardInterrupt):
                    threading.Event().wait()
    return 1 if problems else 0


def _pictures(url: str, folder: Path, summary: Summary) -> None:
    """Save what a person would open first: the market, and the company that turned."""
    turned = next((alert["entity"] for alert in summary.alerts if alert["direction"] == "negative"), "WDI.DE")
    pages = {"": folder / "console-market.png", f"entity/{turned}": folder / "console-company.png"}
    try:
        summary.pictures = [str(path) for path in take(url, pages)]
    except RuntimeError as error:
        summary.pictures = []
        print(f"finsent: no pictures of the console: {error}", file=sys.stderr)


def _replay(service: Service, week: Week, speed: float | None, progress: Progress, picture: Path | None) -> Summary:
    environment = service.stack.environment()
    bootstrap = environment["KAFKA_BOOTSTRAP_SERVERS"]
    settings = ClickHouseSettings(url=environment["CLICKHOUSE_URL"])
    ids = topic_ids(bootstrap, TOPICS)
    arrivals = Arrivals(connect(settings), ids)
    producing = progress.add_task("producing the week", total=week.produced)
    storing = progress.add_task("scored and stored", total=week.produced)
    training = progress.add_task("labels", total=1)
    client = connect(settings)
    started = time.monotonic()

    def acknowledged(topic: str, partition: int, offset: int, at: float) -> None:
        if topic in TOPICS:
            arrivals.acknowledged(topic, partition, offset, at)

    def show() -> None:
        progress.update(producing, completed=arrivals.count)
        progress.update(storing, completed=arrivals.stored_through())

    def watch() -> None:
        show()
        progress.update(training, description=_told(client))

    failed = 0
    with arrivals.measuring():
        for number, files in enumerate(_slices(week) if speed else [_files(week)]):
            if number == len(CUTS):  # on a slow machine the week's last part waits for the swap
                _until_swapped(client, service, watch)
            calm = speed and number and not _swapped(client)
            watch()
            produced: Produced = produce_many(
                files,
                bootstrap,
                speed and (speed / SLOWER if calm else speed),
                on_acknowledged=acknowledged,
                progress=lambda *_: show(),
            )
            failed += produced.failed
        deadline = time.monotonic() + SETTLED_S
        while arrivals.stored_through() < arrivals.count and time.monotonic() < deadline:
            show()
            time.sleep(0.05)
        show()
        seconds = time.monotonic() - started
    _until_swapped(client, service, watch)
    progress.update(training, description=_told(client), completed=1)
    _wait_for_alerts(service, week)
    held = accounts(client, ids)
    waits = arrivals.seconds()
    versions = client.execute("SELECT DISTINCT model_version FROM documents ORDER BY 1")
    positions_stored = sum(account.distinct for account in held)
    physical = client.execute("SELECT count() FROM record_log")[0][0]
    summary = Summary(
        produced=arrivals.count,
        stored=positions_stored - sum(account.bad for account in held),
        dead_lettered=sum(account.bad for account in held),
        lost=arrivals.count - positions_stored + failed,
        doubled=physical - positions_stored,
        scored_per_second=round(positions_stored / seconds, 1),
        latency_p50_s=round(float(np.percentile(waits, 50)), 3) if len(waits) else float("nan"),
        latency_p99_s=round(float(np.percentile(waits, 99)), 3) if len(waits) else float("nan"),
        model_version=", ".join(version for (version,) in versions),
        alerts=[
            {name: row[name] for name in ("id", "kind", "entity", "topic", "direction", "severity", "fired_at")}
            | {"state": row["state"], "before_mean": row["before_mean"], "after_mean": row["after_mean"]}
            | {"why": [_headline(document) for document in row["evidence"]["documents"][:3]]}
            for row in sorted(alerts_now(client), key=lambda row: row["fired_at"])
        ],
        retrain=_retrained(client, service),
    )
    if picture:
        picture.parent.mkdir(parents=True, exist_ok=True)
        plot(client, summary, picture)
    return summary


_DATE = re.compile(rb'"(?:published|labelled)_at": "(2020-06-\d\dT\d\d)')


def _files(week: Week) -> list[tuple[Path, str | None]]:
    return [(week.news, "news"), (week.comments, "comments"), (week.labels, "labels")]


def _slices(week: Week) -> Iterator[list[tuple[Path, str | None]]]:
    """The week's files, cut at ``CUTS``; what has no date goes with the line before."""
    names = [(path, topic, [path.with_suffix(f".{n}.jsonl") for n in range(len(CUTS) + 1)])
             for path, topic in _files(week)]  # fmt: skip
    for path, _, made in names:
        parts: list[list[bytes]] = [[] for _ in made]
        number = 0
        for line in path.read_bytes().splitlines(keepends=True):
            if found := _DATE.search(line):
                number = max(number, bisect.bisect(CUTS, found[1].decode()))
            parts[number].append(line)
        for part, lines in zip(made, parts, strict=True):
            part.write_bytes(b"".join(lines))
    for n in range(len(CUTS) + 1):
        yield [(made[n], topic) for _, topic, made in names if made[n].stat().st_size]


def _until_swapped(client: Client, service: Service, show: Callable[[], object]) -> None:
    """Until ``_swapped``, a part of the service has failed, or ``JUDGED_S`` have passed."""
    deadline = time.monotonic() + JUDGED_S
    while not _swapped(client) and time.monotonic() < deadline and not service.stack.failure:
        show()
        time.sleep(0.2)


def _swapped(client: Client) -> bool:
    """A run was judged, and if it passed, every live worker scores with the challenger."""
    last = next(iter(training_runs(client, 1)), None)
    if last is None or last["state"] == "started":
        return False
    if last["state"] != "passed":
        return True
    promoted = select(client, "SELECT version FROM model_events WHERE event = 'promoted' ORDER BY at DESC LIMIT 1", {})
    return bool(promoted) and set(live_workers(client).values()) == {promoted[0]["version"]}


def _told(client: Client) -> str:
    last = next(iter(training_runs(client, 1)), None)
    return "labels" if last is None else f"retraining: {last['state']}"


def _retrained(client: Client, service: Service) -> dict[str, Any]:
    """What the first run did, and which version scored how many documents; {} if none came to an end."""
    ended = [run for run in training_runs(client) if run["state"] != "started"]
    if not ended:
        return {}
    home = Path(service.stack.environment()["FINSENT_DATA"]) / "retrain" / "runs"
    path = home / ended[-1]["id"] / "outcome.json"
    if not path.exists():
        return {"failed": ended[-1]["detail"]}
    outcome = json.loads(path.read_text())
    names = ("champion_before", "champion_after", "labels", "macro_f1_new", "macro_f1_test", "gate")
    sql = "SELECT max(pause_s) AS pause FROM model_events WHERE event = 'adopted' AND version = %(version)s"
    scored = "SELECT model_version AS version, count() AS documents FROM documents GROUP BY 1 ORDER BY min(ingested_at)"
    found = {name: outcome[name] for name in names} | {"passed": outcome["passed"], "reason": outcome["reason"]}
    found["swap_pause_s"] = select(client, sql, {"version": outcome["challenger"]})[0]["pause"]
    found["seconds"] = outcome["seconds"]
    found["scored_by"] = {row["version"]: row["documents"] for row in select(client, scored, {})}
    return found


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
            if alert["entity"] == entity and alert["kind"] != "topic_shift":
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
    fired = {(alert["entity"], alert["direction"]) for alert in summary.alerts if alert["kind"] != "topic_shift"}
    for entity, direction in week.shifts - fired:
        problems.append(f"no {direction} alert about {entity}")
    for entity, direction in fired - week.shifts:
        problems.append(f"a {direction} alert about {entity}, where nothing shifted")
    for alert in summary.alerts:
        if alert["kind"] == "topic_shift" and alert["topic"] not in week.topics.get(alert["entity"], ()):
            problems.append(
                f"a topic alert about {alert['entity']}: {alert['topic']}, where the talk did not turn to it"
            )
    if not (run := summary.retrain) or "failed" in run:
        problems.append(f"the retraining: {run.get('failed', 'none came to an end')}")
    elif run["passed"] and not run["scored_by"].get(run["champion_after"]):
        problems.append(f"no record was scored by {run['champion_after']}, although it passed its gate")
    return problems


def _print(console: Console, summary: Summary, problems: list[str]) -> None:
    table = Table(title="A recorded week, 15 to 21 June 2020", show_header=False)
    for name, value in asdict(summary).items():
        if name not in {"alerts", "retrain", "pictures"}:
            table.add_row(name.replace("_", " "), f"{value:,}" if isinstance(value, int | float) else str(value))
    console.print(table)
    found = Table("fired at (UTC)", "entity", "direction", "severity", "before -> after", "why", title="Alerts")
    for alert in summary.alerts:
        found.add_row(
            f"{alert['fired_at']:%a %d %H:%M}",
            alert["entity"],
            f"{alert['topic']} {alert['direction']}".strip(),
            alert["severity"],
            f"{alert['before_mean']:.0%} -> {alert['after_mean']:.0%} of the talk"
            if alert["kind"] == "topic_shift"
            else f"{alert['before_mean']:+.2f} -> {alert['after_mean']:+.2f}",
            "\n".join(alert["why"]),
        )
    console.print(found)
    if summary.retrain.get("gate"):
        _print_retraining(console, summary.retrain)
    for problem in problems:
        console.print(f"[red]not as it must be:[/red] {problem}")
    if summary.pictures:
        console.print(f"pictures of the console: {', '.join(summary.pictures)}")
    if not problems:
        console.print("[green]every record is accounted for[/green]")


def _print_retraining(console: Console, run: Mapping[str, Any]) -> None:
    table = Table("what", "before", "after", title=f"Retraining on {run['labels']} labels, {run['seconds']:.0f} s")
    table.add_row("champion", run["champion_before"], run["champion_after"])
    table.add_row("documents scored", *(f"{run['scored_by'].get(run[f'champion_{side}'], 0):,}"
                                        for side in ("before", "after")))  # fmt: skip
    for title, name in (("new labels, held out", "macro_f1_new"), ("fixed test", "macro_f1_test")):
        table.add_row(f"macro-F1, {title}", *(f"{value:.3f}" for value in run[name]))
    for rule in run["gate"]:
        told = "passed" if rule["passed"] else f"failed: {rule['why']}"
        spread = f"{rule['difference']:+.3f} ({rule['low']:+.3f} to {rule['high']:+.3f})"
        if rule["rule"] == "speed":  # its interval is of the ratio
            spread = f"{rule['challenger'] / rule['champion']:.2f} times the champion's time"
        table.add_row(f"gate: {rule['rule']}", "", f"{spread}, {told}")
    if run["passed"]:
        table.add_row("longest pause of scoring by the swap", "", f"{run['swap_pause_s'] * 1000:.2f} ms")
    console.print(table)
    if not run["passed"]:
        console.print(f"[yellow]the challenger was not promoted:[/yellow] {run['reason']}")
