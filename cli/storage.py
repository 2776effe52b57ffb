"""finsent storage: the data dictionary, and who may read what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.common import fail

app = typer.Typer(no_args_is_help=True, help="What is in ClickHouse, what it means, and who may read it.")
DICTIONARY = Path(__file__).parent.parent / "docs" / "dictionary.md"


@app.command()
def dictionary(
    check: Annotated[
        bool, typer.Option(help="Exit 1 if a column has no meaning or docs/dictionary.md is another.")
    ] = False,
) -> None:
    """Print the data dictionary, as Markdown: every column of every view, its type, its unit, and what it means.

    Types come from the schema of the running service, meanings from `storage/dictionary.yaml`.

    `finsent storage dictionary > docs/dictionary.md`

    `finsent storage dictionary --check` (in CI)
    """
    from storage import connect
    from storage.dictionary import faults, render, views

    found = views(connect())
    if not check:
        typer.echo(render(found), nl=False)
        return
    if wrong := faults(found):
        fail(f"{'; '.join(wrong)}: mend storage/dictionary.yaml")
    if not DICTIONARY.exists() or DICTIONARY.read_text(encoding="utf-8") != render(found):
        fail(f"{DICTIONARY} is not what the schema says; run 'python -m deploy.reference' and commit")
