"""The settings of a retraining run, as its commands take them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from settings import RetrainSettings


def settings_of(config: Path | None) -> RetrainSettings:
    """The settings in the YAML file ``config``, over those of the environment."""
    from settings import RetrainSettings, settings_from

    if config is None:
        return RetrainSettings()
    try:
        return settings_from(config)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--config") from None
