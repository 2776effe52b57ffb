"""Fine-tunes a champion on new labels and replayed old rows, in the training process.

The job's folder holds ``job.json`` (the settings), ``start`` (the champion's adapter), ``train.jsonl`` and
``validation.jsonl``. What comes out: ``out`` (the adapter), ``curves.json``, ``curves.png`` and, last, ``done.json``.
Progress is told as JSON lines on standard output.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from model.weights import base_of, merged
from retrain import adapter
from retrain.augment import perturbed
from retrain.datasets import batches
from retrain.job import read_examples
from retrain.metrics import FEWEST_TO_FIT, fit_calibration, macro_f1
from retrain.network import SentimentEncoder
from retrain.train import class_weights, collate, embeddings, encode, losses, predict, tokenizer

NOISE = 0.15
HEAD = 3
"""The head learns so much faster than the layers under it."""


def finetune(job: Path) -> None:
    """Train; keep the epoch with the best validation macro-F1, the champion itself being epoch 0."""
    settings = json.loads((job / "job.json").read_text(encoding="utf-8"))["settings"]
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(settings["seed"])
    rng = random.Random(settings["seed"])
    training, validation = read_examples(job / "train.jsonl"), read_examples(job / "validation.jsonl")
    encoder = base_of(job / "start")
    start, config = merged(job / "start")
    config = {name: value for name, value in config.items() if name not in {"rank", "alpha"}}  # of its own adapter
    made = tokenizer(encoder)
    plain = encode(made, training)
    lora = settings["method"] == "lora"
    network = SentimentEncoder(
        encoder, start, settings["rank"] if lora else None, settings["dropout"], settings["layers"]
    )
    # Keep the embedding what topics and novelty are told by: near the champion's.
    teacher = embeddings(network, plain)
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    rate = settings["learning_rate"] * (1 if lora else 0.1)
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for name, p in trained.items() if not name.startswith("head")], "lr": rate},
            {"params": network.head.parameters(), "lr": rate * HEAD},
        ],
        weight_decay=settings["weight_decay"],
        fused=True,
    )
    each = sum(1 for _ in batches([len(e) for e in plain], settings["tokens"], 0))
    steps = settings["epochs"] * each
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / max(1, 0.1 * steps), max(0.02, 1 - step / steps))
    )
    weights = class_weights(training, settings["balance"])
    checked = encode(made, validation)
    names = sorted({e.entity for e in training if e.entity and len(e.entity) > 3})
    logits = predict(network, checked)
    curves = [{"epoch": 0, "step": 0, "loss": math.nan, "validation_macro_f1": macro_f1(logits, validation)}]
    best, best_logits = {name: p.detach().clone() for name, p in trained.items()}, logits
    worse, step = 0, 0
    for epoch in range(1, settings["epochs"] + 1):
        seen = [perturbed(e, names, NOISE, rng) for e in training]
        encodings = encode(made, seen)
        network.train()
        total = 0.0
        for chosen in batches([len(e) for e in encodings], settings["tokens"], settings["seed"] + epoch):
            with torch.autocast("cpu", torch.bfloat16):
                logits_, embedding = network(*collate([encodings[i] for i in chosen]))
            loss = (losses(logits_, [seen[i] for i in chosen], settings["smoothing"]) * weights[chosen]).mean()
            distance = 1 - functional.cosine_similarity(embedding, teacher[chosen]).mean()
            (loss + settings["distill"] * distance).backward()
            torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            total += float(loss)
            step += 1
            _tell(step=min(step, steps), steps=steps, epoch=epoch)
        logits = predict(network, checked)
        f1 = macro_f1(logits, validation)
        better = f1 > max(point["validation_macro_f1"] for point in curves)
        curves.append({"epoch": epoch, "step": step, "loss": total / each, "validation_macro_f1": f1})
        _tell(step=step, steps=steps, epoch=epoch, validation_macro_f1=f1)
        if better:
            best, best_logits, worse = {name: p.detach().clone() for name, p in trained.items()}, logits, 0
        else:
            worse += 1
            if worse > settings["patience"]:
                break
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(best[name])
    if len(validation) >= FEWEST_TO_FIT:
        config |= fit_calibration(best_logits, validation)
    chosen_f1 = macro_f1(best_logits, validation)
    config |= {"validation_macro_f1": chosen_f1, "settings": {name: str(value) for name, value in settings.items()}}
    vocabulary = _vocabulary(job / "start")
    adapter.write(job / "out", encoder.weights, network.weights(), settings["keep_rank"], config, vocabulary)
    (job / "curves.json").write_text(json.dumps(curves, indent=1) + "\n", encoding="utf-8")
    plot(curves, job / "curves.png")
    (job / "done.json").write_text(json.dumps({"validation_macro_f1": chosen_f1, "epochs": len(curves) - 1}) + "\n")


def _vocabulary(folder: Path) -> np.ndarray | None:
    from safetensors.numpy import load_file

    return load_file(folder / "adapter.safetensors").get("vocabulary")


def _tell(**progress: Any) -> None:
    print(json.dumps({**progress, "at": time.time()}), flush=True)


def plot(curves: Sequence[dict[str, float]], path: Path) -> None:
    """Training loss and validation macro-F1 by epoch, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    epochs = [point["epoch"] for point in curves]
    axis.plot(epochs, [point["validation_macro_f1"] for point in curves], "o-", label="validation macro-F1")
    axis.set(xlabel="epoch (0 is the champion)", ylabel="macro-F1", xticks=epochs)
    right = axis.twinx()
    right.plot(epochs, [point["loss"] for point in curves], "s--", color="tab:red", label="training loss")
    right.set_ylabel("loss")
    figure.legend(loc="outside upper center", ncols=2)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
