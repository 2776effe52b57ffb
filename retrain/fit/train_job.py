"""Trains what a job's folder holds (see ``retrain.job.Job``), in the training process."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from accelerate import Accelerator

from retrain.data import read_examples
from retrain.fit import selftraining
from retrain.fit.adapter import vocabulary_of, write_adapter
from retrain.fit.blend import blended
from retrain.fit.loop import Fitted, Keep, Material, Observer, Recipe, fit, new_network
from retrain.fit.observers import ProgressObserver, TensorBoard, plot, print_progress
from retrain.fit.prepare import accelerated, material_of, prepare
from retrain.fit.search import found_settings
from retrain.job import Job
from retrain.judge import FEWEST_TO_FIT, fit_calibration
from settings import RetrainSettings


def train_job(job: Job) -> None:
    """Train, and write the adapter of the best epoch into the job's folder; the champion itself is epoch 0.

    Progress goes to standard output as JSON lines. Raises ``ValueError`` for a damaged checkpoint.
    """
    settings = found_settings(job, job.settings())
    accelerator = accelerated()
    prepared = prepare(job, settings)
    board = TensorBoard(job.folder / "tensorboard") if accelerator.is_main_process else None
    observers: list[Observer] = [ProgressObserver(print_progress), board] if board else []
    keep = Keep(job.folder / "first.checkpoint.safetensors", settings.model_dump(mode="json"))
    fitted = fit(prepared.material, Recipe.of(settings), accelerator, observers, keep)
    if job.unlabelled.exists():
        fitted = _self_trained(job, prepared.material, fitted, settings, accelerator, board)
    if board:
        board.close()
    if not accelerator.is_main_process:
        return
    fitted = blended(prepared.material, fitted)
    config = prepared.config
    if len(prepared.material.validation) >= FEWEST_TO_FIT:
        config |= fit_calibration(fitted.logits, prepared.material.validation)
    config |= {
        "validation_macro_f1": fitted.score,
        "settings": {name: str(value) for name, value in settings.model_dump(mode="json").items()},
    }
    weights, base_weights = fitted.network.weights(), prepared.encoder.weights
    write_adapter(job.out, base_weights, weights, settings.keep_rank, config, vocabulary_of(job.start))
    (job.folder / "curves.json").write_text(json.dumps(fitted.curves, indent=1) + "\n", encoding="utf-8")
    plot(fitted.curves, job.folder / "curves.png")
    done = {"validation_macro_f1": fitted.score, "epochs": fitted.curves[-1]["epoch"], "share": fitted.share}
    (job.folder / "done.json").write_text(json.dumps(done) + "\n")


def _self_trained(
    job: Job,
    material: Material,
    first: Fitted,
    settings: RetrainSettings,
    accelerator: Accelerator,
    board: TensorBoard | None,
) -> Fitted:
    """``first``, or what self-training makes of it if that is better on validation. ``self_training.json`` says how it
    went."""
    chosen = selftraining.choose(
        first.network,
        material.reader,
        read_examples(job.unlabelled),
        material.training,
        settings.confident,
        settings.self_training,
        settings.seed,
    )
    report: dict[str, Any] = chosen.figures() | {"validation_before": first.score, "kept": False}
    fitted = first
    if chosen.rows:
        second = _fit_again(job, material, first, chosen, settings, accelerator)
        report |= {"validation_after": second.score, "kept": second.score > first.score}
        epochs, steps = first.curves[-1]["epoch"], first.curves[-1]["step"]
        later = [p | {"epoch": p["epoch"] + epochs, "step": p["step"] + steps} for p in second.curves[1:]]
        if board:
            for point in later:
                board.validation(point["step"], point["validation_macro_f1"])
        fitted = replace(second if report["kept"] else first, curves=[*first.curves, *later])
    if accelerator.is_main_process:
        path = job.folder / "self_training.json"
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return fitted


def _fit_again(
    job: Job,
    material: Material,
    first: Fitted,
    chosen: selftraining.Chosen,
    settings: RetrainSettings,
    accelerator: Accelerator,
) -> Fitted:
    """Train on the network's own answers as well, from the weights of ``first``; the champion stays the teacher."""
    recipe = Recipe.of(settings)
    rows = [*material.training, *chosen.rows]
    shares = [1.0] * len(material.training) + [selftraining.SHARE] * len(chosen.rows)
    champion = new_network(material.encoder, material.start, recipe)
    more = material_of(material.encoder, material.reader, material.start, rows, material.validation, champion, shares)
    observers = [ProgressObserver(print_progress, "self-training")] if accelerator.is_main_process else []
    keep = Keep(job.folder / "self.checkpoint.safetensors", settings.model_dump(mode="json"))
    return fit(replace(more, start=first.network.weights()), recipe, accelerator, observers, keep)
