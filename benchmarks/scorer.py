"""The scorer against what users run today, a Hugging Face pipeline over the same weights' base, on the same texts in
the same run: ``python -m benchmarks.scorer [--data FILE.csv.gz] [--json OUT]``. Texts a second, one thread each."""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, pipeline

import model
from model.weights import base_folder

HEADLINES = (
    "Profit of company {n} rose by {n} percent in the third quarter",
    "Company {n} warns of lower sales in year {n}",
)


def texts(path: Path | None, count: int) -> list[str]:
    """The first texts of a CSV, or headlines made here."""
    if path is None or not path.exists():
        return [HEADLINES[n % 2].format(n=n) for n in range(count)]
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [row["text"] for row, _ in zip(csv.DictReader(file), range(count), strict=False)]


def rate(action: Callable[[], object], count: int, runs: int = 3) -> float:
    """Median texts a second."""
    action()
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return count / statistics.median(seconds)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scorer", description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--texts", type=int, default=512)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    given = texts(arguments.data, arguments.texts)
    with tempfile.TemporaryDirectory() as folder:
        model.ensure_default(Path(folder))
        scorer = model.load(model.champion(Path(folder)), threads=1)
        rates = {"finsent": rate(lambda: scorer.score(given), len(given))}
    # The time of the pipeline depends on the shape of the network and not on its weights.
    network = BertForSequenceClassification(BertConfig.from_pretrained(base_folder(), num_labels=3))
    usual = pipeline("text-classification", model=network, tokenizer=AutoTokenizer.from_pretrained(base_folder()))
    rates["pipeline, batch 1"] = rate(lambda: usual(given, batch_size=1, truncation=True), len(given), 1)
    rates["pipeline, batch 32"] = rate(lambda: usual(given, batch_size=32, truncation=True), len(given), 1)
    result = {
        "texts_per_second": {name: round(value, 1) for name, value in rates.items()},
        "ratio_to_pipeline_32": round(rates["finsent"] / rates["pipeline, batch 32"], 2),
    }
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
