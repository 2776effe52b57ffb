"""Secrets that may be given in a file, as container and service managers hand them over."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def with_secret_of_file(values: dict[str, Any], name: str) -> dict[str, Any]:
    """What a settings class is given: the secret ``name``, or else the text of the file ``name_file``."""
    file = values.get(f"{name}_file")
    # A file that is not there is left to the field's own check, which says so.
    if values.get(name) or not file or not Path(file).is_file():
        return values
    return {**values, name: Path(file).read_text(encoding="utf-8").rstrip("\r\n")}
