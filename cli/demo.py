"""``finsent demo``: a recorded week, end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.shared.arguments import parse_speed
from cli.shared.service import own_environment

SPEED = "4000x"
"""The week in two and a half minutes, which is less than the retraining takes. At its busiest it has 45 records a
second, which two cores score beside a training; of twice as many a queue is measured."""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(demo)


def demo(
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the summary there.")] = None,
    workers: Annotated[int, typer.Option(min=1)] = 1,
    speed: Annotated[str, typer.Option(metavar="FACTOR", help="How much faster than time: '4000x', or 'max'.")] = SPEED,
    keep: Annotated[
        bool | None,
        typer.Option(
            help="Keep the console open until Ctrl-C; by default where there is a screen.", show_default=False
        ),
    ] = None,
) -> None:
    """Replay a recorded week from end to end and check the accounts; ends by itself and leaves nothing running.

    Without a screen the console's pages are saved as pictures beside the summary. Exit code 0 only if every record is
    stored once and the week's shifts, and no others, raised alerts.
    """
    from deploy.demo import run

    own_environment()
    raise typer.Exit(run(json_path, workers, parse_speed(speed), keep))
