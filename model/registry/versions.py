"""Versions of the model: a folder each, published whole and never changed, and a pointer to the champion.

A registry is a path, or a URL that fsspec knows (``s3://bucket/models`` with s3fs installed). Several processes may
use one at once. On an object store two promotions at the same moment may both be recorded while one of them counts.
"""

from __future__ import annotations

import getpass
import logging
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import onnx
import onnxruntime
from tokenizers import Tokenizer

from model.encoder.bases import Base, Weights
from model.encoder.graph import Architecture, Precision, build
from model.encoder.importing import CannotImport, read
from model.encoder.weights import base_of, default_folders, merged
from model.engine.native import NoKernel, kernel_problem, unfit
from model.engine.session import EngineName, NoDevice, Running, choose
from model.engine.tuning import sample, tuned
from model.registry.manifest import (
    FORMAT,
    LABELS,
    MANIFEST,
    NAME,
    BadVersion,
    File,
    Golden,
    Manifest,
    Metric,
    Part,
    Scale,
    check,
    decode,
    encode,
    fingerprint,
    sealed,
)
from model.registry.stores import Store, store
from model.scorer import MAX_TOKENS, Scorer
from settings import ModelSettings

log = logging.getLogger(__name__)
HALF = "fp16.onnx"
GPU_BATCH_TOKENS = 8192
"""Where nothing is set: enough to keep a small GPU busy, little enough for the latency."""

CHAMPION = "champion"
SHADOW = "shadow"
HISTORY = "history"
ADAPTER = ("adapter.safetensors", "config.json")

GOLDEN: tuple[tuple[str, str | None, str], ...] = (
    ("Profit rose far above expectations and the dividend was doubled.", None, "en"),
    ("The auditor refused to sign and the shares collapsed.", None, "en"),
    ("The annual meeting takes place in Berlin in June.", None, "en"),
    ("Alder gains market share while Birch loses its largest client.", "Alder", "en"),
    ("Alder gains market share while Birch loses its largest client.", "Birch", "en"),
    ("三季度净利润大幅增长，公司上调全年业绩预期", None, "zh"),
    ("公司债券违约，股价连续跌停", None, "zh"),
    ("松柏科技将于五月召开年度股东大会", "松柏科技", "zh"),
)
"""(text, entity, language) whose probabilities a version must reproduce."""

GOLDEN_TOLERANCE = 0.03
"""What the largest differences of a probability are at most in the mean over the texts. Engines and CPUs round int8
otherwise, which moves a doubtful text's logits by up to a quarter and its probability by more than this; what computes
something else differs in most texts."""

Location = str | Path


class Shadow(msgspec.Struct, frozen=True):
    """Which version scores a ``share`` of the live documents beside the champion, since ``at`` (RFC 3339).

    With ``documents`` it is judged after so many of them and at least ``minutes``, and promoted if it passes; with 0 a
    person decides.
    """

    version: str
    share: float
    at: str
    documents: int = 0
    minutes: float = 0.0
    why: str = ""


class Change(msgspec.Struct, frozen=True, rename={"source": "from", "target": "to"}):
    """One move of the champion pointer: ``at`` RFC 3339; ``source`` and ``target`` versions ('' for none)."""

    at: str
    action: Literal["promote", "rollback"]
    source: str
    target: str
    by: str
    why: str


def champion_name(registry: Location) -> str:
    """The name of the version that workers use; nothing is fetched. Raises ``FileNotFoundError`` if there is none."""
    try:
        return store(registry).read(CHAMPION).decode("utf-8", "replace").strip()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{registry} has no champion; promote a version, or let 'finsent model build' make the default"
        ) from error


def champion(registry: Location) -> Path:
    """The folder of the version that workers use, fetched if the registry is a URL.

    Raises ``FileNotFoundError`` if there is none or its version is gone, and ``BadVersion`` if what was fetched is
    damaged.
    """
    return folder(registry, champion_name(registry))


def folder(registry: Location, version: str) -> Path:
    """The local folder of ``version``, to be given to ``load``. Raises as ``champion`` does."""
    return store(registry).folder(version)


def versions(registry: Location) -> list[str]:
    """The names of all published versions, oldest first."""
    return list(store(registry).versions())


def published(registry: Location) -> dict[str, datetime]:
    """When each version was published (UTC), oldest first."""
    return store(registry).versions()


def describe(registry: Location, version: str) -> Manifest:
    """What ``version`` says of itself; of its files only the manifest is read. Raises ``FileNotFoundError`` and
    ``BadVersion``."""
    if version not in versions(registry):
        raise FileNotFoundError(f"{registry} has no version {version!r}; 'finsent model list' names them")
    return decode(store(registry).read(f"{version}/{MANIFEST}"), version)


