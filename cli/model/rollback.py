"""``finsent model rollback``."""

from __future__ import annotations

import typer

from cli.model.options import Why
from cli.shared.output import echo
from cli.shared.versions import registry_of_models


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(rollback)


def rollback(why: Why = "") -> None:
    """Go back to the previous champion; a second time, to the one before it. Returns when every live worker scores with
    it.

    `finsent model rollback --why "odd scores since noon"`
    """
    from cli.shared.rollout import moved
    from model.registry import rollback

    left, name = rollback(registry_of_models(), why)
    echo(f"{name} is the champion again, after {left}")
    moved("rolled_back", name, left, why)
