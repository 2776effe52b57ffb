"""``finsent retrain`` and ``finsent scheduler``: new labels become a judged model."""

from __future__ import annotations

import json
import signal
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.common import Format, kafka_answering, print_rows

if TYPE_CHECKING:
    from retrain import Progress
    from settings import RetrainSettings


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(retrain)
    app.command()(scheduler)


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
    upcoming: Annotated[bool, typer.Option("--next", help="Tell when the next run is due.")] = False,
    json_out: Annotated[
        str | None, typer.Option("--json", metavar="OUT", help="Write the result to a file as JSON; - is stdout.")
    ] = None,
) -> None:
    """Train a challenger on the labels and old rows, from the champion's weights, and judge it.

    It is promoted if it is better on new labels and not worse on the fixed test set, on each of its parts, under noise,
    in calibration and in speed; else it stays in the registry with the reason (exit code 2). A run that was killed goes
    on from its last epoch. RETRAIN_* set all of it; without an option the last runs are listed.

    `finsent retrain --now --json run.json`

    `RETRAIN_EPOCHS=6 RETRAIN_METHOD=full finsent retrain --now`

    `finsent retrain --search 20`

    `echo 'epochs: 6' > careful.yaml; finsent retrain --config careful.yaml`

    `finsent retrain --next`
    """
    import model
    from retrain import retrain as run
    from retrain import upcoming as waiting
    from storage import connect
    from storage.reads import training_runs

    settings = _settings(config)
    if search is not None:
        settings = settings.model_copy(update={"search": search})
    client = connect()
    if not (now or resume or search is not None or config is not None):
        if upcoming:
            found = waiting(client, settings)
            told = {"at": found.at.isoformat(), "new_labels": found.left, "or_at_new_labels": found.wanted}
            told |= {"last_run": found.last.isoformat() if found.last else None, "drift_alarms": found.alarms}
            rows = [told]
        else:
            names = ("id", "cause", "state", "champion", "challenger", "labels", "detail")
            rows = [{name: row[name] for name in names} for row in training_runs(client)]
        if json_out:
            _write(json_out, rows[0] if upcoming else rows)
        elif rows:
            print_rows(list(rows[0]), [list(row.values()) for row in rows], Format.table)
        return
    from cli.rollout import announce

    with _bar() as progress:
        outcome = run(
            client, model.ModelSettings().registry, settings, announce=announce, progress=progress, resume=resume
        )
    assert outcome is not None
    if json_out:
        _write(json_out, asdict(outcome))
    columns = ["rule", "champion", "challenger", "difference", "low", "high", "p_value", "passed", "why"]
    cells = [
        [f"{v:.4f}" if isinstance(v := getattr(rule, name), float) else "" if v is None else v for name in columns]
        for rule in outcome.gate
    ]
    if json_out != "-":
        print_rows(columns, cells, Format.table)
        verdict = "passed" if outcome.passed else f"stays a challenger: {outcome.reason}"
        typer.echo(f"{outcome.challenger} {verdict}; the champion is {outcome.champion_after}")
    raise typer.Exit(0 if outcome.passed else 2)


def scheduler(
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings in a YAML file, over those of RETRAIN_*.")
    ] = None,
) -> None:
    """Retrain when it is due, until Ctrl-C or SIGTERM: at RETRAIN_CRON, or when there are RETRAIN_NEW_LABELS.

    It runs beside the workers; 'finsent up' starts one. Of several, one runs. What was missed while none was up is
    caught up with once.

    `RETRAIN_CRON="0 3 * * *" finsent scheduler`
    """
    import logging.config
    import os

    import model
    from cli.rollout import announce
    from retrain import Scheduler
    from storage import connect, migrate
    from stream.worker import logging_config

    logging.config.dictConfig(logging_config(log_level.upper()))
    logging.getLogger("apscheduler").setLevel("ERROR")  # it tells of every look, and of those that a run put off
    settings = _settings(config)
    kafka_answering()
    migrate(connect())
    registry = model.ModelSettings().registry
    model.ensure_default(registry)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    Scheduler(connect, registry, settings, announce).serve(stop)
    logging.shutdown()
    os._exit(0)  # a run under way ends with this process; without this, its thread would be waited for


def _settings(config: Path | None) -> RetrainSettings:
    from settings import RetrainSettings, settings_from

    if config is None:
        return RetrainSettings()
    try:
        return settings_from(config)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--config") from None


def _write(out: str, value: Any) -> None:
    text = json.dumps(value, indent=1, default=str)
    if out == "-":
        typer.echo(text)
    else:
        Path(out).write_text(text + "\n", encoding="utf-8")


class _bar:
    """A progress bar of the training on stderr; called with what the training process tells."""

    def __enter__(self) -> _bar:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description:40}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task("preparing", total=None)
        self._progress.start()
        return self

    def __call__(self, told: Progress) -> None:
        if "step" not in told:
            self._progress.console.print(told["stage"])
            return
        f1 = f", validation {told['validation_macro_f1']:.3f}" if "validation_macro_f1" in told else ""
        stage = f"{told['stage']}: " if "stage" in told else ""
        self._progress.update(
            self._task, description=f"{stage}epoch {told['epoch']}{f1}", completed=told["step"], total=told["steps"]
        )

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