def verify(registry: Location, version: str) -> Manifest:
    """Check the files of ``version`` and reproduce its golden outputs. Raises ``FileNotFoundError``, ``BadVersion``."""
    load(folder(registry, version))
    return describe(registry, version)


def load(folder: Path, how: Running | ModelSettings | None = None) -> Scorer:
    """The version in ``folder``, its files checked against the manifest and its golden outputs reproduced.

    ``how`` it runs: as ``running`` finds for settings; ONNX Runtime on one thread of the CPU without it. Raises
    ``BadVersion``, ``NoDevice`` and ``NoKernel``.
    """
    manifest = check(folder)
    running = _running(folder, manifest, how) if isinstance(how, ModelSettings) else how or Running()
    graphs = _half_precision(folder, manifest) if running.device == "cuda" else None
    try:
        scorer = Scorer(folder, manifest.version, manifest.parts, running, graphs)
        cases = manifest.golden
        got = scorer.score(
            [c.text for c in cases], [c.entity for c in cases], [c.language for c in cases]
        ).probabilities
    except NoDevice:
        raise
    except Exception as error:  # onnxruntime's and tokenizers' errors share no base
        raise BadVersion(f"{folder} cannot be run: {error}") from error
    expected = np.array([case.probabilities for case in cases])
    if not np.abs(got - expected).max(axis=1).mean() <= GOLDEN_TOLERANCE:  # also where one is not a number
        raise BadVersion(f"{folder} does not reproduce its golden outputs: {got.round(3).tolist()}")
    return scorer


def running(folder: Path, settings: ModelSettings | None = None) -> Running:
    """How the version in ``folder`` is best run on this machine: as ``settings`` (default: the environment) say, and
    what they leave open as a short run has shown, once for a machine and a shape of network.

    Raises ``NoDevice`` if CUDA is asked for and cannot be used, ``NoKernel`` likewise, and ``BadVersion``.
    """
    return _running(folder, check(folder), settings or ModelSettings())


def _running(folder: Path, manifest: Manifest, settings: ModelSettings) -> Running:
    device, why = choose(settings.device)
    threads, batch_tokens = settings.threads, settings.batch_tokens
    engine: EngineName = "onnxruntime"
    if device == "cuda":
        threads, batch_tokens = threads or 1, batch_tokens or GPU_BATCH_TOKENS
    else:
        engines = _engines(folder, manifest, settings)
        engine = engines[0]
        if threads is None or batch_tokens is None or len(engines) > 1:
            part = manifest.parts[0]
            encodings = Tokenizer.from_file(str(folder / f"{part.name}.json")).encode_batch(sample())
            try:
                found = tuned(folder / f"{part.name}.onnx", encodings, settings.cache.parent / "tuning", engines)
            except NoDevice:
                raise
            except Exception as error:  # as in load
                raise BadVersion(f"{folder} cannot be run: {error}") from error
            engine, threads, batch_tokens = (
                found.engine,
                threads or found.threads,
                batch_tokens or found.batch_tokens,
            )
    log.info("Scoring on %s (%s), %s, threads %d, tokens a batch %d", device, why, engine, threads, batch_tokens)
    return Running(device, threads, batch_tokens, settings.repeats, engine)


def _engines(folder: Path, manifest: Manifest, settings: ModelSettings) -> list[EngineName]:
    """Those that ``settings`` allow and that can run all parts of the version. Raises ``NoKernel``."""
    if settings.engine == "onnxruntime":
        return ["onnxruntime"]
    problems = [kernel_problem(), *(unfit(folder / f"{part.name}.onnx") for part in manifest.parts)]
    if not any(problems):
        return ["native"] if settings.engine == "native" else ["onnxruntime", "native"]
    reason = next(filter(None, problems))
    if settings.engine == "native":
        raise NoKernel(f"MODEL_ENGINE=native, but {reason}; or use MODEL_ENGINE=auto or onnxruntime")
    log.info("The native engine is not used: %s", reason)
    return ["onnxruntime"]


def _half_precision(folder: Path, manifest: Manifest) -> dict[str, bytes]:
    """The parts' graphs in half precision, for GPUs: made of the adapters, or published beside those for CPUs."""
    graphs = {}
    with tempfile.TemporaryDirectory() as scratch:
        made = {path.name: path for path in adapters(folder, Path(scratch))}
        for part in manifest.parts:
            if part.name in made:
                adapter = made[part.name]
                graphs[part.name] = _graph(merged(adapter)[0], base_of(adapter), "fp16").SerializeToString()
            else:
                graphs[part.name] = (folder / f"{part.name}.{HALF}").read_bytes()
    return graphs


def _graph(weights: Weights, encoder: Base, precision: Precision = "int8") -> onnx.ModelProto:
    return build(weights, Architecture(encoder.layers, encoder.hidden, encoder.heads, encoder.epsilon), precision)


