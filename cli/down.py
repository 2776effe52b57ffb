"""``finsent down``: the end of the service on this machine."""

from __future__ import annotations

import typer

from cli.shared.arguments import Data
from settings import data_directory


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(down)


def down(data: Data = None) -> None:
    """Stop the service that runs on the data directory; the stored documents stay.

    `finsent down --data ./data`
    """
    from deploy.local import stop

    stop(data or data_directory())
