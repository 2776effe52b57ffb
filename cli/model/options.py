"""Options and output that several of these commands have."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.shared.output import echo, write_text

Why = Annotated[str, typer.Option(help="A reason for the history.")]
Promote = Annotated[bool, typer.Option("--promote", help="Also make it the champion.")]
Json = Annotated[str | None, typer.Option("--json", metavar="OUT", help="Write JSON to a file; - is stdout.")]


def write_json(content: Any, out: str) -> None:
    """Write ``content`` as JSON to the file ``out``; "-" is standard output."""
    write_text(json.dumps(content, indent=1, default=_plain), out)


def _plain(value: Any) -> Any:
    import msgspec

    return value.isoformat() if isinstance(value, datetime) else msgspec.to_builtins(value)


def tell_published(registry: str | Path, name: str, promoted: bool, why: str) -> None:
    """Print the new version's name, and promote it if that is wanted."""
    from model.registry import promote

    echo(name)
    if promoted:
        promote(registry, name, why)