def promote(registry: Location, version: str, why: str = "") -> str:
    """Point the champion at ``version`` once it is verified; the version that it replaces ('' for none).

    Atomic and durable. Raises ``FileNotFoundError`` for an unknown version and ``BadVersion`` for a damaged one; the
    champion is then the one it was.
    """
    place = store(registry)
    verify(registry, version)
    with place.locked(CHAMPION):
        before = _current(place)
        if before != version:
            _point(place, "promote", before, version, why)
    with suppress(BadVersion):  # a pointer that nobody can read puts nothing in the shadow
        clear_shadow(registry, version)
    return before


def rollback(registry: Location, why: str = "") -> tuple[str, str]:
    """Point the champion at the version that it was promoted over, once that is verified; (from, to).

    Another rollback goes one promotion further back. Raises ``FileNotFoundError`` if there is nothing to go back to
    and ``BadVersion`` if that version is damaged; the champion is then the one it was.
    """
    place = store(registry)
    with place.locked(CHAMPION):
        before = champion_name(registry)
        steps = [change for change in history(registry) if change.action == "promote" and change.target == before]
        if not steps or not steps[-1].source:
            raise FileNotFoundError(f"{registry}: {before} was promoted over no other version")
        verify(registry, steps[-1].source)
        _point(place, "rollback", before, steps[-1].source, why)
    return before, steps[-1].source


def history(registry: Location) -> list[Change]:
    """All moves of the champion pointer, oldest first. Raises ``BadVersion`` for an entry that cannot be read."""
    place = store(registry)
    try:
        return [msgspec.json.decode(place.read(f"{HISTORY}/{name}"), type=Change) for name in place.names(HISTORY)]
    except msgspec.DecodeError as error:
        raise BadVersion(f"{registry}: an entry of the champion's history is damaged: {error}") from error


def shadow(registry: Location) -> Shadow | None:
    """The version that scores in the shadow, None for none. Raises ``BadVersion`` for a pointer that cannot be read."""
    try:
        data = store(registry).read(SHADOW).strip()
        return msgspec.json.decode(data, type=Shadow) if data else None
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise BadVersion(f"{registry}: the pointer to the version in the shadow is damaged: {error}") from error


def put_in_shadow(
    registry: Location, version: str, share: float, documents: int = 0, minutes: float = 0.0, why: str = ""
) -> Shadow:
    """Let workers score a ``share`` (0 to 1) of the live documents with ``version``, too, once it is verified.

    Atomic; replaces the version that was in the shadow. Raises ``FileNotFoundError`` and ``BadVersion`` as ``promote``
    does, and ``ValueError`` for a share that is none.
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share {share} is not above 0 and at most 1")
    verify(registry, version)
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    made = Shadow(version, share, now, documents, minutes, why)
    store(registry).write(SHADOW, msgspec.json.encode(made) + b"\n")
    return made


def clear_shadow(registry: Location, version: str | None = None) -> str:
    """End the scoring in the shadow, only that of ``version`` if one is given; the version that was there ('' if
    none)."""
    found = shadow(registry)
    if found is None or version not in (None, found.version):
        return ""
    store(registry).write(SHADOW, b"")
    return found.version


def _current(place: Store) -> str:
    with suppress(FileNotFoundError):
        return place.read(CHAMPION).decode("utf-8", "replace").strip()
    return ""


def _point(place: Store, action: Literal["promote", "rollback"], before: str, version: str, why: str) -> None:
    """The entry is written first: a crash in between leaves one that names a champion that never was, which
    ``rollback`` passes over."""
    now = datetime.now(UTC)
    if entries := place.names(HISTORY):  # in the order they were made, though a clock be set back
        now = max(now, datetime.fromisoformat(entries[-1].partition("_")[0]) + timedelta(microseconds=1))
    at = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
    by = f"{getpass.getuser()}@{socket.gethostname()}"
    entry = msgspec.json.encode(Change(at, action, before, version, by, why))
    place.write(f"{HISTORY}/{now:%Y%m%dT%H%M%S.%fZ}_{os.urandom(4).hex()}.json", entry + b"\n")
    place.write(CHAMPION, version.encode() + b"\n")


def publish(
    registry: Location,
    adapters: Path | Sequence[Path],
    parent: str = "",
    facts: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Metric] | None = None,
    data_sha256: str = "",
) -> str:
    """Build the adapters in the folders ``adapters``, one for each part, into a new version and return its name.

    The name follows from the content, so publishing the same again changes nothing. ``facts`` (plain JSON),
    ``metrics`` and the digest of the training data go into the manifest. The version appears whole.
    """

    def write(folder: Path) -> Manifest:
        parts, training = [], {}
        for adapter in [adapters] if isinstance(adapters, Path) else adapters:
            weights, config = merged(adapter)
            encoder = base_of(adapter)
            languages = config.get("languages", ["en"])
            name = "-".join(languages)
            onnx.save(_graph(weights, encoder), folder / f"{name}.onnx")
            (folder / f"{name}.json").write_text(encoder.tokenizer, encoding="utf-8")
            scales = {kind: msgspec.convert(scale, Scale) for kind, scale in config["calibration"].items()}
            parts.append(
                Part(
                    name=name,
                    languages=languages,
                    base=config["base"],
                    stand_in=config.get("stand_in", ""),
                    alone=scales["alone"],
                    pair=scales["pair"],
                )
            )
            training[name] = config.get("settings", {})
            for file in ADAPTER:  # what a challenger is trained from
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

    ``labels`` are its outputs in their order, where its config.json does not name them; ``languages`` those that it
    reads; ``name`` begins the version's (the directory's name without it). Raises ``CannotImport``.
    """
    name = name if name is not None else re.sub(r"[^a-z0-9._-]+", "-", directory.resolve().name.lower()).strip("-._")
    if not NAME.fullmatch(name):
        raise CannotImport(
            f"{name!r} is no name for a version (small letters, digits, - _ .); give another with --name"
        )
    if not languages or not all(re.fullmatch("[a-z]{2,3}", code) for code in languages):
        raise CannotImport(f"{', '.join(languages)!r} are not languages; some are en, zh, de")
    found = read(directory, labels)

    def write(folder: Path) -> Manifest:
        onnx.save(build(found.weights, found.shape), folder / "imported.onnx")
        onnx.save(build(found.weights, found.shape, "fp16"), folder / f"imported.{HALF}")
        (folder / "imported.json").write_text(found.tokenizer, encoding="utf-8")
        part = Part(
            name="imported",
            languages=list(languages),
            base=found.base,
            most_tokens=min(found.positions, MAX_TOKENS),
            pairs=False,
        )
        facts = {"imported": directory.resolve().name, "labels": list(found.labels)}
        return _manifest(folder, parts=[part], parent="", facts=facts, metrics={}, data_sha256="")

    return _publish(registry, name, write)


