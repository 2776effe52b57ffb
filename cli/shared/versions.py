"""Which version of the model a command means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shared.failures import fail

if TYPE_CHECKING:
    from model import Scorer


Version = Annotated[str, typer.Argument(metavar="VERSION", help="A version's name, or enough of its beginning.")]
Chosen = Annotated[
    str | None, typer.Argument(metavar="VERSION", help="A version's name, or its beginning; default the champion.")
]
Scoring = Annotated[
    str | None,
    typer.Option("--model", metavar="VERSION|DIR", help="A version's name, or its beginning, or its folder."),
]


def registry_of_models() -> str | Path:
    """``MODEL_REGISTRY``."""
    from settings import ModelSettings

    return ModelSettings().registry


def resolve_version(registry: str | Path, wanted: str | None) -> str:
    """The one version whose name begins with ``wanted``; the champion for None."""
    import model
    from model.registry import version_names

    if wanted is None:
        return model.champion_name(registry)
    found = [name for name in version_names(registry) if name.startswith(wanted)]
    if wanted in found:
        return wanted
    if len(found) > 1:
        fail(f"{wanted!r} may be {', '.join(found)}; give more of the name")
    return found[0] if found else fail(f"{registry} has no version {wanted!r}; 'finsent model list' names them")


def chosen_scorer(wanted: str | None) -> Scorer:
    """The version in the folder ``wanted``, or with that name; the champion for None."""
    import model
    from settings import ModelSettings

    settings = ModelSettings()
    if wanted and (Path(wanted) / "manifest.json").exists():
        return model.load(Path(wanted), settings)
    if wanted and "/" in wanted and Path(wanted).is_dir():
        fail(f"{wanted} is no version: it has no manifest.json; 'finsent model import' makes one of a model")
    if wanted is None:
        model.ensure_default(settings.registry)
    version = resolve_version(settings.registry, wanted)
    return model.load(model.version_folder(settings.registry, version), settings)
