"""New labels in portions, a retraining after each: what is learned, and what is forgotten.

``python -m benchmarks.retraining --data ../shared/data/train [--start DIR] --json OUT --plot PNG``

The start is a model that never saw a stock tweet (``comments_en``): without --start it is made first, by
``python -m retrain.shipped`` on the five other English sets. The tweets are split by
near-duplicate cluster: four fifths are fed
as labels, in portions, a fifth is held out here. After each portion a whole run of the product follows, as
``finsent retrain --now`` does it, over a ClickHouse of its own: its own split of the labels, replay of the five sets,
fine-tuning from the champion, the gate, promotion. Then the champion scores what is held out, and SEntFiN's and TFNS's
parts that no training saw.

On one free core the start takes some 6 minutes and five portions of 5,640 tweets about 20; beside other work several
times that. --labels 1000 makes a short form.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import SecretStr

import model
from deploy.local import Stack
from documents import LABELS, Label, Position
from model.registry import promote, publish
from retrain import retrain
from retrain.data import Example, load, split
from retrain.judge import interval, macro_f1, probabilities
from settings import ClickHouseSettings, RetrainSettings
from storage import connect, migrate, write_labels

OLD = ("sentfin", "tfns", "finentity", "fiqa", "semeval")
NEW = "comments_en"
WATCHED = ("sentfin", "tfns")
START = "--base minilm --epochs 1 --limit 9000 --phrases 1000 --lr 1.5e-4 --tokens 512 --smoothing 0.1 --max-tokens 64"
FORGOTTEN = 0.01
"""Wanted: neither watched set loses so much."""


def portions(folder: Path, count: int, labels: int, seed: int) -> tuple[list[list[Example]], list[Example]]:
    """(portions to feed, held out)."""
    train, validation, test = split(load(folder, [NEW]))
    random.Random(seed).shuffle(train)
    fed = train[: labels or None]
    return [fed[n * len(fed) // count : (n + 1) * len(fed) // count] for n in range(count)], [*validation, *test]


def feed(client: Any, examples: Sequence[Example], number: int) -> None:
    """Store a portion as the labels of one annotator, as the worker does with the topic ``labels``."""
    now = datetime.now(UTC)
    labels = [
        Label(
            Position("labels", "benchmark", 0, number * 1_000_000 + n),
            LABELS[e.label],
            annotator="dataset",
            labelled_at=now,
            text=e.text,
        )
        for n, e in enumerate(examples)
    ]
    write_labels(client, labels)
    second = time.time() // 1
    while time.time() // 1 <= second:  # a run takes the labels of the seconds before it
        time.sleep(0.05)


def measure(registry: Path, held: Sequence[Example], watched: dict[str, list[Example]]) -> dict[str, Any]:
    """The champion's sign accuracy (no neutral tweets: there are few and they are noisy) and macro-F1 on the held-out
    tweets, and macro-F1 on the watched sets, with 95 % intervals."""
    scorer = model.load(model.version_folder(registry, model.champion_name(registry)))
    p = probabilities(scorer, held, "en")
    threes = [Example("labels", e.text, e.label) for e in held]
    found = {"tweets, sign": [macro_f1(p, held), *interval(p, held)]}
    found["tweets, macro-F1"] = [macro_f1(p, threes), *interval(p, threes)]
    for name, examples in watched.items():
        p = probabilities(scorer, examples, "en")
        found[name] = [macro_f1(p, examples), *interval(p, examples)]
    return {name: [round(float(v), 4) for v in values] for name, values in found.items()}


def experiment(arguments: argparse.Namespace, start: Path, work: Path) -> list[dict[str, Any]]:
    """A row for the start and one a portion."""
    fed, held = portions(arguments.data, arguments.portions, arguments.labels, arguments.seed)
    test = split(load(arguments.data, OLD))[2]
    watched = {name: [e for e in test if e.dataset == name] for name in WATCHED}
    watched["tfns"] = [Example("tfns", e.text, e.label) for e in watched["tfns"]]  # its labels are of whole tweets
    registry = work / "registry"
    promote(registry, publish(registry, start))
    settings = RetrainSettings(
        annotators="dataset",
        data=arguments.data,
        sets=",".join(OLD),
        folder=work / "retrain",
        replay=arguments.replay,
        epochs=arguments.epochs,
        layers=arguments.layers,
        learning_rate=arguments.lr,
        nice=0,
        seed=arguments.seed,
    )
    rows = [{"labels": 0, "passed": None, "reason": "", "seconds": 0.0} | measure(registry, held, watched)]
    _tell(rows[-1])
    with Stack(work / "stack") as stack:
        client = connect(ClickHouseSettings(url=SecretStr(stack.clickhouse_url)))
        migrate(client)
        for number, portion in enumerate(fed):
            feed(client, portion, number)
            outcome = retrain(client, registry, settings)
            assert outcome is not None
            row = {"labels": outcome.labels, "passed": outcome.passed, "reason": outcome.reason}
            row |= {
                "seconds": outcome.seconds,
                "replayed": outcome.replayed,
                "gate": [asdict(rule) for rule in outcome.gate],
            }
            rows.append(row | measure(registry, held, watched))
            _tell(rows[-1])
    return rows


def _tell(row: dict[str, Any]) -> None:
    shown = {name: value[0] for name, value in row.items() if name.startswith("tweets") or name in WATCHED}
    print(
        f"{row['labels']:5} labels, gate {row['passed']}, {row['seconds']:.0f} s: {shown} {row['reason']}", flush=True
    )


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Quality by labels fed, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(6.5, 4), layout="constrained")
    labels = [row["labels"] for row in rows]
    for name, title in (("tweets, sign", "stock tweets held out, sign"), ("sentfin", "SEntFiN"), ("tfns", "TFNS")):
        values = np.array([row[name] for row in rows])
        line = axis.plot(labels, values[:, 0], "o-", label=title)[0]
        axis.fill_between(labels, values[:, 1], values[:, 2], color=line.get_color(), alpha=0.12)
    for row in rows[1:]:
        if not row["passed"]:
            axis.annotate("gate: no", (row["labels"], row["tweets, sign"][0]), (0, 8), textcoords="offset points")
    axis.set(xlabel="labels of stock tweets fed so far", ylabel="accuracy of the sign, or macro-F1")
    axis.legend(loc="best")
    axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main() -> None:
    """Run it; the exit code is 1 if the tweets' quality did not rise or a watched set lost a point."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.retraining",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data/train"), help="the labelled sets")
    parser.add_argument("--start", type=Path, help="adapter that never saw the tweets; made if not given")
    parser.add_argument("--portions", type=int, default=5)
    parser.add_argument("--labels", type=int, default=0, help="feed so many in all; 0: all")
    parser.add_argument("--replay", type=float, default=3.0, help="old rows replayed for each new one")
    parser.add_argument("--epochs", type=int, default=2, help="of each run")
    parser.add_argument("--layers", type=int, default=6, help="so many last layers are trained in a run")
    parser.add_argument("--lr", type=float, default=1e-3, help="learning rate of a run")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--json", type=Path, help="write the rows as JSON")
    parser.add_argument("--plot", type=Path, help="write the picture as PNG")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="retraining-") as name:
        work, start = Path(name), arguments.start
        if start is None:
            start = work / "start"
            command = [
                sys.executable,
                "-m",
                "retrain.shipped",
                "--data",
                str(arguments.data),
                "--out",
                str(start),
            ]
            subprocess.run([*command, "--sets", ",".join(OLD), *START.split()], check=True)
        rows = experiment(arguments, start, work)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if arguments.plot:
        plot(rows, arguments.plot)
    rose = rows[-1]["tweets, sign"][0] > rows[0]["tweets, sign"][0]
    lost = max(rows[0][name][0] - row[name][0] for row in rows for name in WATCHED)
    print(f"the tweets' quality {'rose' if rose else 'did not rise'}; the most that a watched set lost: {lost:.4f}")
    sys.exit(0 if rose and lost < FORGOTTEN else 1)


if __name__ == "__main__":
    main()
