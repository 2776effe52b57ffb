"""Which versions a registry has, and what they say about themselves."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from model.registry.loading import load
from model.registry.manifest import MANIFEST, Manifest, decode
from model.registry.signatures import trusted_folder
from model.registry.stores import Location, store


def version_folder(registry: Location, version: str, unsigned: bool = False) -> Path:
    """The local folder of ``version``, for ``load``. If the registry is a URL, the version is fetched first.

    Where MODEL_TRUSTED_KEYS is set, one of those keys must have signed it, unless ``unsigned`` ones are wanted: before
    they are promoted. Raises ``FileNotFoundError`` if there is no such version, and ``BadVersion`` if what was fetched
    is damaged or not signed.
    """
    return store(registry).folder(version) if unsigned else trusted_folder(registry, version)


def version_names(registry: Location) -> list[str]:
    """The names of all published versions, oldest first."""
    return list(store(registry).versions())


def publication_times(registry: Location) -> dict[str, datetime]:
    """When each version was published (UTC), by name, oldest first."""
    return store(registry).versions()


def describe(registry: Location, version: str) -> Manifest:
    """The manifest of ``version``; no other file is read. Raises ``FileNotFoundError`` and ``BadVersion``."""
    if version not in version_names(registry):
        raise FileNotFoundError(f"{registry} has no version {version!r}; 'finsent model list' names them")
    return decode(store(registry).read(f"{version}/{MANIFEST}"), version)


def verify(registry: Location, version: str) -> Manifest:
    """Check the files of ``version`` and compare its golden outputs. Raises ``FileNotFoundError``, ``BadVersion``."""
    load(version_folder(registry, version, unsigned=True))
    return describe(registry, version)
