"""What a training and a search for its settings begin with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator

from model.encoder import Base, Weights, base_of, merged
from retrain.data import Example, read_examples
from retrain.fit.adapter import inherited
from retrain.fit.inference import answers
from retrain.fit.inputs import Reader, encode
from retrain.fit.loop import Material, Recipe, new_network
from retrain.fit.network import SentimentEncoder
from retrain.job import Job
from settings import RetrainSettings


@dataclass(frozen=True, slots=True)
class Prepared:
    """The base encoder, what to learn, and the config of the adapter to start from."""

    encoder: Base
    material: Material
    config: dict[str, Any]


def accelerated() -> Accelerator:
    """This process's place among those that train: alone on a CPU, or one of several with a GPU each."""
    return Accelerator(cpu=not torch.cuda.is_available())


def material_of(
    encoder: Base,
    reader: Reader,
    start: Weights,
    training: Sequence[Example],
    validation: Sequence[Example],
    teacher: SentimentEncoder,
    shares: Sequence[float] | None = None,
) -> Material:
    """The rows with what ``teacher`` answers to the training texts, and with its embeddings of them.

    Topics and novelty are judged by the embeddings, so a training must leave them near where they are.
    """
    counted = torch.ones(len(training)) if shares is None else torch.tensor(shares)
    known, means = answers(teacher, encode(reader, training))
    names = sorted({e.entity for e in training if e.entity and len(e.entity) > 3})
    return Material(encoder, reader, start, training, validation, means, known, counted, names)


def prepare(job: Job, settings: RetrainSettings) -> Prepared:
    """Read the job's folder. Sets the threads and, on a GPU, deterministic algorithms for this process."""
    torch.set_num_threads(settings.threads)
    if torch.cuda.is_available():  # on a CPU the usual kernels are deterministic
        torch.use_deterministic_algorithms(True, warn_only=True)
    encoder = base_of(job.start)
    start, config = merged(job.start)
    champion = new_network(encoder, start, Recipe.of(settings))
    reader = Reader.of(encoder, stand_in=config.get("stand_in", ""), figures=config.get("figures", False))
    training, validation = read_examples(job.train), read_examples(job.validation)
    return Prepared(encoder, material_of(encoder, reader, start, training, validation, champion), inherited(config))
