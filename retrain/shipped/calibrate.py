"""Calibrates an adapter as it is served: ``python -m retrain.shipped.calibrate --data DIR ADAPTER``.

The int8 graph is built. ``calibration`` in the adapter's config.json is fitted on the validation part of the labelled
sets; then the scores on the test part, which decides nothing, are printed. Of a part that reads several languages,
those without a set on which it is good are written down as ``experimental``.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import model
from documents import normalise
from model.evaluation import CHUNK
from model.registry import publish
from retrain.data import ADDED, LABELS, ONLY_MEASURED, SIGN_ONLY, TRAINED_ON, Example, load, split
from retrain.judge import calibrated, fit_calibration, score_table, scores_of_sets, signs_of_sets
from retrain.shipped.rows import whole_tweets

GOOD = 0.75
"""A language in which some set has this macro-F1, or accuracy of the sign, is not experimental."""


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


def judged_on(part: str, data: Path, added: Path | None) -> tuple[list[Example], list[Example]]:
    """(validation, test) of the sets of ``part`` in the folder ``data``, and of its added ones in ``added``."""
    _, validation, test = split(load(data, TRAINED_ON[part]))
    if added:
        _, more_validation, more_test = split(load(added, ADDED[part]))
        validation, test = [*validation, *more_validation], [*test, *more_test]
    test += load(data, ONLY_MEASURED.get(part, ()))
    return whole_tweets(validation), whole_tweets(test)


def experimental(languages: Sequence[str], *scores: Mapping[str, float]) -> list[str]:
    """Those of ``languages`` that no set says to be read well. Each of ``scores`` is by sets, whose names begin with
    their language."""
    good = {name.split("_")[0] for of_sets in scores for name, score in of_sets.items() if score >= GOOD}
    return [code for code in languages if code not in good]


def main() -> None:
    """Read the arguments, fit, report."""
    parser = argparse.ArgumentParser(prog="python -m retrain.shipped.calibrate", description=__doc__)
    parser.add_argument("adapter", type=Path, help="folder of adapter.safetensors and config.json")
    parser.add_argument("--data", type=Path, required=True, help="folder of the labelled sets (*.csv.gz)")
    parser.add_argument("--added", type=Path, metavar="DIR", help="folder of the sets that were added")
    parser.add_argument("--keep", action="store_true", help="report with the calibration that is there")
    parser.add_argument("--test", type=Path, metavar="DIR", help="write the test part there, a CSV file a set")
    arguments = parser.parse_args()
    path = arguments.adapter / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    language = config["languages"][0]
    validation, test = judged_on(config.get("part", language), arguments.data, arguments.added)
    if arguments.test:
        write(arguments.test, test)
    with tempfile.TemporaryDirectory() as registry:
        scorer = model.load(model.version_folder(registry, publish(registry, arguments.adapter)))
        if not arguments.keep:
            # Documents are also scored as a whole, and only few sets have texts without an entity.
            alone = [e for e in validation if e.entity and e.single and e.dataset not in SIGN_ONLY]
            shown = [*validation, *(replace(e, entity=None, dataset=f"{e.dataset} alone") for e in alone)]
            config |= fit_calibration(logits(scorer, shown, language), shown)
        given = calibrated(logits(scorer, test, language), test, config["calibration"])
        if not arguments.keep:
            if len(config["languages"]) > 1:
                config["experimental"] = experimental(
                    config["languages"], scores_of_sets(given, test), signs_of_sets(given, test)
                )
            path.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        print(json.dumps(config["calibration"]))
        print(score_table(given, test))


if __name__ == "__main__":
    main()
