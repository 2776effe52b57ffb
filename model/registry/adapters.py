"""The adapters inside a version, from which a challenger is trained."""

from __future__ import annotations

import shutil
from pathlib import Path

from model.registry.checks import check

ADAPTER = ("adapter.safetensors", "config.json")
"""The files of an adapter. In a version they are called ``<part>.adapter.safetensors`` and ``<part>.config.json``."""


def copy_adapters(folder: Path, into: Path) -> list[Path]:
    """Copy the adapters that the version in ``folder`` was built from, each into a folder under ``into``.

    Returns these folders; none if the version was not built from adapters. They can be trained further and published
    again. Raises ``BadVersion``.
    """
    copies = []
    for part in check(folder).parts:
        if (folder / f"{part.name}.{ADAPTER[0]}").exists():
            copies.append(into / part.name)
            copies[-1].mkdir(parents=True)
            for file in ADAPTER:
                shutil.copy(folder / f"{part.name}.{file}", copies[-1] / file)
    return copies
