"""``finsent model sign``."""

from __future__ import annotations

import typer

from cli.shared.output import echo
from cli.shared.versions import Version, registry_of_models, resolve_version


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(sign)


def sign(version: Version) -> None:
    """Sign a version with MODEL_SIGNING_KEY, as promoting it does: for the champion, when the key changes.

    `MODEL_SIGNING_KEY_FILE=new.pem finsent model sign finsent-6d4f`
    """
    from model.registry import sign, verify

    registry = registry_of_models()
    name = resolve_version(registry, version)
    verify(registry, name)
    echo(f"{name} is signed by {sign(registry, name)}")
