"""Versions of the model: a directory each, published whole and never changed, and a pointer to the champion."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from model.graph import build
from model.scorer import Scorer
from model.weights import base_folder, default_folder, merged

MANIFEST = "manifest.json"
CHAMPION = "champion"
FORMAT = 1
"""Part of a version's name: a change of the graph makes another version of the same weights."""

GOLDEN = (
    ("Profit rose far above expectations and the dividend was doubled.", None),
    ("The auditor refused to sign and the shares collapsed.", None),
    ("The annual meeting takes place in Berlin in June.", None),
    ("Alder gains market share while Birch loses its largest client.", "Alder"),
    ("Alder gains market share while Birch loses its largest client.", "Birch"),
)
GOLDEN_TOLERANCE = 0.03
"""Largest difference of a probability: kernels of other CPUs round otherwise, a wrong file differs far more."""


class BadVersion(RuntimeError):
    """A version that is incomplete, was changed, or does not reproduce what it was published with."""


def champion(registry: Path) -> Path:
    """The folder of the version that workers use. Raises ``FileNotFoundError`` if there is none."""
    pointer = registry / CHAMPION
    if not pointer.exists():
        raise FileNotFoundError(f"{registry} has no champion; publish one, or let a worker build the default")
    return registry / pointer.read_text(encoding="utf-8").strip()


def promote(registry: Path, version: str) -> None:
    """Point the champion at ``version``, atomically. Raises ``FileNotFoundError`` for an unknown version."""
    if not (registry / version / MANIFEST).exists():
        raise FileNotFoundError(f"{registry} has no version {version!r}")
    part = registry / f".{CHAMPION}.{os.getpid()}"
    part.write_text(version + "\n", encoding="utf-8")
    part.replace(registry / CHAMPION)


def versions(registry: Path) -> list[str]:
    """The names of all published versions, oldest first."""
    found = sorted(registry.glob(f"*/{MANIFEST}"), key=lambda path: path.stat().st_mtime)
    return [path.parent.name for path in found]


def load(folder: Path, threads: int = 1) -> Scorer:
    """The version in ``folder``, its files checked against the manifest and its golden outputs reproduced.

    Raises ``BadVersion``.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadVersion(f"{folder}: no readable {MANIFEST}: {error}") from error
    for name, digest in manifest["files"].items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise BadVersion(f"{folder}: the manifest names {name!r}, which is not a file in it")
        if _sha256(path) != digest:
            raise BadVersion(f"{path} is not the file that was published (sha256 differs)")
    if "model.onnx" not in manifest["files"] or "tokenizer.json" not in manifest["files"]:
        raise BadVersion(f"{folder}: the manifest names no model or no tokenizer")
    graph = onnx.load(folder / "model.onnx", load_external_data=False)
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in graph.graph.initializer):
        raise BadVersion(f"{folder}: the graph keeps weights outside of the checked files")
    scorer = Scorer(folder, manifest["version"], manifest["temperature"], threads)
    expected = np.array([case["probabilities"] for case in manifest["golden"]])
    got = scorer.score(
        [case["text"] for case in manifest["golden"]], [case["entity"] for case in manifest["golden"]]
    ).probabilities
    if np.abs(got - expected).max() > GOLDEN_TOLERANCE:
        raise BadVersion(f"{folder} does not reproduce its golden outputs: {got.round(3).tolist()}")
    return scorer


def publish(registry: Path, adapter: Path, parent: str = "", facts: Mapping[str, Any] | None = None) -> str:
    """Build the adapter in the folder ``adapter`` into a new version and return its name.

    The name follows from the content, so publishing the same again changes nothing. ``facts`` (metrics, data)
    go into the manifest. The directory appears whole, by a rename.
    """
    weights, config = merged(adapter)
    digest = hashlib.sha256((adapter / "adapter.safetensors").read_bytes())
    digest.update(json.dumps([FORMAT, config["temperature"]]).encode())
    version = f"minilm-{digest.hexdigest()[:10]}"
    if (registry / version / MANIFEST).exists():
        return version
    registry.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=registry, prefix=".building-") as name:
        folder = Path(name) / version
        folder.mkdir()
        onnx.save(build(weights), folder / "model.onnx")
        shutil.copy(base_folder() / "tokenizer.json", folder)
        scorer = Scorer(folder, version, config["temperature"])
        scores = scorer.score([text for text, _ in GOLDEN], [entity for _, entity in GOLDEN])
        manifest = {
            "version": version,
            "parent": parent,
            "labels": config["labels"],
            "temperature": config["temperature"],
            "base": config["base"],
            "files": {file: _sha256(folder / file) for file in ("model.onnx", "tokenizer.json")},
            "libraries": {name: package_version(name) for name in ("numpy", "onnx", "tokenizers")},
            "facts": dict(facts or {}) | {"training": config.get("settings", {})},
            "golden": [
                {"text": text, "entity": entity, "probabilities": row}
                for (text, entity), row in zip(GOLDEN, scores.probabilities.tolist(), strict=True)
            ],
        }
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        folder.rename(registry / version)
    return version


def ensure_default(registry: Path) -> str:
    """The name of the champion; builds and promotes the model that ships with finsent if there is none yet.

    Safe in several processes at once: one builds, the others wait.
    """
    registry.mkdir(parents=True, exist_ok=True)
    with open(registry / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (registry / CHAMPION).exists():
            promote(registry, publish(registry, default_folder()))
        return champion(registry).name


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
