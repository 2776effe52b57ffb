"""The pointer to the champion, the version that workers use, and the history of its moves.

On an object store, two promotions at the same moment may both be recorded although only one of them takes effect.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from model.encoder import default_folders
from model.registry.catalogue import verify, version_folder
from model.registry.manifest import BadVersion
from model.registry.publishing import publish
from model.registry.shadow_pointer import clear_shadow
from model.registry.signatures import approve
from model.registry.stores import Location, Store, store
from settings import ModelSettings

CHAMPION = "champion"
"""The name of the pointer's file."""

HISTORY = "history"
"""The folder with one file for each move of the pointer."""

Action = Literal["promote", "rollback"]


class Change(msgspec.Struct, frozen=True, rename={"source": "from", "target": "to"}):
    """One move of the champion pointer from the version ``source`` ('' if there was none) to ``target``.

    ``at`` is RFC 3339; ``by`` is user@host.
    """

    at: str
    action: Action
    source: str
    target: str
    by: str
    why: str


def champion_name(registry: Location) -> str:
    """The name of the version that workers use. Nothing is fetched. Raises ``FileNotFoundError`` if there is none."""
    try:
        return store(registry).read(CHAMPION).decode("utf-8", "replace").strip()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{registry} has no champion; promote a version, or let 'finsent model build' make the default"
        ) from error


def champion_folder(registry: Location) -> Path:
    """The folder of the version that workers use, fetched if the registry is a URL.

    Raises ``FileNotFoundError`` if there is no champion or its version is gone, and ``BadVersion`` if what was fetched
    is damaged.
    """
    return version_folder(registry, champion_name(registry))


def promote(registry: Location, version: str, why: str = "") -> str:
    """Verify ``version`` and make it the champion. Returns the version that it replaces, or '' if there was none.

    It is signed, if MODEL_SIGNING_KEY is set. Atomic and durable. Raises ``FileNotFoundError`` for an unknown version,
    and ``BadVersion`` for a damaged one, or one that has no signature that MODEL_TRUSTED_KEYS wants; the champion then
    stays as it was.
    """
    place = store(registry)
    verify(registry, version)
    approve(registry, version)
    with place.locked(CHAMPION):
        before = _current(place)
        if before != version:
            _point(place, "promote", before, version, why)
    with suppress(BadVersion):  # an unreadable pointer puts no version in the shadow
        clear_shadow(registry, version)
    return before


def rollback(registry: Location, why: str = "") -> tuple[str, str]:
    """Undo the promotion of the champion: verify the version that it replaced and make that the champion again.

    Returns (from, to). Another rollback goes one promotion further back. Raises ``FileNotFoundError`` if the champion
    replaced no version and ``BadVersion`` if that version is damaged; the champion then stays as it was.
    """
    place = store(registry)
    with place.locked(CHAMPION):
        before = champion_name(registry)
        steps = [
            change for change in champion_history(registry) if change.action == "promote" and change.target == before
        ]
        if not steps or not steps[-1].source:
            raise FileNotFoundError(f"{registry}: {before} was promoted over no other version")
        verify(registry, steps[-1].source)
        approve(registry, steps[-1].source)
        _point(place, "rollback", before, steps[-1].source, why)
    return before, steps[-1].source


def champion_history(registry: Location) -> list[Change]:
    """All moves of the champion pointer, oldest first. Raises ``BadVersion`` if an entry cannot be read."""
    place = store(registry)
    try:
        return [msgspec.json.decode(place.read(f"{HISTORY}/{name}"), type=Change) for name in place.names(HISTORY)]
    except msgspec.DecodeError as error:
        raise BadVersion(f"{registry}: an entry of the champion's history is damaged: {error}") from error


def _current(place: Store) -> str:
    with suppress(FileNotFoundError):
        return place.read(CHAMPION).decode("utf-8", "replace").strip()
    return ""


def _point(place: Store, action: Action, before: str, version: str, why: str) -> None:
    """Record the move, then make it. A crash in between leaves an entry for a move that was not made; ``rollback``
    ignores it, because its target never became the champion."""
    now = datetime.now(UTC)
    if entries := place.names(HISTORY):  # entries stay in their order even if the clock is set back
        now = max(now, datetime.fromisoformat(entries[-1].partition("_")[0]) + timedelta(microseconds=1))
    at = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
    by = f"{getpass.getuser()}@{socket.gethostname()}"
    entry = msgspec.json.encode(Change(at, action, before, version, by, why))
    place.write(f"{HISTORY}/{now:%Y%m%dT%H%M%S.%fZ}_{os.urandom(4).hex()}.json", entry + b"\n")
    place.write(CHAMPION, version.encode() + b"\n")


def ensure_default(registry: Location) -> str:
    """The name of the champion. If there is none yet, the model that ships with finsent is built and promoted, or
    copied from where MODEL_BUILT_IN says that it is built already.

    Several processes of a machine may call this at once: one builds, the others wait.
    """
    place = store(registry)
    if not _current(place):
        built_in = ModelSettings().built_in
        with place.locked("default"):
            if not _current(place):
                version = _copied(built_in, place) if built_in else publish(registry, default_folders())
                promote(registry, version, "the model that ships with finsent")
    return champion_name(registry)


def _copied(built_in: Path, place: Store) -> str:
    """Copy the champion of the registry ``built_in`` into ``place``, and return its name."""
    version = champion_name(built_in)
    with place.workspace() as work:
        place.add(shutil.copytree(built_in / version, work / version))
    return version
