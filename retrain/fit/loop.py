"""The training loop. A network is trained on labelled rows, and the epoch that does best on validation is kept.

A run's training and the making of the shipped model both use it; they differ in their ``Recipe``.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from tokenizers import Encoding
from torch import Tensor
from torch.nn import functional

from model.encoder import Base, Weights
from retrain.data import PEOPLES, SELF_LABELLED, Example, perturbed
from retrain.fit import checkpoint
from retrain.fit.adversary import Adversary
from retrain.fit.inference import predict
from retrain.fit.inputs import Reader, batches, collate, encode
from retrain.fit.losses import class_weights, divergence, losses
from retrain.fit.network import SentimentEncoder, autocast
from retrain.judge import macro_f1
from settings import RetrainSettings

Curves = list[dict[str, Any]]
"""A point an epoch: ``epoch``, ``step``, ``loss`` (None for epoch 0) and ``validation_macro_f1``."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained.

    Epochs and batches: ``epochs`` at most, fewer if ``patience`` of them in a row were no better; ``tokens`` a batch;
    a share ``noise`` of the texts is shown with noise.

    Network: LoRA of ``rank``, or whole weights if it is None, in the last ``layers`` (0: all), with ``dropout``.

    Optimizer: ``learning_rate`` of the layers, ``head_rate`` times as much for the head; it rises over the share
    ``warmup`` of the steps. With ``averaged``, the weights that are judged and kept are an average over the steps with
    this decay (Polyak and Juditsky 1992).

    Loss: ``smoothing`` of the labels; ``balance`` between labels (0: rows count alike, 1: labels count alike);
    ``distill`` weighs staying near the teacher's embeddings, ``keep`` staying near the answers known before;
    ``adversarial`` is the length of the adversarial step, 0 for none.
    """

    epochs: int
    patience: int
    tokens: int
    seed: int
    learning_rate: float
    head_rate: float
    warmup: float
    weight_decay: float
    rank: int | None
    layers: int
    dropout: float
    smoothing: float
    balance: float
    noise: float
    distill: float
    keep: float = 0.0
    adversarial: float = 0.0
    averaged: float | None = None

    @classmethod
    def of(cls, settings: RetrainSettings) -> Recipe:
        """The recipe of a run with these settings."""
        lora = settings.method == "lora"
        return cls(
            epochs=settings.epochs,
            patience=settings.patience,
            tokens=settings.tokens,
            seed=settings.seed,
            learning_rate=settings.learning_rate * (1 if lora else 0.1),
            head_rate=3,
            warmup=0.1,
            weight_decay=settings.weight_decay,
            rank=settings.rank if lora else None,
            layers=settings.layers,
            dropout=settings.dropout,
            smoothing=settings.smoothing,
            balance=settings.balance,
            noise=0.15,
            distill=settings.distill,
            keep=settings.keep,
            adversarial=settings.adversarial,
        )


@dataclass(frozen=True, slots=True)
class Material:
    """What to learn, and from where.

    ``start`` are the weights to begin with. Of each training row: ``teacher`` [n, hidden] is the embedding to stay near
    to, ``known`` [n, 3] the logits before the training, ``shares`` [n] how much the row counts beside its label's
    weight. ``names`` are those that noise may put in an entity's place.
    """

    encoder: Base
    reader: Reader
    start: Weights
    training: Sequence[Example]
    validation: Sequence[Example]
    teacher: Tensor
    known: Tensor
    shares: Tensor
    names: Sequence[str]


@dataclass(slots=True)
class Fitted:
    """The network with the weights of its best epoch, its ``logits`` [n, 3] on the validation rows and their
    ``score``. Epoch 0 of ``curves`` is the start. ``share`` is below 1 if the weights were drawn back towards the
    start (see ``retrain.fit.blend``)."""

    network: SentimentEncoder
    logits: np.ndarray
    curves: Curves
    score: float
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """One batch was learned. ``rate`` is the learning rate of the layers. ``steps`` is an estimate: noise changes the
    lengths of texts, so ``step`` may end a little above or below it."""

    step: int
    steps: int
    epoch: int
    loss: Tensor
    distance: Tensor
    gradient_norm: Tensor
    rate: float


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch was learned and judged on validation: ``logits`` [n, 3] and their ``score``."""

    step: int
    steps: int
    epoch: int
    score: float
    logits: np.ndarray


