"""Trains a model that ships. Everything that decides the result is in the options, the seed among them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from rich.progress import Progress

from model.encoder import CENTER, Base, Weights, base, merged
from retrain.data import ADDED, PART_LANGUAGES, TRAINED_ON, Example
from retrain.fit import (
    MAX_TOKENS,
    Epoch,
    Fitted,
    Keep,
    Material,
    Reader,
    Recipe,
    SentimentEncoder,
    Step,
    embeddings,
    encode,
    fit,
    part_of_the_way,
    predict,
    vocabulary_of,
    write_adapter,
)
from retrain.judge import calibrated, fit_calibration, score_table
from retrain.shipped.rows import REPEATED, Added, ShippedRows, most_rows, shipped_rows, vocabulary_of_rows

BASES = {"en": "minilm", "zh": "e5", "more": "e5"}
NAMED = frozenset({"sentfin", "zh_news"})
"""Sets whose entities are companies' names; noise may put one of them in another's place."""

WORDS = "embeddings.word_embeddings.weight"
"""The table of the pieces, which no training changes."""

LINES_IN_A_LOG = 20
"""Where there is no terminal for a progress bar, about so many lines say how far an epoch is."""

MOST_CENTRED = 4000
"""The mean embedding is taken over about so many training texts."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of ``python -m retrain.shipped``, which says what each means."""

    data: Path
    out: Path
    language: str = "en"
    base: str | None = None
    sets: str | None = None
    repeat: str = ",".join(REPEATED)
    start: Path | None = None
    epochs: int = 3
    rank: int = 0
    keep_rank: int = 64
    lr: float = 6e-5
    tokens: int = 1024
    max_tokens: int = MAX_TOKENS
    phrases: int = 3000
    behaviour: int = 0
    written: str | None = None
    noise: float = 0.25
    stand_in: str = ""
    figures: bool = False
    balance: float = 0.5
    distill: float = 0.3
    smoothing: float = 0.05
    averaged: float = 0.998
    share: float = 1.0
    threads: int = 1
    seed: int = 17
    limit: int = 0
    added: Path | None = None
    added_sets: str | None = None

    def decisive(self) -> dict[str, str]:
        """What decides the result beside the data, as it is written into the adapter's config."""
        return {name: str(value) for name, value in asdict(self).items() if name not in {"data", "out", "added"}}


@dataclass(frozen=True, slots=True)
class _Start:
    """Where the training starts: the base encoder and its name, the weights, and the ids of the pieces that the
    encoder knows (None: all). ``continues`` a model of the same languages, or begins one."""

    name: str
    encoder: Base
    weights: Weights
    vocabulary: Sequence[int] | None
    continues: bool = False


def make(options: Options) -> None:
    """Train, keep the epoch with the best validation score, fit the calibration, and write the adapter.

    A training that was killed goes on from its last whole epoch if it is started again with the same options.
    """
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    sets = most_rows(options.sets.split(",") if options.sets else TRAINED_ON[options.language])
    repeated = options.repeat.split(",")
    added_sets = options.added_sets.split(",") if options.added_sets else ADDED[options.language]
    added = Added(options.added, most_rows(added_sets)) if options.added else None
    rows = shipped_rows(
        options.data,
        options.language,
        sets,
        repeated,
        options.phrases,
        options.seed,
        options.limit,
        options.behaviour,
        added,
        options.written.split(",") if options.written else (),
    )
    print(
        f"{len(rows.training)} rows to train on, {len(rows.validation)} to validate, {len(rows.test)} to test",
        flush=True,
    )
    start = _start(options, rows.examples)
    reader = Reader.of(start.encoder, options.max_tokens, options.stand_in, options.figures)
    plain = [Example(e.dataset, e.text, e.label) for e in rows.training]
    material = _material(options, rows, start, reader, plain)
    keep = Keep(options.out / "shipped.checkpoint.safetensors", options.decisive())
    options.out.mkdir(parents=True, exist_ok=True)
    with Progress() as progress:
        fitted = fit(material, _recipe(options, start), Accelerator(cpu=True), [_Reported(progress, material)], keep)
    if options.share < 1:
        fitted = part_of_the_way(material, fitted, options.share, encode(reader, rows.validation))
    calibration = fit_calibration(fitted.logits, rows.validation)
    center = start.weights[CENTER] if start.continues else _center(fitted, reader, plain)
    _write(options, start, fitted, calibration, center)
    keep.path.unlink()
    unseen = calibrated(predict(fitted.network, encode(reader, rows.test)), rows.test, calibration["calibration"])
    print(f"the best epoch on the test part, which decided nothing:\n{score_table(unseen, rows.test)}", flush=True)


