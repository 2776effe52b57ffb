"""Fine-tunes a champion on new labels and replayed old rows, in the training process.

The job's folder holds ``job.json`` (the settings), ``start`` (the champion's adapter), ``train.jsonl``,
``validation.jsonl`` and perhaps ``unlabelled.jsonl`` (for self-training). What comes out: ``out`` (the adapter),
``curves.json``, ``curves.png``, ``tensorboard`` and, last, ``done.json``; on the way ``*.checkpoint.safetensors``, from
which a killed training goes on. Progress is told as JSON lines on standard output.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors.numpy import load_file

from model.encoder.bases import Base
from model.encoder.weights import base_of, merged
from retrain.data.datasets import Example
from retrain.fit import adapter, selftraining
from retrain.fit.fitting import Fitted, Material, Writer, eased, fit, material, new_network
from retrain.fit.search import searched
from retrain.job import read_examples
from retrain.judge.metrics import FEWEST_TO_FIT, fit_calibration
from retrain.shipped.train import Reader


def accelerated() -> Accelerator:
    """This process's place among those that train: alone on a CPU, or one of several on a GPU each."""
    return Accelerator(cpu=not torch.cuda.is_available())


def prepared(job: Path, settings: dict[str, Any]) -> tuple[Base, Material, dict[str, Any]]:
    """(base encoder, what to learn, the champion's config)."""
    torch.set_num_threads(settings["threads"])
    if torch.cuda.is_available():  # a CPU's kernels give the same each time as they are
        torch.use_deterministic_algorithms(True, warn_only=True)
    encoder = base_of(job / "start")
    start, config = merged(job / "start")
    config = {name: value for name, value in config.items() if name not in {"rank", "alpha"}}  # of its own adapter
    training, validation = read_examples(job / "train.jsonl"), read_examples(job / "validation.jsonl")
    champion = new_network(encoder, start, settings)
    made = Reader.of(encoder, stand_in=config.get("stand_in", ""))
    return encoder, material(encoder, made, start, training, validation, champion), config


def finetune(job: Path) -> None:
    """Train; keep the epoch with the best validation macro-F1, the champion itself being epoch 0."""
    settings = json.loads((job / "job.json").read_text(encoding="utf-8"))["settings"]
    settings |= searched(job)
    accelerator = accelerated()
    encoder, given, config = prepared(job, settings)
    told = tell if accelerator.is_main_process else _silent
    writer = _writer(job / "tensorboard") if accelerator.is_main_process else None
    found = fit(given, settings, accelerator, told, job / "first.checkpoint.safetensors", writer)
    if (job / "unlabelled.jsonl").exists():
        found = _taught_by_itself(job, given, found, settings, accelerator, writer)
    if writer:
        writer.close()
    if not accelerator.is_main_process:
        return
    found = eased(given, found)
    if len(given.validation) >= FEWEST_TO_FIT:
        config |= fit_calibration(found.logits, given.validation)
    config |= {
        "validation_macro_f1": found.score,
        "settings": {name: str(value) for name, value in settings.items()},
    }
    vocabulary = load_file(job / "start" / "adapter.safetensors").get("vocabulary")
    adapter.write(job / "out", encoder.weights, found.network.weights(), settings["keep_rank"], config, vocabulary)
    (job / "curves.json").write_text(json.dumps(found.curves, indent=1) + "\n", encoding="utf-8")
    plot(found.curves, job / "curves.png")
    done = {"validation_macro_f1": found.score, "epochs": found.curves[-1]["epoch"], "share": found.share}
    (job / "done.json").write_text(json.dumps(done) + "\n")


def _taught_by_itself(
    job: Path, given: Material, first: Fitted, settings: dict[str, Any], accelerator: Accelerator, writer: Writer | None
) -> Fitted:
    """``first``, or what it became by self-training where that is better on validation; says so in
    ``self_training.json``."""
    candidates: list[Example] = read_examples(job / "unlabelled.jsonl")
    chosen = selftraining.choose(
        first.network,
        given.made,
        candidates,
        given.training,
        settings["confident"],
        settings["self_training"],
        settings["seed"],
    )
    said: dict[str, Any] = chosen.told() | {"validation_before": first.score, "kept": False}
    found = first
    if chosen.rows:
        rows = [*given.training, *chosen.rows]
        shares = [1.0] * len(given.training) + [selftraining.SHARE] * len(chosen.rows)
        champion = new_network(given.encoder, given.start, settings)
        more = material(given.encoder, given.made, given.start, rows, given.validation, champion, shares)
        more = replace(more, start=first.network.weights())
        told = tell if accelerator.is_main_process else _silent
        keep = job / "self.checkpoint.safetensors"
        second = fit(more, settings, accelerator, lambda **p: told(**p, stage="self-training"), keep, None)
        said |= {"validation_after": second.score, "kept": second.score > first.score}
        epochs, steps = first.curves[-1]["epoch"], first.curves[-1]["step"]
        later = [p | {"epoch": p["epoch"] + epochs, "step": p["step"] + steps} for p in second.curves[1:]]
        if writer:
            for point in later:
                writer.add_scalar("validation/macro-F1", point["validation_macro_f1"], point["step"])
        found = replace(second if said["kept"] else first, curves=[*first.curves, *later])
    if accelerator.is_main_process:
        (job / "self_training.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    return found


def _writer(folder: Path) -> Any:
    """TensorBoard's, of a folder that holds this training alone: one that goes on writes its own part again."""
    from torch.utils.tensorboard import SummaryWriter

    shutil.rmtree(folder, ignore_errors=True)
    return SummaryWriter(str(folder))


def tell(**progress: Any) -> None:
    """Progress, for the parent process."""
    print(json.dumps({**progress, "at": time.time()}), flush=True)


def _silent(**progress: Any) -> None:
    pass


def plot(curves: Sequence[dict[str, Any]], path: Path) -> None:
    """Training loss and validation macro-F1 by epoch, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    epochs = [point["epoch"] for point in curves]
    axis.plot(epochs, [point["validation_macro_f1"] for point in curves], "o-", label="validation macro-F1")
    axis.set(xlabel="epoch (0 is the champion)", ylabel="macro-F1", xticks=epochs)
    right = axis.twinx()
    losses = [math.nan if point["loss"] is None else point["loss"] for point in curves]
    right.plot(epochs, losses, "s--", color="tab:red", label="training loss")
    right.set_ylabel("loss")
    figure.legend(loc="outside upper center", ncols=2)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
