"""The training loop: the network is fine-tuned on a material, and the epoch that does best on validation is kept."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional

from model.encoder.bases import Base, Weights
from retrain.data.augment import perturbed
from retrain.data.datasets import Example, batches
from retrain.data.labels import PEOPLES
from retrain.fit import checkpoint
from retrain.fit.adversary import Adversary
from retrain.fit.network import SentimentEncoder, autocast
from retrain.fit.selftraining import OWN
from retrain.judge.metrics import macro_f1
from retrain.shipped.train import Reader, answers, class_weights, collate, encode, losses, predict

NOISE = 0.15
SHARES = (0.8, 0.6, 0.4, 0.2)
"""Of the way from the old weights to the new ones that ``eased`` tries."""

FORGOTTEN, FEWEST_TO_SHOW = 0.005, 150
"""What ``eased`` lets an old set lose on validation, and how many rows of it say so."""

HEAD = 3
"""The head learns so much faster than the layers under it."""

Curves = list[dict[str, Any]]


class Writer(Protocol):
    """What of TensorBoard's ``SummaryWriter`` is used here."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> Any:
        """See ``SummaryWriter.add_scalar``."""
        ...


@dataclass(frozen=True, slots=True)
class Material:
    """What to learn, and from where: ``start`` are the weights to begin with, ``teacher`` are the training texts'
    embeddings to stay near to and ``known`` what was thought of them before (logits), ``shares`` says how much each
    training row counts beside its label's weight."""

    encoder: Base
    made: Reader
    start: Weights
    training: Sequence[Example]
    validation: Sequence[Example]
    teacher: Tensor
    known: Tensor
    shares: Tensor


@dataclass(slots=True)
class Fitted:
    """The network with the weights of its best epoch, its ``logits`` [n, 3] on the validation rows and their macro-F1
    (``score``), and the curves; epoch 0 is what it began with. ``share`` of the way from there is gone: see
    ``eased``."""

    network: SentimentEncoder
    logits: np.ndarray
    curves: Curves
    score: float
    share: float = 1.0


def new_network(encoder: Base, start: Weights, settings: dict[str, Any]) -> SentimentEncoder:
    """The network as ``settings`` train it: LoRA's matrices on the last layers, or those layers whole."""
    torch.manual_seed(settings["seed"])
    rank = settings["rank"] if settings["method"] == "lora" else None
    return SentimentEncoder(encoder, start, rank, settings["dropout"], settings["layers"])


def material(
    encoder: Base,
    made: Reader,
    start: Weights,
    training: Sequence[Example],
    validation: Sequence[Example],
    teacher: SentimentEncoder,
    shares: Sequence[float] | None = None,
) -> Material:
    """With what ``teacher`` says of the training texts, and their embeddings: what topics and novelty are told by."""
    counted = torch.ones(len(training)) if shares is None else torch.tensor(shares)
    known, means = answers(teacher, encode(made, training))
    return Material(encoder, made, start, training, validation, means, known, counted)


