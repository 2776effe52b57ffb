"""Checks that a version's folder is exactly what its manifest says."""

from __future__ import annotations

from pathlib import Path

import onnx

from model.encoder.graph import INPUTS, OUTPUTS
from model.part import file_digest
from model.registry.manifest import MANIFEST, BadVersion, Manifest, decode

DOMAINS = frozenset({"", "ai.onnx", "com.microsoft"})
"""The domains of the operators that ONNX Runtime has built in."""


def check(folder: Path) -> Manifest:
    """The manifest of the version in ``folder``, once the folder is checked.

    The folder must hold exactly the files that the manifest names, unchanged, and its graphs must have finsent's inputs
    and outputs. Raises ``BadVersion``. Nothing is run.
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
        if file_digest(path) != file.sha256:
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
    """Raises ``BadVersion`` unless ``path`` is an ONNX graph with finsent's inputs and outputs that needs no
    weights and no operators from outside the file."""
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's errors share no public base class
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
