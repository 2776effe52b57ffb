"""``finsent model promote``."""

from __future__ import annotations

import typer

from cli.model.options import Why
from cli.shared.output import echo
from cli.shared.versions import Version, registry_of_models, resolve_version


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(promote)


def promote(version: Version, why: Why = "") -> None:
    """Verify a version and make it the champion. Returns when every live worker scores with it.

    `finsent model promote finsent-6d4f --why "better on tweets"`
    """
    from cli.shared.rollout import moved
    from model.registry import promote

    registry = registry_of_models()
    name = resolve_version(registry, version)
    before = promote(registry, name, why)
    echo(f"{name} is the champion" + (f", after {before}" if before not in ("", name) else ""))
    moved("promoted", name, before, why)
