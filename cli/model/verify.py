"""``finsent model verify``."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.shared.output import echo
from cli.shared.versions import Chosen, registry_of_models, resolve_version
from errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(verify)


def verify(
    version: Chosen = None,
    everything: Annotated[bool, typer.Option("--all", help="Every version.")] = False,
) -> None:
    """Check a version's files, and that it gives the same scores as when it was published.

    Exit code 1, with the reason, if it does not.

    `finsent model verify`

    `finsent model verify --all`
    """
    import model
    from model.registry import verify, version_names

    registry = registry_of_models()
    bad = 0
    for name in version_names(registry) if everything else [resolve_version(registry, version)]:
        try:
            verify(registry, name)
            echo(f"{name}: ok")
        except model.BadVersion as error:
            bad += 1
            echo(f"finsent: {error}", err=True)
    raise typer.Exit(ExitCode.FAILED if bad else ExitCode.OK)
