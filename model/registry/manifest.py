"""The manifest of a version: its parts, files, metrics and golden outputs.

A version's name ends in a digest of its manifest, and the manifest holds the digest of every file. So the name
determines every byte: whoever may write to a registry can publish another version in it, but cannot change a version
without changing its name. ``model.registry.signatures`` protects against a foreign version.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from errors import FinsentError
from model.part import FileName, Part

MANIFEST = "manifest.json"
FORMAT = 5
"""The format of manifest and graphs. A scorer only runs versions of this format."""

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
VERSION = re.compile(NAME.pattern + r"-([0-9a-f]{32}|[0-9a-f]{16})")
"""Names of versions end in 128 bits of the digest; those of earlier releases in 64."""

DIGITS = 32
"""How many digits of the digest are in the name of a new version."""

Count = Annotated[int, Meta(ge=0)]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class BadVersion(FinsentError, RuntimeError):
    """A version that is incomplete, was changed, or does not reproduce its golden outputs."""


class File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a version."""

    bytes: Count
    sha256: Digest


class Metric(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A figure with its 95 % interval ``low .. high``, from ``n`` rows."""

    value: float
    low: float
    high: float
    n: Count


class Golden(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An input with the probabilities (negative, neutral, positive) that the version gave when it was published."""

    text: str
    entity: str | None
    language: str
    probabilities: tuple[float, float, float]


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is in ``manifest.json``.

    Each part reads one or several languages, and no language is read by two parts. ``parent`` is the version that this
    one was trained from, or empty. ``data_sha256`` is the digest of the training data, empty if it is not known.
    """

    format: int
    version: str
    parent: str
    labels: tuple[Literal["negative"], Literal["neutral"], Literal["positive"]]
    parts: Annotated[list[Part], Meta(min_length=1)]
    files: dict[FileName, File]
    libraries: dict[str, str]
    data_sha256: str
    metrics: dict[str, Metric]
    facts: dict[str, Any]
    golden: Annotated[list[Golden], Meta(min_length=1)]


def sealed(name: str, manifest: Manifest) -> Manifest:
    """``manifest`` with its version's name: ``name`` and a digest of everything else."""
    return msgspec.structs.replace(manifest, version=f"{name}-{digest(encode(manifest))[:DIGITS]}")


def digest(data: bytes) -> str:
    """The whole digest of what the manifest ``data`` says besides its version's name. Raises ``BadVersion``."""
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadVersion(f"{MANIFEST} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise BadVersion(f"{MANIFEST} is no JSON object")
    return _digest(found)


def _digest(written: dict[str, Any]) -> str:
    """The digest of the fields as ``written`` in the file. Those of a ``Manifest`` would not do: a field that a later
    finsent adds must not change the names of earlier versions."""
    return hashlib.sha256(msgspec.json.encode({**written, "version": ""}, order="sorted")).hexdigest()


def encode(manifest: Manifest) -> bytes:
    """The text of manifest.json."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def decode(data: bytes, version: str) -> Manifest:
    """The manifest of ``version``. Raises ``BadVersion`` if it is unreadable, of another format, or was changed."""
    try:
        found = msgspec.json.decode(data)
        if not isinstance(found, dict):
            raise BadVersion(f"{version}: {MANIFEST} is no JSON object")
        if found.get("format") != FORMAT:
            raise BadVersion(
                f"{version} has format {found.get('format', 1)!r}, this finsent reads {FORMAT}; build it again, "
                "for instance with 'finsent model build --promote'"
            )
        manifest = msgspec.convert(found, Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadVersion(f"{version}: {MANIFEST} cannot be read: {error}") from error
    own = manifest.version.rpartition("-")[2]
    if not VERSION.fullmatch(manifest.version) or own != _digest(found)[: len(own)]:
        raise BadVersion(f"{version}: {MANIFEST} was changed: its content does not give the name {manifest.version!r}")
    if manifest.version != version:
        raise BadVersion(f"{version}: the manifest is that of {manifest.version}")
    return manifest