def adapters(folder: Path, into: Path) -> list[Path]:
    """Copies of the adapters that the version in ``folder`` was built from, in a folder each under ``into``; they can
    be trained further and published again. None of a version that was not built from adapters. Raises
    ``BadVersion``."""
    found = []
    for part in check(folder).parts:
        if (folder / f"{part.name}.{ADAPTER[0]}").exists():
            found.append(into / part.name)
            found[-1].mkdir(parents=True)
            for file in ADAPTER:
                shutil.copy(folder / f"{part.name}.{file}", found[-1] / file)
    return found


def _manifest(folder: Path, **fields: Any) -> Manifest:
    """The manifest of the files in ``folder``, without its name and its golden outputs."""
    libraries = {name: package_version(name) for name in ("numpy", "onnx", "tokenizers")}
    return Manifest(
        format=FORMAT,
        version="",
        labels=LABELS,
        files={
            path.name: File(bytes=path.stat().st_size, sha256=fingerprint(path)) for path in sorted(folder.iterdir())
        },
        libraries=libraries | {"onnxruntime": onnxruntime.__version__},
        golden=[],
        **fields,
    )


def _publish(registry: Location, name: str, write: Callable[[Path], Manifest]) -> str:
    """Publish what ``write`` puts into the folder that it is given, under ``name`` and a digest."""
    place = store(registry)
    with place.workspace() as work:
        made = work / "version"
        made.mkdir()
        manifest = write(made)
        scorer = Scorer(made, name, manifest.parts)
        cases = [case for case in GOLDEN if case[2] in scorer.languages]
        # Any text shows whether a file is the published one, also one in another language.
        cases = cases or [(text, entity, min(scorer.languages)) for text, entity, _ in GOLDEN]
        scores = scorer.score([c[0] for c in cases], [c[1] for c in cases], [c[2] for c in cases])
        golden = [
            Golden(text=text, entity=entity, language=language, probabilities=tuple(row))
            for (text, entity, language), row in zip(cases, scores.probabilities.tolist(), strict=True)
        ]
        manifest = sealed(name, msgspec.structs.replace(manifest, golden=golden))
        (made / MANIFEST).write_bytes(encode(manifest))
        made = made.rename(work / manifest.version)
        load(made)  # what cannot be loaded again is not published
        place.add(made)
    return manifest.version


def ensure_default(registry: Location) -> str:
    """The name of the champion; builds and promotes the model that ships with finsent if there is none yet.

    Safe in several processes of a machine at once: one builds, the others wait.
    """
    place = store(registry)
    if not _current(place):
        with place.locked("default"):
            if not _current(place):
                promote(registry, publish(registry, default_folders()), "the model that ships with finsent")
    return champion_name(registry)
