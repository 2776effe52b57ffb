"""Where a registry is stored: in a folder, or behind a URL that fsspec knows (an object store shared by machines).

A registry is a folder for each version, published whole and never changed, and a few small files: the pointers.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from model.registry.checks import check
from model.registry.manifest import MANIFEST, VERSION, BadVersion, decode
from settings import ModelSettings

Location = str | Path
"""A path, or a URL such as ``s3://bucket/models`` (with s3fs installed)."""

BUILDING = ".building-"
"""Begins the names of folders in which versions are being built."""


class Store(Protocol):
    """Holds small files, which are read and written whole, and versions, folders that appear whole."""

    def read(self, name: str) -> bytes:
        """The content of a small file. Raises ``FileNotFoundError``."""

    def write(self, name: str, data: bytes) -> None:
        """Write a small file: atomic, and durable on return."""

    def names(self, folder: str) -> list[str]:
        """The names of the files in ``folder``, sorted. Empty if there is no such folder."""

    def versions(self) -> dict[str, datetime]:
        """When each version was published, by name, oldest first."""

    def folder(self, version: str) -> Path:
        """A local folder with the version. Raises ``FileNotFoundError``, and ``BadVersion`` if the stored version is
        damaged."""

    def copied(self) -> Store:
        """The same store, but ``folder`` answers with a copy in MODEL_CACHE, which nobody else may write to."""

    def add(self, folder: Path) -> None:
        """Publish ``folder`` under its name. Nothing changes if that version is there and undamaged."""

    def locked(self, what: str) -> AbstractContextManager[None]:
        """Context manager for one process at a time. Only a folder can guarantee that."""

    def workspace(self) -> AbstractContextManager[Path]:
        """Context manager with an empty folder from which ``add`` can publish."""


def store(location: Location) -> Store:
    """The store at a path or a URL."""
    parts = urlsplit(str(location))
    if "://" not in str(location):
        return FolderStore(Path(location))
    return FolderStore(Path(unquote(parts.path))) if parts.scheme in {"file", "local"} else RemoteStore(str(location))


class FolderStore:
    """A registry in a folder. Any number of processes of one machine may use it at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.write_bytes(data)
        _sync(part)
        part.replace(path)
        _sync(path.parent)

    def names(self, folder: str) -> list[str]:
        if not (self.root / folder).is_dir():
            return []
        return sorted(path.name for path in (self.root / folder).iterdir() if not path.name.startswith("."))

    def versions(self) -> dict[str, datetime]:
        found = [path for path in self.root.glob(f"*/{MANIFEST}") if VERSION.fullmatch(path.parent.name)]
        times = {path.parent.name: datetime.fromtimestamp(path.stat().st_mtime, UTC) for path in found}
        return dict(sorted(times.items(), key=lambda item: item[1]))

    def folder(self, version: str) -> Path:
        if not VERSION.fullmatch(version) or not (self.root / version / MANIFEST).exists():
            raise FileNotFoundError(f"{self.root} has no version {version!r}")
        return self.root / version

    def copied(self) -> Store:
        return RemoteStore(f"file://{self.root.resolve()}")

    def add(self, folder: Path) -> None:
        for path in folder.iterdir():
            _sync(path)
        _sync(folder)
        place = self.root / folder.name
        if os.path.lexists(place):
            with suppress(BadVersion):
                check(place)
                return
            place.rename(folder.with_name("damaged"))
        folder.rename(place)
        _sync(self.root)

    @contextmanager
    def locked(self, what: str) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with open(self.root / f".{what}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        with self.locked("publish"):
            # Only the holder of the lock builds, so what is found here was left by a process that was killed.
            for left in self.root.glob(f"{BUILDING}*"):
                shutil.rmtree(left)
            with tempfile.TemporaryDirectory(dir=self.root, prefix=BUILDING) as name:
                yield Path(name)


class RemoteStore:
    """A registry behind an fsspec URL.

    An object store writes one object atomically. The manifest is written last, so a version is there whole or not at
    all. Versions are fetched into the folder ``MODEL_CACHE`` and checked there.
    """

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs

        try:
            self.fs, self.root = url_to_fs(url)
        except (ImportError, ValueError) as error:  # a missing package names itself
            raise OSError(f"MODEL_REGISTRY {url}: {error}") from error
        self.cache = FolderStore(ModelSettings().cache)

    def read(self, name: str) -> bytes:
        return bytes(self.fs.cat_file(f"{self.root}/{name}"))

    def write(self, name: str, data: bytes) -> None:
        self.fs.makedirs(f"{self.root}/{name}".rpartition("/")[0], exist_ok=True)
        self.fs.pipe_file(f"{self.root}/{name}", data)

    def names(self, folder: str) -> list[str]:
        self.fs.invalidate_cache()
        with suppress(FileNotFoundError):
            return sorted(str(path).rpartition("/")[2] for path in self.fs.ls(f"{self.root}/{folder}", detail=False))
        return []

    def versions(self) -> dict[str, datetime]:
        names = [name for name in self.names("") if VERSION.fullmatch(name)]
        times = {}
        for name in names:
            with suppress(FileNotFoundError):
                times[name] = self.fs.modified(f"{self.root}/{name}/{MANIFEST}")
        return dict(sorted(times.items(), key=lambda item: item[1]))

    def folder(self, version: str) -> Path:
        if not VERSION.fullmatch(version):
            raise FileNotFoundError(f"{self.root} has no version {version!r}")
        with self.cache.locked("fetch"):
            place = self.cache.root / version
            with suppress(BadVersion):
                check(place)
                return place
            try:
                data = self.read(f"{version}/{MANIFEST}")
            except FileNotFoundError as error:
                raise FileNotFoundError(f"{self.root} has no version {version!r}") from error
            manifest = decode(data, version)
            with self.cache.workspace() as work:
                part = work / version
                part.mkdir()
                (part / MANIFEST).write_bytes(data)
                for name in manifest.files:
                    try:
                        self.fs.get_file(f"{self.root}/{version}/{name}", str(part / name))
                    except FileNotFoundError as error:
                        raise BadVersion(f"{self.root}/{version} has no {name}") from error
                check(part)
                self.cache.add(part)
            return place

    def copied(self) -> Store:
        return self

    def add(self, folder: Path) -> None:
        for path in sorted(folder.iterdir(), key=lambda path: path.name == MANIFEST):
            self.write(f"{folder.name}/{path.name}", path.read_bytes())

    @contextmanager
    def locked(self, what: str) -> Iterator[None]:
        yield

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        with self.cache.workspace() as work:
            yield work


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
