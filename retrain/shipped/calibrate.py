"""Calibrates an adapter as it is served: ``python -m retrain.shipped.calibrate --data DIR ADAPTER``.

The int8 graph is built. ``calibration`` in the adapter's config.json is fitted on the validation part of the labelled
sets; then the scores on the test part, which decides nothing, are printed.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

import model
from documents import normalise
from model.evaluation import CHUNK
from model.registry import publish
from retrain.data import LABELS, SIGN_ONLY, TRAINED_ON, Example, load, split
from retrain.judge import calibrated, fit_calibration, score_table
from retrain.shipped.rows import whole_tweets


def logits(scorer: model.Scorer, examples: list[Example], language: str) -> np.ndarray:
    """Logits [n, 3] in the order given."""
    made = np.zeros((len(examples), 3), np.float32)
    order = sorted(range(len(examples)), key=lambda i: len(examples[i].text))
    for start in range(0, len(order), CHUNK):
        chosen = order[start : start + CHUNK]
        part = [examples[i] for i in chosen]
        scores = scorer.score([normalise(e.text) for e in part], [e.entity for e in part], [language] * len(part))
        made[chosen] = scores.logits
    return made


def write(folder: Path, examples: list[Example]) -> None:
    """One CSV file a set, for ``finsent evaluate``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted({e.dataset for e in examples}):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("text", "label", "entity"))
            rows.writerows(
                (e.text, (*LABELS, "non_negative")[e.label], e.entity) for e in examples if e.dataset == name
            )


def main() -> None:
    """Read the arguments, fit, report."""
    parser = argparse.ArgumentParser(prog="python -m retrain.shipped.calibrate", description=__doc__)
    parser.add_argument("adapter", type=Path, help="folder of adapter.safetensors and config.json")
    parser.add_argument("--data", type=Path, required=True, help="folder of the labelled sets (*.csv.gz)")
    parser.add_argument("--keep", action="store_true", help="report with the calibration that is there")
    parser.add_argument("--test", type=Path, metavar="DIR", help="write the test part there, a CSV file a set")
    arguments = parser.parse_args()
    path = arguments.adapter / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    (language,) = config["languages"]
    _, validation, test = (whole_tweets(rows) for rows in split(load(arguments.data, TRAINED_ON[language])))
    if arguments.test:
        write(arguments.test, test)
    with tempfile.TemporaryDirectory() as registry:
        scorer = model.load(model.version_folder(registry, publish(registry, arguments.adapter)))
        if not arguments.keep:
            # Documents are also scored as a whole, and only few sets have texts without an entity.
            alone = [e for e in validation if e.entity and e.single and e.dataset not in SIGN_ONLY]
            rows = [*validation, *(replace(e, entity=None, dataset=f"{e.dataset} alone") for e in alone)]
            config |= fit_calibration(logits(scorer, rows, language), rows)
            path.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        print(json.dumps(config["calibration"]))
        print(score_table(calibrated(logits(scorer, test, language), test, config["calibration"]), test))


if __name__ == "__main__":
    main()