def _recipe(options: Options, start: _Start) -> Recipe:
    return Recipe(
        epochs=options.epochs,
        patience=options.epochs,
        tokens=options.tokens,
        seed=options.seed,
        learning_rate=options.lr,
        head_rate=3 if "head.weight" in start.weights else 10,  # a new head learns faster than the layers under it
        warmup=0.06,
        weight_decay=0.01,
        rank=options.rank or None,
        layers=0,
        dropout=0.1,
        smoothing=options.smoothing,
        balance=options.balance,
        noise=options.noise,
        distill=options.distill,
        averaged=options.averaged,  # the average does better than the last weights
    )


def _start(options: Options, examples: Sequence[Example]) -> _Start:
    if options.start:
        # The adapter keeps its encoder, and the vocabulary that it was made for.
        config = json.loads((options.start / "config.json").read_text(encoding="utf-8"))
        name, ids = config["base"], vocabulary_of(options.start)
        known = None if ids is None else ids.tolist()
        if tuple(config["languages"]) != PART_LANGUAGES[options.language]:
            # The layers of another part, with the pieces of these languages: what one language taught serves in others.
            known = vocabulary_of_rows(options.data, options.language, examples)
            encoder = base(name, known)
            learnt = {key: value for key, value in merged(options.start)[0].items() if key != WORDS}
            return _Start(name, encoder, encoder.weights | learnt, known)
        return _Start(name, base(name, known), merged(options.start)[0], known, continues=True)
    name = options.base or BASES[options.language]
    known = vocabulary_of_rows(options.data, options.language, examples) if name == "e5" else None
    encoder = base(name, known)
    return _Start(name, encoder, encoder.weights, known)


def _material(options: Options, rows: ShippedRows, start: _Start, reader: Reader, plain: Sequence[Example]) -> Material:
    """The rows, with the embeddings to stay near to, which are those of the texts without their entities: by the model
    that is continued, as stories are found by its distances, or else by the base encoder."""
    teacher = SentimentEncoder(start.encoder, start.weights if start.continues else None)
    named = [] if options.stand_in else rows.training  # with a stand-in, another name would not be seen
    names = sorted({e.entity for e in named if e.entity and len(e.entity) > 3 and e.dataset in NAMED})
    count = len(rows.training)
    return Material(
        start.encoder,
        reader,
        start.weights,
        rows.training,
        rows.validation,
        embeddings(teacher, encode(reader, plain)),
        known=torch.zeros(count, 3),  # not used: the recipe does not keep earlier answers
        shares=torch.ones(count),
        names=names,
    )


class _Reported:
    """Shows the training's progress, and after each epoch the scores of each set."""

    def __init__(self, progress: Progress, material: Material) -> None:
        self._progress, self._task = progress, progress.add_task("training", total=None)
        self._validation, self._began, self._distance = material.validation, time.monotonic(), 0.0

    def step(self, done: Step) -> None:
        """See ``Observer``."""
        self._distance = done.distance.item()
        self._progress.update(self._task, completed=min(done.step, done.steps), total=done.steps)
        if not self._progress.console.is_terminal and done.step % max(1, done.steps // LINES_IN_A_LOG) == 0:
            print(f"step {done.step} of {done.steps} after {time.monotonic() - self._began:.0f} s", flush=True)

    def epoch(self, done: Epoch) -> None:
        """See ``Observer``."""
        calibration = fit_calibration(done.logits, self._validation)["calibration"]
        print(
            f"epoch {done.epoch}: {done.score:.4f} after {time.monotonic() - self._began:.0f} s, "
            f"distance {self._distance:.3f}\n"
            + score_table(calibrated(done.logits, self._validation, calibration), self._validation),
            flush=True,
        )


def _center(fitted: Fitted, reader: Reader, rows: Sequence[Example]) -> np.ndarray:
    """The mean embedding [hidden] over some of ``rows``."""
    some = encode(reader, rows[:: max(1, len(rows) // MOST_CENTRED)])
    return np.asarray(embeddings(fitted.network, some).mean(0).numpy())


def _write(options: Options, start: _Start, fitted: Fitted, calibration: dict[str, Any], center: np.ndarray) -> None:
    """Write the adapter."""
    config = {
        "base": start.name,
        "part": options.language,
        "languages": list(PART_LANGUAGES[options.language]),
        **calibration,
        "stand_in": options.stand_in,
        "figures": options.figures,
        "validation_macro_f1": fitted.score,
        "settings": options.decisive(),
    }
    tuned = fitted.network.weights() | {CENTER: center}
    known = None if start.vocabulary is None else np.array(start.vocabulary)
    write_adapter(options.out, start.encoder.weights, tuned, options.keep_rank, config, known)
