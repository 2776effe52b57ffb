"""The demo: everything that finsent does, from end to end on one machine.

Everything is real: the embedded broker and ClickHouse, the worker process, the default model, and the scheduler, which
retrains on the week's labels and swaps the model while records flow. Time is replayed faster than it passed, so the
alert rules go by the documents' own dates (``ALERT_CLOCK=stream``).
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.demo.chart import plot
from deploy.demo.pictures import has_screen, take
from deploy.demo.recorded_week import write
from deploy.demo.replay import replay, say
from deploy.demo.report import print_report
from deploy.demo.summary import Summary, check
from deploy.local import Service
from errors import ExitCode

SETTINGS = {
    "ALERT_CLOCK": "stream",
    "STREAM_ALERT_INTERVAL_S": "1",
    "RETRAIN_ANNOTATORS": "anna,ben",
    "RETRAIN_NEW_LABELS": "280",
    "RETRAIN_CHECK_S": "1",
    "RETRAIN_REPLAY": "1",
}


def run(json_path: Path | None, workers: int, speed: float | None, keep: bool | None = None) -> int:
    """Run the demo. Returns 0 only if every record is accounted for, the week's two shifts raised alerts, and a
    retraining ended; that its gate refuses the new model is reported, but is no failure.

    ``speed`` is event seconds a second; with None records are sent as fast as the broker takes them. With ``keep`` the
    service and its console stay until Ctrl-C; this is the default where there is a screen. Without it the console's
    pages are saved as pictures beside ``json_path``. Raises what ``Service`` and ``replay`` raise.
    """
    console = Console(stderr=True)
    keep = has_screen() if keep is None else keep
    columns = (TextColumn("{task.description:32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with tempfile.TemporaryDirectory(prefix="finsent-demo-") as folder, Progress(*columns, console=console) as progress:
        week = write(Path(folder))
        starting = progress.add_task("starting the service", total=1)
        say(progress, "starting the service: broker, ClickHouse, worker, scheduler and console")
        with Service(Path(folder) / "data", workers, SETTINGS, scheduler=True, console=True) as service:
            progress.advance(starting)
            client, summary = replay(service, week, speed, progress)
            if json_path:
                json_path.parent.mkdir(parents=True, exist_ok=True)
                plot(client, summary, json_path.with_suffix(".png"))
                if not keep:
                    _save_pictures(service.stack.console_url, json_path.parent, summary)
            progress.stop()
            problems = check(summary, week)
            print_report(console, summary, problems)
            if json_path:
                json_path.write_text(json.dumps(asdict(summary), indent=1, default=str) + "\n")
            if keep:
                console.print(f"the week is in the console: {service.stack.console_url} (Ctrl-C ends it)")
                with suppress(KeyboardInterrupt):
                    threading.Event().wait()
    return ExitCode.FAILED if problems else ExitCode.OK


def _save_pictures(url: str, folder: Path, summary: Summary) -> None:
    """Save the pages that a person would open first: the market, and the company whose tone turned."""
    turned = next((alert["entity"] for alert in summary.alerts if alert["direction"] == "negative"), "WDI.DE")
    pages = {"": folder / "console-market.png", f"entity/{turned}": folder / "console-company.png"}
    try:
        summary.pictures = [str(path) for path in take(url, pages)]
    except RuntimeError as error:
        summary.pictures = []
        print(f"finsent: no pictures of the console: {error}", file=sys.stderr)
