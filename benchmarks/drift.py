"""How often a look for drift raises an alarm on traffic that stays as it is, and how much of another register it takes.

    python -m benchmarks.drift STREAM.csv.gz --inject OTHER.csv.gz [--model] [--json OUT]

STREAM is looked at every 250 documents, in the order of time and shuffled (then nothing ever changes); with --inject a
share of the last 500 documents is taken from OTHER. Without --model only what needs no scores: vocabulary and sources.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import model
from documents import normalise
from retrain import drift
from settings import ModelSettings, RetrainSettings
from storage.reads import ArrivedDocuments

SETTINGS = RetrainSettings()
WINDOW = SETTINGS.drift_documents
REFERENCE = drift.REFERENCES * WINDOW
EVERY = WINDOW // 2
SHARES = (0.1, 0.2, 0.3, 0.5, 1.0)
TRIALS = 12


def read(path: Path, skip: int, most: int, scorer: model.Scorer | None) -> ArrivedDocuments:
    """``most`` documents of a stream in the order of time, after the first ``skip``."""
    csv.field_size_limit(10**8)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = [(row["published_at"], row["source"], normalise(row["text"])) for row in csv.DictReader(file)]
    rows = sorted((row for row in rows if row[2]), key=lambda row: row[0])[skip : skip + most]
    texts = [row[2] for row in rows]
    p, vectors = np.zeros((len(rows), 3)), np.zeros((len(rows), 384), np.float32)
    if scorer is not None:
        for start in range(0, len(texts), 256):
            part = slice(start, start + 256)
            scores = scorer.score(texts[part], None, ["en"] * len(texts[part]))
            p[part], vectors[part] = scores.probabilities, scores.embeddings
    return ArrivedDocuments(
        np.zeros(len(rows), "datetime64[ms]"), np.array([row[1] for row in rows], str), texts, p, vectors
    )


def taken(documents: ArrivedDocuments, chosen: np.ndarray) -> ArrivedDocuments:
    """The documents at the places ``chosen``."""
    texts = [documents.text[i] for i in chosen]
    return ArrivedDocuments(documents.at[chosen], documents.source[chosen], texts, documents.probabilities[chosen],
                   documents.vectors[chosen])  # fmt: skip


def alarms(documents: ArrivedDocuments, names: tuple[str, ...]) -> list[str]:
    """The measures that raise an alarm over a reference and a current window."""
    known = taken(documents, np.arange(int(REFERENCE * drift.KNOWN)))
    values = drift.measures(known, taken(documents, np.arange(len(known.text), len(documents.text))))
    found = {name: drift.change(values[name], WINDOW, SETTINGS.drift_delta) for name in names}
    return [n for n, f in found.items() if f.began is not None and abs(f.effect) >= SETTINGS.drift_effect]


def quiet(stream: ArrivedDocuments, names: tuple[str, ...], order: np.ndarray) -> dict[str, Any]:
    """Looks over the whole stream in this order."""
    counts: Counter[str] = Counter()
    ends = range(REFERENCE + WINDOW, len(order) + 1, EVERY)
    for end in ends:
        counts.update(alarms(taken(stream, order[end - REFERENCE - WINDOW : end]), names))
    return {"looks": len(ends), "alarms": {name: counts[name] for name in names}}


def injected(stream: ArrivedDocuments, other: ArrivedDocuments, names: tuple[str, ...], share: float) -> dict[str, Any]:
    """A share of the current window from another stream, at ``TRIALS`` places."""
    rng = np.random.default_rng(4)
    counts: Counter[str] = Counter()
    for _ in range(TRIALS):
        start = int(rng.integers(0, len(stream.text) - REFERENCE - WINDOW + 1))
        begin = int(rng.integers(0, len(other.text) - WINDOW + 1))
        both = drift.joined(taken(stream, np.arange(start, start + REFERENCE + WINDOW)), other)
        order = np.arange(REFERENCE + WINDOW)
        place = np.flatnonzero(rng.random(WINDOW) < share)
        order[REFERENCE + place] = REFERENCE + WINDOW + begin + place
        counts.update(alarms(taken(both, order), names))
    return {"trials": TRIALS, "alarms": {name: counts[name] for name in names}}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stream", type=Path)
    parser.add_argument("--inject", type=Path, action="append", default=[])
    parser.add_argument("--model", action="store_true", help="score with the champion: all measures")
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--skip", type=int, default=0, help="so many of the stream's first documents")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    scorer = model.load(model.champion_folder(ModelSettings().registry)) if args.model else None
    names = (*drift.MEASURES, *drift.MEASURES_OF_A_KIND) if args.model else ("vocabulary", "sources")
    stream = read(args.stream, args.skip, args.documents, scorer)
    if len(stream.text) < REFERENCE + WINDOW:
        parser.error(f"{args.stream} has {len(stream.text)} documents; {REFERENCE + WINDOW} are needed")
    order = np.arange(len(stream.text))
    found: dict[str, Any] = {"stream": args.stream.name, "documents": len(order)}
    found["in time"] = quiet(stream, names, order)
    found["shuffled"] = quiet(stream, names, np.random.default_rng(1).permutation(order))
    for path in args.inject:
        other = read(path, 1000, 4000, scorer)
        found[path.name] = {str(share): injected(stream, other, names, share) for share in SHARES}
    text = json.dumps(found, indent=1)
    print(text)
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
