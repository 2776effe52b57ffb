"""Publishes versions: from adapters that were trained here, or from an imported classifier."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import msgspec
import onnx
import onnxruntime

from documents import LABELS
from model.calibration import Scale
from model.encoder import CannotImport, base_of, build, graph_of, merged, read_classifier
from model.part import Part, file_digest
from model.registry.adapters import ADAPTER
from model.registry.golden import golden_outputs
from model.registry.loading import HALF, load
from model.registry.manifest import FORMAT, MANIFEST, NAME, File, Manifest, Metric, encode, sealed
from model.registry.stores import Location, store
from model.scorer import MAX_TOKENS, Scorer


def publish(
    registry: Location,
    adapters: Path | Sequence[Path],
    parent: str = "",
    facts: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Metric] | None = None,
    data_sha256: str = "",
) -> str:
    """Build a version from the adapters in the folders ``adapters``, one for each part, and return its name.

    The name follows from the content, so publishing the same again changes nothing. ``facts`` (plain JSON),
    ``metrics`` and the digest of the training data go into the manifest. The version appears whole or not at all.
    """

    def write(folder: Path) -> Manifest:
        parts, training = [], {}
        for adapter in [adapters] if isinstance(adapters, Path) else adapters:
            weights, config = merged(adapter)
            encoder = base_of(adapter)
            languages = config.get("languages", ["en"])
            name = config.get("part") or "-".join(languages)
            onnx.save(graph_of(weights, encoder), folder / f"{name}.onnx")
            (folder / f"{name}.json").write_text(encoder.tokenizer, encoding="utf-8")
            scales = {kind: msgspec.convert(scale, Scale) for kind, scale in config["calibration"].items()}
            parts.append(
                Part(
                    name=name,
                    languages=languages,
                    base=config["base"],
                    stand_in=config.get("stand_in", ""),
                    figures=config.get("figures", False),
                    experimental=config.get("experimental", []),
                    alone=scales["alone"],
                    pair=scales["pair"],
                )
            )
            training[name] = config.get("settings", {})
            for file in ADAPTER:  # a challenger is trained from them
                shutil.copy(adapter / file, folder / f"{name}.{file}")
        return _manifest(
            folder,
            parts=parts,
            parent=parent,
            facts=dict(facts or {}) | {"training": training},
            metrics=dict(metrics or {}),
            data_sha256=data_sha256,
        )

    return _publish(registry, "finsent", write)


def import_directory(
    registry: Location,
    directory: Path,
    name: str | None = None,
    labels: Sequence[str] | None = None,
    languages: Sequence[str] = ("en",),
) -> str:
    """Publish the sequence classifier in a local Hugging Face ``directory`` and return the version's name.

    ``labels`` are its outputs in their order; they are needed if its config.json does not name them. ``languages`` are
    those that it reads. The version's name begins with ``name``, or else with the directory's name. Raises
    ``CannotImport``.
    """
    name = name if name is not None else re.sub(r"[^a-z0-9._-]+", "-", directory.resolve().name.lower()).strip("-._")
    if not NAME.fullmatch(name):
        raise CannotImport(
            f"{name!r} is no name for a version (small letters, digits, - _ .); give another with --name"
        )
    if not languages or not all(re.fullmatch("[a-z]{2,3}", code) for code in languages):
        raise CannotImport(f"{', '.join(languages)!r} are not languages; some are en, zh, de")
    imported = read_classifier(directory, labels)

    def write(folder: Path) -> Manifest:
        onnx.save(build(imported.weights, imported.shape), folder / "imported.onnx")
        onnx.save(build(imported.weights, imported.shape, "fp16"), folder / f"imported.{HALF}")
        (folder / "imported.json").write_text(imported.tokenizer, encoding="utf-8")
        part = Part(
            name="imported",
            languages=list(languages),
            base=imported.base,
            most_tokens=min(imported.positions, MAX_TOKENS),
            pairs=False,
        )
        facts = {"imported": directory.resolve().name, "labels": list(imported.labels)}
        return _manifest(folder, parts=[part], parent="", facts=facts, metrics={}, data_sha256="")

    return _publish(registry, name, write)


def _manifest(folder: Path, **fields: Any) -> Manifest:
    """A manifest of the files in ``folder``, still without the version's name and golden outputs."""
    libraries = {name: package_version(name) for name in ("numpy", "onnx", "tokenizers")}
    return Manifest(
        format=FORMAT,
        version="",
        labels=LABELS,
        files={
            path.name: File(bytes=path.stat().st_size, sha256=file_digest(path)) for path in sorted(folder.iterdir())
        },
        libraries=libraries | {"onnxruntime": onnxruntime.__version__},
        golden=[],
        **fields,
    )


def _publish(registry: Location, name: str, write: Callable[[Path], Manifest]) -> str:
    """Publish the files that ``write`` writes into the folder that it is given. The version is called ``name`` and a
    digest."""
    place = store(registry)
    with place.workspace() as work:
        made = work / "version"
        made.mkdir()
        manifest = write(made)
        scorer = Scorer(made, name, manifest.parts)
        manifest = sealed(name, msgspec.structs.replace(manifest, golden=golden_outputs(scorer)))
        (made / MANIFEST).write_bytes(encode(manifest))
        made = made.rename(work / manifest.version)
        load(made)  # a version that cannot be loaded is not published
        place.add(made)
    return manifest.version