def fit(
    material: Material,
    settings: dict[str, Any],
    accelerator: Accelerator,
    told: Callable[..., None] = lambda **progress: None,
    keep: Path | None = None,
    writer: Writer | None = None,
) -> Fitted:
    """Train for ``epochs``, or until ``patience`` of them in a row were no better.

    Each epoch is seeded by its number and ``keep`` holds the state after the last whole one, so a run that was
    killed goes on from there to the very same result. ``told`` may raise to end it.
    """
    training, validation, made = material.training, material.validation, material.made
    seed, epochs = settings["seed"], settings["epochs"]
    rank, world = accelerator.process_index, accelerator.num_processes
    network = new_network(material.encoder, material.start, settings)
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    rate = settings["learning_rate"] * (1 if settings["method"] == "lora" else 0.1)
    groups = [
        {"params": [p for name, p in trained.items() if not name.startswith("head")], "lr": rate},
        {"params": list(network.head.parameters()), "lr": rate * HEAD},
    ]
    plain = torch.optim.AdamW(groups, weight_decay=settings["weight_decay"], fused=True)
    module, optimizer = accelerator.prepare(network, plain)
    adversary = Adversary(network, settings["adversarial"]) if settings["adversarial"] else None
    lengths = [len(e) for e in encode(made, training)]
    each = -(-sum(1 for _ in batches(lengths, settings["tokens"], 0)) // world)
    steps = epochs * each
    weights = class_weights(training, settings["balance"]) * material.shares
    replayed = torch.tensor([e.dataset not in {*PEOPLES, OWN} for e in training])
    before = functional.softmax(material.known, dim=1)
    names = sorted({e.entity for e in training if e.entity and len(e.entity) > 3})
    checked = encode(made, validation)

    restored = checkpoint.load(keep, settings, trained, optimizer) if keep else None
    if restored:
        best, logits, curves, step = restored
    else:
        logits = predict(network, checked)
        curves, step = [{"epoch": 0, "step": 0, "loss": None, "validation_macro_f1": worth(logits, validation)}], 0
        best = _values(trained)
    for epoch in range(len(curves), epochs + 1):
        if _since_best(curves) > settings["patience"]:
            break
        torch.manual_seed(seed * 1_000_003 + epoch * 101 + rank)
        rng = random.Random(seed * 1_000_003 + epoch)
        seen = [perturbed(e, names, NOISE, rng) for e in training]
        encodings = encode(made, seen)
        network.train()
        total = torch.zeros(())
        every = list(batches([len(e) for e in encodings], settings["tokens"], seed + epoch))
        turns = -(-len(every) // world)
        for turn in range(turns):
            chosen = every[(turn * world + rank) % len(every)]  # the last turn may take some twice
            inputs = [part.to(accelerator.device) for part in collate([encodings[i] for i in chosen])]
            rows, counted = [seen[i] for i in chosen], weights[chosen].to(accelerator.device)
            target = material.teacher[chosen].to(accelerator.device)
            # The step that sees both gradients is the one that processes exchange theirs in.
            with accelerator.no_sync(module) if adversary else nullcontext():
                with autocast(accelerator.device):
                    logits_now, embedding = module(*inputs)
                loss = (losses(logits_now, rows, settings["smoothing"]) * counted).mean()
                distance = 1 - functional.cosine_similarity(embedding, target).mean()
                kept = _change(logits_now, before[chosen], replayed[chosen])
                accelerator.backward(loss + settings["distill"] * distance + settings["keep"] * kept)
            if adversary:
                with adversary.attacking(), autocast(accelerator.device):
                    logits_now, _ = module(*inputs)
                accelerator.backward((losses(logits_now, rows, settings["smoothing"]) * counted).mean())
            norm = torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
            for group, full in zip(optimizer.param_groups, (rate, rate * HEAD), strict=True):
                group["lr"] = full * _warmth(step, steps)
            optimizer.step()
            optimizer.zero_grad()
            total += loss.detach().cpu()
            step += 1
            told(step=min(step, steps), steps=steps, epoch=epoch)
            if writer:
                scalars = {"loss": loss, "embedding distance": distance, "gradient norm": norm}
                for name, value in scalars.items():
                    writer.add_scalar(f"training/{name}", value.item(), step)
                writer.add_scalar("training/learning rate", optimizer.param_groups[0]["lr"], step)
        now = predict(network, checked)
        f1 = worth(now, validation)
        if f1 > max(point["validation_macro_f1"] for point in curves):
            best, logits = _values(trained), now
        curves.append({"epoch": epoch, "step": step, "loss": float(total) / turns, "validation_macro_f1": f1})
        if writer:
            writer.add_scalar("validation/macro-F1", f1, step)
        if keep and accelerator.is_main_process:
            checkpoint.save(keep, settings, trained, best, logits, optimizer, curves)
        told(step=min(step, steps), steps=steps, epoch=epoch, validation_macro_f1=f1)
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(best[name])
    if adversary:
        adversary.leave()
    return Fitted(network, logits, curves, max(point["validation_macro_f1"] for point in curves))


def eased(material: Material, found: Fitted) -> Fitted:
    """``found``, or what lies between it and ``material.start``: what does best on validation of all that lose next to
    nothing on each old set, or else the nearest to the start. Weights on the way keep most of what was learned and
    forget less of what was known (WiSE-FT; Wortsman et al. 2022, arXiv 2109.01903)."""
    old, new, rows = material.start, found.network.weights(), material.validation
    checked, best = encode(material.made, rows), found
    before = _of_old_sets(predict(SentimentEncoder(material.encoder, old).to(found.network.device), checked), rows)

    def lost(logits: np.ndarray) -> float:
        return max((before[name] - score for name, score in _of_old_sets(logits, rows).items()), default=0.0)

    forgets = lost(found.logits) > FORGOTTEN
    for share in SHARES:
        between = {n: old[n] + share * (value - old[n]) if n in old else value for n, value in new.items()}
        network = SentimentEncoder(material.encoder, between).to(found.network.device)
        logits = predict(network, checked)
        score, too_much = worth(logits, rows), lost(logits) > FORGOTTEN
        if forgets or (score > best.score and not too_much):
            best, forgets = Fitted(network, logits, found.curves, score, share), too_much
    return best


def worth(logits: np.ndarray, examples: Sequence[Example]) -> float:
    """``macro_f1``, to which people's labels and what was known before count alike."""
    parts = [[i for i, e in enumerate(examples) if (e.dataset in PEOPLES) is own] for own in (True, False)]
    return float(np.mean([macro_f1(logits[part], [examples[i] for i in part]) for part in parts if part]))


def _of_old_sets(logits: np.ndarray, examples: Sequence[Example]) -> dict[str, float]:
    """The score of each set that is no people's and has rows enough."""
    found = {}
    for name in sorted({e.dataset for e in examples} - PEOPLES):
        rows = [i for i, e in enumerate(examples) if e.dataset == name]
        if len(rows) >= FEWEST_TO_SHOW:
            found[name] = macro_f1(logits[rows], [examples[i] for i in rows])
    return found


def _change(logits: Tensor, before: Tensor, replayed: Tensor) -> Tensor:
    """How far replayed rows are from what was thought of them before: the mean over the batch of the divergence of
    the probabilities (learning without forgetting; Li and Hoiem 2016, arXiv 1606.09282)."""
    now, before = functional.log_softmax(logits, dim=1), before.to(logits.device)
    each = functional.kl_div(now, before, reduction="none").sum(1)
    return (each * replayed.to(logits.device)).mean()


def _values(parameters: dict[str, torch.nn.Parameter]) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in parameters.items()}


def _warmth(step: int, steps: int) -> float:
    """Of the learning rate: up over a tenth of the steps, then down in a line."""
    return min((step + 1) / max(1, 0.1 * steps), max(0.02, 1 - step / steps))


def _since_best(curves: Curves) -> int:
    scores = [point["validation_macro_f1"] for point in curves]
    return len(scores) - 1 - scores.index(max(scores))
