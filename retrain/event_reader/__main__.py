"""Trains the reader of events that ships: ``python -m retrain.event_reader --data DIR --out model/default/events``.

It learns from the labels by reading in ``labels.csv`` (half of those read by two, whose other half judges it, and all
later ones), from the examples of the taxonomy, from sentences of our own, and from weak labels. First a reader is
fitted without the weak labels; it and the cues tell them, and a second one learns from everything. The sentences of
``retrain/data/written`` judge it as well. All that decides the result is in the data, the arguments and the seed.
``--open-only`` leaves out the sets whose licence is not stated.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from importlib import resources
from pathlib import Path

from documents.events import load_event_types
from model.events import EventReader
from retrain.event_reader.cases import (
    from_examples,
    from_labels,
    from_others,
    from_pool,
    from_sentences,
    weak_pool,
)
from retrain.event_reader.fit import Recipe, fit
from retrain.event_reader.judge import judge, set_thresholds
from retrain.event_reader.labels import read_labels, written_labels
from retrain.event_reader.rows import OPEN_SETS, SETS, pairs
from retrain.event_reader.teacher import Teacher
from retrain.event_reader.weak import WeakLabels

POOL, POOL_ONE_IN, EACH_TYPE, WITHOUT_CUE = 40_000, 4, 120, 5_000
LABEL_WEIGHT, EXAMPLE_WEIGHT, SENTENCE_WEIGHT, OTHERS_WEIGHT, POOL_WEIGHT = 3.0, 10.0, 1.0, 3.0, 0.5


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
    ]
    known = from_labels(training, LABEL_WEIGHT)
    first = EventReader(fit(types.names, [*known, *own], Recipe()), types)
    weak = from_pool(pool, Teacher(cues, training), first, EACH_TYPE, WITHOUT_CUE, POOL_WEIGHT, options.seed)
    _say(f"{len(weak)} cases of the pool")
    weights = fit(types.names, [*known, *own, *weak], Recipe())
    set_thresholds(weights, types, tuning)
    weights.write(options.out)
    result = judge(weights, types, test)
    print(json.dumps(result | {"written": judge(weights, types, written_labels())}, indent=1))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
