"""``finsent schemas``: the JSON Schemas of the topics."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cli.shared.failures import fail
from cli.shared.output import echo


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(schemas)


def schemas(
    topic: Annotated[str | None, typer.Argument(help="Only this topic's.")] = None,
    check: Annotated[bool, typer.Option(help="Exit 1 where the committed files differ from the code.")] = False,
) -> None:
    """Print the JSON Schemas of the topics, generated from the code that validates and writes the messages.

    `finsent schemas news`

    `finsent schemas --check` (in CI)
    """
    from documents import schemas as published

    if check:
        if stale := published.differences():
            fail(f"{', '.join(stale)} differ from the code; run 'python -m documents.schemas' and commit")
        return
    topics = [*published.RECEIVED, *published.SENT]
    if topic is not None and topic not in topics:
        raise typer.BadParameter(f"no topic {topic!r}; there are {', '.join(topics)}")
    found = published.schema(topic) if topic else {name: published.schema(name) for name in topics}
    echo(json.dumps(found, indent=2))
