"""What a version of the model says of itself, and the check that a folder is what it says.

A version's name ends in a digest of its manifest, and the manifest holds the digest of every file: whoever knows the
name knows each byte. There are no signatures: who may write to a registry may publish another version in it, but not
change one under its name.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import onnx
from msgspec import Meta, Struct

from errors import FinsentError
from model.encoder.graph import INPUTS

MANIFEST = "manifest.json"
FORMAT = 5
"""Of the manifest and the graph; a scorer runs what was published in its own format."""

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
VERSION = re.compile(NAME.pattern + r"-[0-9a-f]{16}")
LABELS: tuple[Literal["negative"], Literal["neutral"], Literal["positive"]] = ("negative", "neutral", "positive")
OUTPUTS = ("logits", "sentence_embedding")
DOMAINS = frozenset({"", "ai.onnx", "com.microsoft"})
"""Operators that ONNX Runtime itself brings."""

Count = Annotated[int, Meta(ge=0)]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]


class BadVersion(FinsentError, RuntimeError):
    """A version that is incomplete, was changed, or does not reproduce what it was published with."""


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


class Scale(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Probabilities are ``softmax(bias - ((best - logits) / temperature) ** power)`` with ``best`` the largest logit:
    with power 1 that is ``softmax(logits / temperature + bias)`` (temperature scaling, Guo et al. 2017, arXiv
    1706.04599).

    Training with smoothed labels keeps the logits of plain texts no farther apart than those of doubtful ones, which
    leaves the one too unsure while the other is too sure. No temperature mends both; a power above 1 does.
    """

    temperature: Annotated[float, Meta(gt=0)] = 1.0
    power: Annotated[float, Meta(gt=0, le=10)] = 1.0
    bias: tuple[float, float, float] = (0.0, 0.0, 0.0)


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One encoder of a version, in the files ``<name>.onnx`` and ``<name>.json`` (its tokenizer): it reads texts in
    ``languages`` (ISO 639-1), cut at ``most_tokens``. ``alone`` and ``pair`` make probabilities of texts without and
    with an entity; without ``pairs`` it was not trained on entities, and is given the text alone. ``stand_in`` is what
    it was trained to read in the place of an entity's name; empty: the name itself."""

    name: FileName
    languages: Annotated[list[str], Meta(min_length=1)]
    base: str
    most_tokens: Annotated[int, Meta(ge=8)] = 256
    pairs: bool = True
    stand_in: Annotated[str, Meta(max_length=32)] = ""
    alone: Scale = Scale()
    pair: Scale = Scale()


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``parts`` read one or several languages each and none reads another's; ``parent`` is the version that this one
    was trained from, or empty; ``data_sha256`` is of the training data, empty where it is not known."""

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
    """``manifest`` with its version name: ``name`` and a digest of all the rest."""
    return msgspec.structs.replace(manifest, version=f"{name}-{_digest(msgspec.json.decode(encode(manifest)))}")


def _digest(written: dict[str, Any]) -> str:
    """Of what stands in the file: a field that a later finsent adds must not change the names of earlier versions."""
    return hashlib.sha256(msgspec.json.encode({**written, "version": ""}, order="sorted")).hexdigest()[:16]


def encode(manifest: Manifest) -> bytes:
    """The text of manifest.json."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def decode(data: bytes, version: str) -> Manifest:
    """The manifest of ``version``. Raises ``BadVersion`` if it is not readable, of another format, or changed."""
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
    if not VERSION.fullmatch(manifest.version) or manifest.version.rpartition("-")[2] != _digest(found):
        raise BadVersion(f"{version}: {MANIFEST} was changed: its content does not give the name {manifest.version!r}")
    if manifest.version != version:
        raise BadVersion(f"{version}: the manifest is that of {manifest.version}")
    return manifest


def check(folder: Path) -> Manifest:
    """The manifest of the version in ``folder``, which holds exactly the files that it names, unchanged, and graphs
    that are of finsent's kind.

    Raises ``BadVersion``. Nothing is run.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise BadVersion(f"{folder} is not a directory with a version")
    path = folder / MANIFEST
    if path.is_symlink():
        raise BadVersion(f"{path} is a link")
    try:
        manifest = decode(path.read_bytes(), folder.name)
    except OSError as error:
        raise BadVersion(f"{folder}: no readable {MANIFEST}: {error}") from error
    if extra := sorted({entry.name for entry in folder.iterdir()} - {MANIFEST, *manifest.files}):
        raise BadVersion(f"{folder} holds {extra[0]!r}, which the manifest does not name")
    for name, file in manifest.files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise BadVersion(f"{folder}: the manifest names {name!r}, which is not a file in it")
        if (size := path.stat().st_size) != file.bytes:
            raise BadVersion(f"{path} has {size} bytes, {file.bytes} were published")
        if fingerprint(path) != file.sha256:
            raise BadVersion(f"{path} is not the file that was published (sha256 differs)")
    languages = [language for part in manifest.parts for language in part.languages]
    if len(set(languages)) < len(languages):
        raise BadVersion(f"{folder}: a language is read by two parts: {sorted(languages)}")
    for name in (f"{part.name}.{ending}" for part in manifest.parts for ending in ("onnx", "json")):
        if name not in manifest.files:
            raise BadVersion(f"{folder}: the manifest names no {name}")
    for name in manifest.files:
        if name.endswith(".onnx"):
            check_graph(folder / name)
    return manifest


def check_graph(path: Path) -> None:
    """Raises ``BadVersion`` unless ``path`` is an ONNX graph with finsent's inputs and outputs that needs nothing from
    outside the file: neither weights nor operators."""
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's own errors share no public base
        raise BadVersion(f"{path} is not an ONNX graph: {error}") from error
    inputs, outputs = ({value.name for value in values} for values in (model.graph.input, model.graph.output))
    if inputs != set(INPUTS) or outputs != set(OUTPUTS):
        raise BadVersion(f"{path} is another network: {sorted(inputs)} to {sorted(outputs)}")
    if model.functions or _outside(model.graph):
        raise BadVersion(f"{path} needs weights or operators from outside of the file")


def _outside(graph: onnx.GraphProto) -> bool:
    tensors = [*graph.initializer, *(t for s in graph.sparse_initializer for t in (s.values, s.indices))]
    inner = []
    for node in graph.node:
        if node.domain not in DOMAINS:
            return True
        for attribute in node.attribute:
            sparse = [attribute.sparse_tensor, *attribute.sparse_tensors]
            tensors += [attribute.t, *attribute.tensors, *(t for s in sparse for t in (s.values, s.indices))]
            inner += [attribute.g, *attribute.graphs]
    return any(tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data for tensor in tensors) or any(
        _outside(part) for part in inner
    )


def fingerprint(path: Path) -> str:
    """The sha256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
