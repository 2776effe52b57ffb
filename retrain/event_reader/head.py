"""Fits the head over the encoder's embeddings (``model.events.EventHead``) by stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional

from documents.events import EventTypes
from model.events import LANGUAGE_OF_HEAD, STAND_IN, Embeds, EventHead
from retrain.event_reader.cases import Case
from retrain.event_reader.fit import FIRST_BIAS

PROBES = 64
"""So many examples of the taxonomy tell whether a model's embeddings are those of the fit."""


@dataclass(frozen=True, slots=True)
class HeadRecipe:
    """What decides the result besides the cases and the model."""

    width: int = 512
    epochs: int = 30
    batch: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    dropout: float = 0.3


def fit_head(cases: Sequence[Case], types: EventTypes, model: Embeds, recipe: HeadRecipe, seed: int) -> EventHead:
    """The head that fits those of the ``cases`` that are in its language, by the embeddings of ``model`` alone: the
    words count nothing yet (see ``mixed``)."""
    cases = [case for case in cases if case.language == LANGUAGE_OF_HEAD]
    embeddings = model.embed(
        [case.text for case in cases], [case.surface for case in cases], [LANGUAGE_OF_HEAD] * len(cases)
    )
    number = {name: i for i, name in enumerate(types.names)}
    wanted = torch.zeros(len(cases), len(number))
    for i, case in enumerate(cases):
        for kind, probability in case.types.items():
            wanted[i, number[kind]] = probability
    weight = torch.tensor([case.weight for case in cases])
    torch.manual_seed(seed)
    hidden = embeddings.shape[1]
    network = nn.Sequential(
        nn.Linear(hidden, recipe.width), nn.ReLU(), nn.Dropout(recipe.dropout), nn.Linear(recipe.width, len(number))
    )
    nn.init.constant_(network[3].bias, FIRST_BIAS)  # type: ignore[arg-type]
    inputs = torch.from_numpy(embeddings * np.float32(np.sqrt(hidden)))
    optimizer = torch.optim.AdamW(network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    steps = recipe.epochs * -(-len(cases) // recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=steps)
    for _ in range(recipe.epochs):
        for rows in torch.randperm(len(cases)).split(recipe.batch):
            loss = functional.binary_cross_entropy_with_logits(network(inputs[rows]), wanted[rows], reduction="none")
            optimizer.zero_grad()
            (loss.sum(dim=1) * weight[rows]).mean().backward()
            optimizer.step()
            schedule.step()
    first, first_bias, second, second_bias = (
        np.ascontiguousarray(parameter.detach().numpy().T) for parameter in network.parameters()
    )
    probes = [text.replace("{c}", STAND_IN) for kind in types.by_name.values() for text in kind.en[:1]][:PROBES]
    probed = model.embed(probes, [STAND_IN] * len(probes), [LANGUAGE_OF_HEAD] * len(probes))
    return EventHead(first, first_bias, second, second_bias, 0.0, probes, probed)


def mixed(head: EventHead, by_words: np.ndarray, told: np.ndarray, embeddings: np.ndarray) -> EventHead:
    """``head`` with the words: both logits are weighed so that they make ``told`` (bool [n, types]) likeliest."""
    nothing = np.zeros_like(by_words)
    columns = np.stack([by_words.ravel(), head.logits(nothing, embeddings).ravel()], axis=1)
    of_words, of_meaning = LogisticRegression(C=np.inf).fit(columns, told.ravel()).coef_[0].astype(float)
    return replace(head, words=of_words, second=head.second * of_meaning, second_bias=head.second_bias * of_meaning)