class Observer(Protocol):
    """Follows a training. An exception that it raises ends the training."""

    def step(self, done: Step) -> None:
        """Called after each batch."""

    def epoch(self, done: Epoch) -> None:
        """Called after each epoch, when its checkpoint is written."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Where the state after the last whole epoch is kept. A state of other ``settings`` is not gone on from."""

    path: Path
    settings: Mapping[str, Any]


def validation_score(logits: np.ndarray, examples: Sequence[Example]) -> float:
    """``macro_f1`` of people's labels and of all other rows; the mean of the two, so that both count alike."""
    parts = [[i for i, e in enumerate(examples) if (e.dataset in PEOPLES) is own] for own in (True, False)]
    return float(np.mean([macro_f1(logits[part], [examples[i] for i in part]) for part in parts if part]))


def new_network(encoder: Base, start: Weights, recipe: Recipe) -> SentimentEncoder:
    """The network as ``recipe`` trains it: LoRA's matrices on the last layers, or those layers whole."""
    torch.manual_seed(recipe.seed)
    return SentimentEncoder(encoder, start, recipe.rank, recipe.dropout, recipe.layers)


def fit(
    material: Material,
    recipe: Recipe,
    accelerator: Accelerator,
    observers: Sequence[Observer] = (),
    keep: Keep | None = None,
) -> Fitted:
    """Train, and keep the epoch that does best on validation; epoch 0 is the start.

    Each epoch is seeded by its number, and ``keep`` holds the state after the last whole one. So a training that was
    killed goes on from there to the very same result.
    """
    return _Training(material, recipe, accelerator, observers, keep).run()


