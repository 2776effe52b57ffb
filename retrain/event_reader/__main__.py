"""Trains the reader of events that ships: ``python -m retrain.event_reader --data DIR --out model/default/events``.

It learns from the labels by reading in ``labels.csv`` (half of those read by two, whose other half judges it, and all
later ones), from the examples of the taxonomy, from sentences of our own (those of ``retrain/data/written``, too, of
which two files judge it), and from weak labels. First a reader is fitted without the weak labels; it and the cues tell
them, and a second one learns from everything, and so does the head over the embeddings of the model that ships. All
that decides the result is in the data, the arguments, the seed and that model.
``--open-only`` leaves out the sets whose licence is not stated.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

import model
from documents.events import load_event_types
from model.events import LANGUAGE_OF_HEAD, EventReader
from retrain.event_reader.cases import (
    from_examples,
    from_labels,
    from_others,
    from_pool,
    from_sentences,
    from_written,
    weak_pool,
)
from retrain.event_reader.fit import Recipe, fit
from retrain.event_reader.head import HeadRecipe, fit_head, mixed
from retrain.event_reader.judge import judge, set_thresholds, told_of
from retrain.event_reader.labels import Labelled, read_labels, written_labels
from retrain.event_reader.rows import OPEN_SETS, SETS, pairs
from retrain.event_reader.teacher import Teacher
from retrain.event_reader.weak import WeakLabels
from settings import ModelSettings

POOL, POOL_ONE_IN, EACH_TYPE, WITHOUT_CUE = 40_000, 4, 120, 5_000
LABEL_WEIGHT, EXAMPLE_WEIGHT, SENTENCE_WEIGHT, OTHERS_WEIGHT, POOL_WEIGHT = 3.0, 10.0, 1.0, 3.0, 0.5
WRITTEN_WEIGHT = 0.5


def main() -> None:
    """Read the arguments, train, judge, write."""
    parser = argparse.ArgumentParser(prog="python -m retrain.event_reader", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with stream/, train/ and train_2/")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the weights to")
    parser.add_argument("--open-only", action="store_true", help="only sets whose stated licence allows it")
    parser.add_argument("--pool", type=int, default=POOL, help="how many unlabelled pairs get weak labels")
    parser.add_argument("--seed", type=int, default=13)
    train(parser.parse_args())


def train(options: argparse.Namespace) -> None:
    """Train with the arguments of the command. The figures of the held-out labels go to standard output."""
    types, cues = load_event_types(), WeakLabels()
    sets = OPEN_SETS if options.open_only else SETS
    labelled = read_labels(options.data, sets)
    training, tuning, test = ([one for one in labelled if one.part == part] for part in ("train", "tune", "test"))
    _say(f"{len(training)} labels to learn from, {len(tuning)} to choose the thresholds, {len(test)} to judge")
    text = (resources.files("retrain.event_reader") / "labels.csv").read_text(encoding="utf-8")
    read = {row["row"] for row in csv.DictReader(text.splitlines())}
    found = (pair for pair in pairs(options.data, sets, one_in=POOL_ONE_IN) if pair.row not in read)
    pool = weak_pool(cues, found, options.pool, options.seed)
    own = [
        *from_examples(types, EXAMPLE_WEIGHT),
        *from_sentences(SENTENCE_WEIGHT),
        *from_others(OTHERS_WEIGHT, options.seed),
        *from_written(WRITTEN_WEIGHT),
    ]
    known = from_labels(training, LABEL_WEIGHT)
    first = EventReader(fit(types.names, [*known, *own], Recipe()), types)
    weak = from_pool(pool, Teacher(cues, training), first, EACH_TYPE, WITHOUT_CUE, POOL_WEIGHT, options.seed)
    _say(f"{len(weak)} cases of the pool")
    cases = [*known, *own, *weak]
    weights = fit(types.names, cases, Recipe())
    set_thresholds(weights, types, tuning)
    with tempfile.TemporaryDirectory() as registry:
        scorer = model.load(model.version_folder(registry, model.ensure_default(registry)), ModelSettings())
    head = fit_head(cases, types, scorer, HeadRecipe(), options.seed)
    english = [row for row in tuning if row.language == LANGUAGE_OF_HEAD]
    of_english = _embeddings(scorer, english)
    weights = replace(weights, head=mixed(head, *told_of(weights, types, english), of_english))
    set_thresholds(weights, types, english, of_english)
    weights.write(options.out)
    result: dict[str, Any] = {}
    for name, rows in (("labels", test), ("written", written_labels())):
        of_rows = _embeddings(scorer, rows)
        result[name] = {"by_words": judge(weights, types, rows), "by_both": judge(weights, types, rows, of_rows)}
    print(json.dumps(result, indent=1))


def _embeddings(scorer: model.Scorer, rows: Sequence[Labelled]) -> np.ndarray:
    return scorer.embed([row.text for row in rows], [row.surface for row in rows], [row.language for row in rows])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
