"""``finsent model import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.model.options import Promote, Why, tell_published
from cli.shared.versions import registry_of_models


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("import")(import_directory)


def import_directory(
    folder: Annotated[Path, typer.Argument(metavar="DIR", exists=True, file_okay=False)],
    name: Annotated[str | None, typer.Option(help="Begins the version's name; default the directory's.")] = None,
    labels: Annotated[
        str | None, typer.Option(help="What its outputs mean, in their order; default its config.json's id2label.")
    ] = None,
    languages: Annotated[str, typer.Option(help="The languages that it reads (ISO 639-1), with commas.")] = "en",
    promoted: Promote = False,
    why: Why = "",
) -> None:
    """Import a local Hugging Face sequence classifier of BERT's or RoBERTa's kind, and print the version's name.

    It has the classes negative, neutral and positive, its weights are safetensors, and it brings tokenizer.json or
    vocab.txt. It scores whole texts: it was not trained on what a text says about one company.

    `finsent model import ./finbert`

    `finsent model import ./mine --name mine --labels positive,negative,neutral --languages en,de --promote`
    """
    from model.registry import import_directory

    registry = registry_of_models()
    order = labels.split(",") if labels is not None else None
    tell_published(registry, import_directory(registry, folder, name, order, languages.split(",")), promoted, why)
