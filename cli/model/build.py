"""``finsent model build``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.model.options import Promote, Why, tell_published
from cli.shared.versions import registry_of_models
from errors import FinsentError


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(build)


def build(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", exists=True, file_okay=False, help="An adapter; default the one shipped."),
    ] = None,
    promoted: Promote = False,
    why: Why = "",
) -> None:
    """Build an adapter (what `retrain` writes, or the one that ships) into a version, and print its name.

    `finsent model build --promote`

    `finsent model build ./adapter`
    """
    from model.encoder import default_folders
    from model.registry import publish

    registry = registry_of_models()
    try:
        name = publish(registry, folder or default_folders())
    except (ValueError, KeyError, FileNotFoundError) as error:
        raise FinsentError(f"{folder} is no adapter: {type(error).__name__}: {error}") from error
    tell_published(registry, name, promoted, why)
