"""Whether self-training and pre-training on the stream make up for few labels, on held-out real tweets.

``python -m benchmarks.fewer_labels --start DIR --json OUT``

``--start`` is an adapter that never saw ``comments_en`` (see ``benchmarks.retraining``). Of its tweets ``--labels`` are
drawn, a fifth of all clusters is held out, and the training process of the product runs on the few labels and as many
replayed rows: plain; with self-training on tweets whose labels it does not see; from the adapter that
``retrain.pretrain`` makes of the start and the stream's tweets; and with the adversarial step. All with the same
seeds, so differences are of pairs.
On one free core, three seeds with 3,000 texts to pre-train on take about 12 minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.retraining import NEW, OLD, WATCHED
from model.encoder import base_of, merged
from retrain.data import PEOPLE, Example, load, split, write_examples
from retrain.fit import Reader, SentimentEncoder, encode, predict
from retrain.judge import macro_f1
from settings import RetrainSettings

WAYS = ("plain", "self-training", "pre-training", "adversarial")


def measure(adapter: Path, sets: dict[str, list[Example]]) -> dict[str, float]:
    """The score of each set (see ``retrain.judge.macro_f1``) by the adapter's full-precision network."""
    encoder = base_of(adapter)
    weights, config = merged(adapter)
    network, made = (
        SentimentEncoder(encoder, weights),
        Reader.of(encoder, stand_in=config.get("stand_in", ""), figures=config.get("figures", False)),
    )
    return {name: macro_f1(predict(network, encode(made, rows)), rows) for name, rows in sets.items()}


def trained(job: Path, start: Path, rows: dict[str, list[Example]], settings: RetrainSettings) -> dict[str, Any]:
    """Run the training process; what it says of self-training, if it was asked for."""
    job.mkdir()
    shutil.copytree(start, job / "start")
    for name, examples in rows.items():
        write_examples(job / f"{name}.jsonl", examples)
    (job / "job.json").write_text(json.dumps({"settings": settings.model_dump(mode="json")}))
    command = [sys.executable, "-m", "retrain", str(job), str(os.getpid())]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    said = job / "self_training.json"
    return dict(json.loads(said.read_text())) if said.exists() else {}


def experiment(arguments: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    """A row a seed and way."""
    fed, validation, test = split(load(arguments.data, [NEW]))
    replayed, _, old = split(load(arguments.data, OLD))
    sets = {"tweets": [*validation, *test]}
    sets |= {name: [e for e in old if e.dataset == name][: arguments.most] for name in WATCHED}
    adapted = work / "adapted"
    if "pre-training" in arguments.ways:
        stream = arguments.data.parent / "stream" / "tweets_stocknet_2014_2016.csv.gz"
        command = [
            sys.executable,
            "-m",
            "retrain.pretrain",
            "--texts",
            str(stream),
            "--start",
            str(arguments.start),
        ]
        command += ["--out", str(adapted), "--limit", str(arguments.texts), "--layers", str(arguments.layers)]
        print(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip(), flush=True)
    rows = [{"way": "start", "seed": 0} | measure(arguments.start, sets)]
    for seed in range(arguments.seeds):
        rng = random.Random(seed)
        drawn = rng.sample(fed, arguments.labels * 5 // 4 + arguments.candidates)
        people = [replace(e, dataset=PEOPLE) for e in drawn[: arguments.labels * 5 // 4]]
        given = {"train": [*people[: arguments.labels], *rng.sample(replayed, arguments.labels)]}
        given["validation"] = [*people[arguments.labels :], *rng.sample(replayed, arguments.labels // 4)]
        unlabelled = [Example("unlabelled", e.text, 1) for e in drawn[len(people) :]]
        for way in arguments.ways:
            settings = RetrainSettings(epochs=arguments.epochs, layers=arguments.layers, seed=seed, nice=0)
            more: dict[str, list[Example]] = {}
            if way == "self-training":
                settings, more = settings.model_copy(update={"self_training": 2.0}), {"unlabelled": unlabelled}
            if way == "adversarial":
                settings = settings.model_copy(update={"adversarial": 0.02})
            job = work / f"{way}-{seed}"
            said = trained(job, adapted if way == "pre-training" else arguments.start, given | more, settings)
            rows.append({"way": way, "seed": seed} | measure(job / "out", sets) | {"self_training": said})
            print(json.dumps(rows[-1]), flush=True)
    return rows


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, list[float]]]:
    """Of each way the mean score of each set, and its mean difference to plain with the standard error over seeds."""
    made: dict[str, dict[str, list[float]]] = {}
    for way in dict.fromkeys(row["way"] for row in rows):
        made[way] = {}
        for name in ("tweets", *WATCHED):
            scores = np.array([row[name] for row in rows if row["way"] == way])
            plain = np.array([row[name] for row in rows if row["way"] == "plain"])
            told = [float(scores.mean())]
            if way not in {"plain", "start"}:
                gain = scores - plain[: len(scores)]
                told += [float(gain.mean()), float(gain.std(ddof=1) / len(gain) ** 0.5) if len(gain) > 1 else 0.0]
            made[way][name] = [round(value, 4) for value in told]
    return made


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fewer_labels",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data/train"), help="the labelled sets")
    parser.add_argument("--start", type=Path, required=True, help="adapter that never saw the tweets")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--labels", type=int, default=200, help="to learn from; a quarter more decides the epoch")
    parser.add_argument("--candidates", type=int, default=1500, help="tweets for self-training")
    parser.add_argument("--texts", type=int, default=3000, help="tweets of the stream to pre-train on")
    parser.add_argument("--most", type=int, default=600, help="rows of SEntFiN and TFNS to test on")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--layers", type=int, default=6, help="so many last layers are trained")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the rows as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="fewer-labels-") as work:
        rows = experiment(arguments, Path(work))
    found = summary(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps({"summary": found, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    print("| | tweets, sign | SEntFiN | TFNS |\n| --- | --- | --- | --- |")
    for way, of in found.items():
        cells = [f"{v[0]:.3f}" + (f" ({v[1]:+.3f} ± {v[2]:.3f})" if len(v) > 1 else "") for v in of.values()]
        print(f"| {way} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