class _Training:
    """One training: what stays the same over its epochs."""

    def __init__(
        self,
        material: Material,
        recipe: Recipe,
        accelerator: Accelerator,
        observers: Sequence[Observer],
        keep: Keep | None,
    ) -> None:
        self._material, self._recipe, self._accelerator = material, recipe, accelerator
        self._observers, self._keep = observers, keep
        self._network = new_network(material.encoder, material.start, recipe)
        self._trained = {name: p for name, p in self._network.named_parameters() if p.requires_grad}
        self._rates = (recipe.learning_rate, recipe.learning_rate * recipe.head_rate)
        layers = [p for name, p in self._trained.items() if not name.startswith("head")]
        groups = [
            {"params": layers, "lr": self._rates[0]},
            {"params": list(self._network.head.parameters()), "lr": self._rates[1]},
        ]
        optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay, fused=True)
        self._module, self._optimizer = accelerator.prepare(self._network, optimizer)
        self._adversary = Adversary(self._network, recipe.adversarial) if recipe.adversarial else None
        lengths = [len(e) for e in encode(material.reader, material.training)]
        self._steps = recipe.epochs * -(
            -sum(1 for _ in batches(lengths, recipe.tokens, 0)) // accelerator.num_processes
        )
        self._weights = class_weights(material.training, recipe.balance) * material.shares
        self._replayed = torch.tensor([e.dataset not in {*PEOPLES, SELF_LABELLED} for e in material.training])
        self._before = functional.softmax(material.known, dim=1)
        self._checked = encode(material.reader, material.validation)
        self._average = {} if recipe.averaged is None else _values(self._trained)
        self._step = 0

    def run(self) -> Fitted:
        """All epochs."""
        validation, keep = self._material.validation, self._keep
        state = checkpoint.load(keep.path, keep.settings, self._trained, self._optimizer) if keep else None
        if state:
            best, logits, curves = state.best, state.logits, state.curves
            self._step, self._average = int(curves[-1]["step"]), state.average
        else:
            logits = predict(self._network, self._checked)
            curves = [
                {"epoch": 0, "step": 0, "loss": None, "validation_macro_f1": validation_score(logits, validation)}
            ]
            best = _values(self._trained)
        for epoch in range(len(curves), self._recipe.epochs + 1):
            if _epochs_since_best(curves) > self._recipe.patience:
                break
            loss = self._learn(epoch)
            learned = _values(self._trained) if self._average else {}
            _assign(self._trained, self._average)
            now = predict(self._network, self._checked)
            f1 = validation_score(now, validation)
            if f1 > max(point["validation_macro_f1"] for point in curves):
                best, logits = _values(self._trained), now
            _assign(self._trained, learned)
            curves.append({"epoch": epoch, "step": self._step, "loss": loss, "validation_macro_f1": f1})
            if keep and self._accelerator.is_main_process:
                state = checkpoint.State(best, logits, curves, self._average)
                checkpoint.save(keep.path, keep.settings, self._trained, self._optimizer, state)
            for observer in self._observers:
                observer.epoch(Epoch(self._step, self._steps, epoch, f1, now))
        _assign(self._trained, best)
        if self._adversary:
            self._adversary.leave()
        return Fitted(self._network, logits, curves, max(point["validation_macro_f1"] for point in curves))

    def _learn(self, epoch: int) -> float:
        """Train for one epoch; the mean loss of its batches."""
        material, recipe = self._material, self._recipe
        rank, world = self._accelerator.process_index, self._accelerator.num_processes
        torch.manual_seed(recipe.seed * 1_000_003 + epoch * 101 + rank)
        rng = random.Random(recipe.seed * 1_000_003 + epoch)
        shown = [perturbed(e, material.names, recipe.noise, rng) for e in material.training]
        encodings = encode(material.reader, shown)
        self._network.train()
        total = torch.zeros(())
        every = list(batches([len(e) for e in encodings], recipe.tokens, recipe.seed + epoch))
        turns = -(-len(every) // world)
        for turn in range(turns):
            chosen = every[(turn * world + rank) % len(every)]  # in the last turn some batches may be taken twice
            total += self._learn_batch(epoch, chosen, shown, encodings).detach().cpu()
        return float(total) / turns

    def _learn_batch(
        self, epoch: int, chosen: list[int], shown: Sequence[Example], encodings: Sequence[Encoding]
    ) -> Tensor:
        """One step of the optimizer on the rows ``chosen``; their loss."""
        recipe, accelerator = self._recipe, self._accelerator
        inputs = [part.to(accelerator.device) for part in collate([encodings[i] for i in chosen])]
        rows, counted = [shown[i] for i in chosen], self._weights[chosen].to(accelerator.device)
        target = self._material.teacher[chosen].to(accelerator.device)
        # With an adversary there are two backward passes. Processes exchange gradients in the second one only.
        with accelerator.no_sync(self._module) if self._adversary else nullcontext():
            with autocast(accelerator.device):
                logits, embedding = self._module(*inputs)
            loss = (losses(logits, rows, recipe.smoothing) * counted).mean()
            distance = 1 - functional.cosine_similarity(embedding, target).mean()
            moved = divergence(logits, self._before[chosen], self._replayed[chosen])
            accelerator.backward(loss + recipe.distill * distance + recipe.keep * moved)
        if self._adversary:
            with self._adversary.attacking(), autocast(accelerator.device):
                logits, _ = self._module(*inputs)
            accelerator.backward((losses(logits, rows, recipe.smoothing) * counted).mean())
        norm = torch.nn.utils.clip_grad_norm_(self._trained.values(), 1.0)
        for group, full in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = full * _rate_share(self._step, self._steps, recipe.warmup)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._step += 1
        self._update_average()
        rate = self._optimizer.param_groups[0]["lr"]
        for observer in self._observers:
            observer.step(Step(self._step, self._steps, epoch, loss, distance, norm, rate))
        return loss

    @torch.no_grad()
    def _update_average(self) -> None:
        if self._recipe.averaged is not None:
            decay = min(self._recipe.averaged, (self._step + 1) / (self._step + 10))
            for name, parameter in self._trained.items():
                self._average[name].lerp_(parameter, 1 - decay)


def _values(parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in parameters.items()}


@torch.no_grad()
def _assign(parameters: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    for name, value in values.items():
        parameters[name].copy_(value)


def _rate_share(step: int, steps: int, warmup: float) -> float:
    """The share of the full learning rate: it rises over the share ``warmup`` of the steps, then falls in a line."""
    return min((step + 1) / max(1, warmup * steps), max(0.02, 1 - step / steps))


def _epochs_since_best(curves: Curves) -> int:
    scores = [point["validation_macro_f1"] for point in curves]
    return len(scores) - 1 - scores.index(max(scores))
