"""``finsent retrain``: new labels become a judged model."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shared.output import Format, echo, print_rows, write_text
from cli.shared.retraining import settings_of
from errors import ExitCode

if TYPE_CHECKING:
    from retrain import Progress


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(retrain)


def retrain(
    now: Annotated[bool, typer.Option("--now", help="Train, judge, and promote what passes.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the latest run if it was killed or failed; start no other.")
    ] = False,
    search: Annotated[
        int | None,
        typer.Option(metavar="N", min=2, help="Train now, with the best settings of N trials on validation macro-F1."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Train now, with the settings of this YAML file over those of RETRAIN_*."),
    ] = None,
    upcoming: Annotated[bool, typer.Option("--next", help="Show when the next run is due.")] = False,
    json_out: Annotated[
        str | None, typer.Option("--json", metavar="OUT", help="Write the result to a file as JSON; - is stdout.")
    ] = None,
) -> None:
    """Train a challenger on the labels and old rows, from the champion's weights, and judge it.

    It is promoted if it is better on new labels and not worse on the fixed test set, on each of its parts, under noise,
    in calibration and in speed. Otherwise it stays in the registry, with the reason (exit code 2). A run that the
    scheduler starts also leaves it there for you to promote if it learned from labels of others than
    RETRAIN_ANNOTATORS. A run that was killed continues from its last epoch. The settings are RETRAIN_*. Without an
    option the last runs are listed.

    `finsent retrain --now --json run.json`

    `RETRAIN_EPOCHS=6 RETRAIN_METHOD=full finsent retrain --now`

    `finsent retrain --search 20`

    `echo 'epochs: 6' > careful.yaml; finsent retrain --config careful.yaml`

    `finsent retrain --next`
    """
    from retrain import retrain as run
    from retrain import upcoming as waiting
    from settings import ModelSettings
    from storage import connect
    from storage.reads import training_runs

    settings = settings_of(config)
    if search is not None:
        settings = settings.model_copy(update={"search": search})
    client = connect()
    if not (now or resume or search is not None or config is not None):
        if upcoming:
            found = waiting(client, settings)
            due = {"at": found.at.isoformat(), "new_labels": found.left, "or_at_new_labels": found.wanted}
            due |= {"last_run": found.last.isoformat() if found.last else None, "drift_alarms": found.alarms}
            rows = [due]
        else:
            names = ("id", "cause", "state", "champion", "challenger", "labels", "detail")
            rows = [{name: row[name] for name in names} for row in training_runs(client)]
        if json_out:
            write_text(json.dumps(rows[0] if upcoming else rows, indent=1, default=str), json_out)
        elif rows:
            print_rows(list(rows[0]), [list(row.values()) for row in rows], Format.table)
        return
    from cli.shared.rollout import announce

    with _TrainingBar() as progress:
        outcome = run(client, ModelSettings().registry, settings, announce=announce, progress=progress, resume=resume)
    assert outcome is not None
    if json_out:
        write_text(json.dumps(asdict(outcome), indent=1, default=str), json_out)
    columns = ["rule", "champion", "challenger", "difference", "low", "high", "p_value", "passed", "why"]
    cells = [
        [f"{v:.4f}" if isinstance(v := getattr(rule, name), float) else "" if v is None else v for name in columns]
        for rule in outcome.gate
    ]
    if json_out != "-":
        print_rows(columns, cells, Format.table)
        verdict = (outcome.reason or "passed") if outcome.passed else f"stays a challenger: {outcome.reason}"
        echo(f"{outcome.challenger} {verdict}; the champion is {outcome.champion_after}")
    raise typer.Exit(ExitCode.OK if outcome.passed else ExitCode.REFUSED)


class _TrainingBar:
    """A progress bar of the training on stderr; it is called with each event of the training process."""

    def __enter__(self) -> _TrainingBar:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description:40}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task("preparing", total=None)
        self._progress.start()
        return self

    def __call__(self, event: Progress) -> None:
        if "step" not in event:
            self._progress.console.print(event["stage"])
            return
        f1 = f", validation {event['validation_macro_f1']:.3f}" if "validation_macro_f1" in event else ""
        stage = f"{event['stage']}: " if "stage" in event else ""
        self._progress.update(
            self._task, description=f"{stage}epoch {event['epoch']}{f1}", completed=event["step"], total=event["steps"]
        )

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
