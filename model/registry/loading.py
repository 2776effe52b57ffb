"""Loads a version as a scorer, and chooses the device, engine, threads and batch size that it runs with."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from tokenizers import Tokenizer

from model.encoder import base_of, graph_of, merged
from model.engine import NoDevice, NoKernel, Running, kernel_is_stale, kernel_problem
from model.engine.backend import EngineName
from model.engine.device import choose_device
from model.engine.exact import level
from model.engine.native import unfit
from model.engine.tuning import sample, tuned
from model.registry.adapters import copy_adapters
from model.registry.checks import check
from model.registry.golden import compare_golden
from model.registry.manifest import BadVersion, Manifest
from model.scorer import Scorer
from settings import ModelSettings

log = logging.getLogger(__name__)
HALF = "fp16.onnx"
"""The ending of a part's graph in half precision."""

GPU_BATCH_TOKENS = 8192
"""The batch size on a GPU if none is set: enough to keep a small GPU busy, little enough for a low latency."""


def load(folder: Path, how: Running | ModelSettings | None = None) -> Scorer:
    """The version in ``folder``, once its files are checked against the manifest and its golden outputs compared.

    ``how`` it runs: with settings, as ``best_running`` finds; without, ONNX Runtime on one thread of the CPU. Raises
    ``BadVersion``, ``NoDevice`` and ``NoKernel``.
    """
    manifest = check(folder)
    running = _running(folder, manifest, how) if isinstance(how, ModelSettings) else how or Running()
    graphs = half_precision(folder, manifest) if running.device == "cuda" else None
    try:
        scorer = Scorer(folder, manifest.version, manifest.parts, running, graphs)
        compare_golden(scorer, manifest.golden, folder)
    except (BadVersion, NoDevice):
        raise
    except Exception as error:  # the errors of onnxruntime and of tokenizers share no base class
        raise BadVersion(f"{folder} cannot be run: {error}") from error
    return scorer


def best_running(folder: Path, settings: ModelSettings | None = None) -> Running:
    """How to run the version in ``folder`` on this machine.

    ``settings`` (default: the environment) decide. What they leave open is measured in a short run, once for each
    machine and shape of network. Raises ``NoDevice`` if CUDA is asked for and cannot be used, ``NoKernel`` if the
    native engine is asked for and cannot be used, and ``BadVersion``.
    """
    return _running(folder, check(folder), settings or ModelSettings())


def _running(folder: Path, manifest: Manifest, settings: ModelSettings) -> Running:
    device, why = choose_device(settings.device)
    threads, batch_tokens = settings.threads, settings.batch_tokens
    engine: EngineName = "onnxruntime"
    if device == "cuda":
        threads, batch_tokens = threads or 1, batch_tokens or GPU_BATCH_TOKENS
    else:
        engine = _engine(folder, manifest, settings)
        if threads is None or batch_tokens is None:
            part = manifest.parts[0]
            encodings = Tokenizer.from_file(str(folder / f"{part.name}.json")).encode_batch(sample())
            try:
                best = tuned(folder / f"{part.name}.onnx", encodings, settings.cache.parent / "tuning", engine)
            except NoDevice:
                raise
            except Exception as error:  # as in load
                raise BadVersion(f"{folder} cannot be run: {error}") from error
            threads, batch_tokens = threads or best.threads, batch_tokens or best.batch_tokens
    log.info("Scoring on %s (%s), %s, threads %d, tokens a batch %d", device, why, engine, threads, batch_tokens)
    return Running(device, threads, batch_tokens, settings.repeats, engine)


def _engine(folder: Path, manifest: Manifest, settings: ModelSettings) -> EngineName:
    """The engine that ``settings`` ask for. Left to us it is the native one wherever it can run all parts: it is the
    faster one on all processors that were measured, and its scores are equal to the bit on all of them.

    Raises ``NoDevice`` and ``NoKernel``.
    """
    wanted = level()
    if wanted not in ("auto", "avx2") and (reason := kernel_problem()):
        raise NoKernel(f"FINSENT_CPU={wanted}, but {reason}; mend that, or unset FINSENT_CPU")
    if settings.engine == "onnxruntime":
        return "onnxruntime"
    problems = [kernel_problem(), *(unfit(folder / f"{part.name}.onnx") for part in manifest.parts)]
    if not any(problems):
        return "native"
    reason = next(filter(None, problems))
    if settings.engine == "native":
        raise NoKernel(f"MODEL_ENGINE=native, but {reason}; or use MODEL_ENGINE=auto or onnxruntime")
    log.log(logging.WARNING if kernel_is_stale() else logging.INFO, "The native engine is not used: %s", reason)
    return "onnxruntime"


def half_precision(folder: Path, manifest: Manifest) -> dict[str, bytes]:
    """The parts' graphs in half precision, for GPUs. They are built from the adapters and the weights of the base
    encoders; an imported version has them as files."""
    graphs = {}
    with tempfile.TemporaryDirectory() as scratch:
        made = {path.name: path for path in copy_adapters(folder, Path(scratch))}
        for part in manifest.parts:
            if part.name in made:
                adapter = made[part.name]
                graphs[part.name] = graph_of(merged(adapter)[0], base_of(adapter), "fp16").SerializeToString()
            else:
                graphs[part.name] = (folder / f"{part.name}.{HALF}").read_bytes()
    return graphs
