"""What reading events costs beside scoring: ``python -m benchmarks.events FILE`` (columns text and entity).

Both read the same pairs of a text and a company, in batches as a worker has them and by turns, so that a busy machine
is busy for both. The figure is of processor time: documents a second with events against without them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import model
from documents import normalise
from documents.files import read_table
from model.events import load_event_reader
from settings import ModelSettings

BATCH = 256
"""So many pairs a round."""


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.events", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    settings = ModelSettings()
    model.ensure_default(settings.registry)
    version = model.champion_name(settings.registry)
    scorer = model.load(model.version_folder(settings.registry, version), settings)
    reader = load_event_reader()
    rows = (row.values for row in read_table(options.file).rows())
    pairs = [(normalise(str(row["text"])), str(row["entity"])) for row in islice(rows, BATCH * (options.rounds + 1))]
    languages = ["en"] * BATCH
    scored, read = [], []
    for start in range(0, len(pairs) - BATCH + 1, BATCH):
        texts, entities = map(list, zip(*pairs[start : start + BATCH], strict=True))
        scored.append(_seconds(partial(scorer.score, texts, entities, languages)))
        embeddings = scorer.embed(texts, entities, languages) if reader.suits(version, scorer) else None
        read.append(_seconds(partial(reader.read, texts, entities, entities, languages, embeddings)))
    # The first round loads what is loaded only once.
    without, events = statistics.median(scored[1:]) / BATCH, statistics.median(read[1:]) / BATCH
    print(
        f"{len(scored) - 1} rounds of {BATCH} pairs, each: scoring {without * 1e3:.2f} ms, events {events * 1e3:.3f} ms"
    )
    print(f"with events {without / (without + events):.1%} of the speed without them")


def _seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
