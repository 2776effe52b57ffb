"""The summary of the demo as tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from deploy.demo.summary import Summary
from documents import AlertKind


def print_report(console: Console, summary: Summary, problems: list[str]) -> None:
    """Print the figures, the alerts, the retraining, and what is wrong."""
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
            _change(alert),
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


def _change(alert: Mapping[str, Any]) -> str:
    if alert["kind"] == AlertKind.EVENT:
        return "an event"
    if alert["kind"] == AlertKind.TOPIC_SHIFT:
        return f"{alert['before_mean']:.0%} -> {alert['after_mean']:.0%} of the talk"
    return f"{alert['before_mean']:+.2f} -> {alert['after_mean']:+.2f}"


def _print_retraining(console: Console, run: Mapping[str, Any]) -> None:
    table = Table("what", "before", "after", title=f"Retraining on {run['labels']} labels, {run['seconds']:.0f} s")
    table.add_row("champion", run["champion_before"], run["champion_after"])
    table.add_row("documents scored", *(f"{run['scored_by'].get(run[f'champion_{side}'], 0):,}"
                                        for side in ("before", "after")))  # fmt: skip
    for title, name in (("new labels, held out", "macro_f1_new"), ("fixed test", "macro_f1_test")):
        table.add_row(f"macro-F1, {title}", *(f"{value:.3f}" for value in run[name]))
    for rule in run["gate"]:
        verdict = "passed" if rule["passed"] else f"failed: {rule['why']}"
        spread = f"{rule['difference']:+.3f} ({rule['low']:+.3f} to {rule['high']:+.3f})"
        if rule["rule"] == "speed":  # its interval is of the ratio
            spread = f"{rule['challenger'] / rule['champion']:.2f} times the champion's time"
        table.add_row(f"gate: {rule['rule']}", "", f"{spread}, {verdict}")
    if run["passed"]:
        table.add_row("longest pause of scoring by the swap", "", f"{run['swap_pause_s'] * 1000:.2f} ms")
    console.print(table)
    if not run["passed"]:
        console.print(f"[yellow]the challenger was not promoted:[/yellow] {run['reason']}")
