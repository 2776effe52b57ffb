"""Whatever is killed with signal 9, nothing half-published is seen; and of two schedulers one runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import torch
from clickhouse_driver import Client

import model
from deploy.local import Stack
from documents import Label, Position
from model.encoder import base
from model.registry import promote, publish, verify, version_names
from retrain.fit import SentimentEncoder, write_adapter
from storage import write_labels
from storage.reads import training_runs
from tests.support import eventually

ROOT = Path(__file__).parents[2]
GOOD = ("The order book of {} is full, profit will rise", "{} raises its outlook after a strong quarter")
BAD = ("{} warns of a loss and cuts the dividend", "The plant of {} stands still, the shares fall")
PLAIN = ("{} holds its annual meeting in June", "{} moves its office to another street")


def judge(client: Client, count: int) -> None:
    """Judgements of texts, as a worker stores them."""
    rows = []
    for number in range(count):
        label = ("negative", "neutral", "positive")[number % 3]
        text = (BAD, PLAIN, GOOD)[number % 3][number % 2].format(f"Works {number}")
        rows.append(Label(Position("labels", "t", 0, number), label, "anna", datetime.now(UTC), text=text))
    write_labels(client, rows)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A small champion that has not learned anything."""
    torch.manual_seed(0)
    encoder, one = base("minilm"), {"temperature": 1.0, "bias": [0.0, 0.0, 0.0]}
    config = {"base": "minilm", "languages": ["en"], "calibration": {"alone": one, "pair": one}}
    write_adapter(tmp_path / "start", encoder.weights, SentimentEncoder(encoder).weights(), 4, config)
    promote(tmp_path / "registry", publish(tmp_path / "registry", tmp_path / "start"))
    return tmp_path / "registry"


@pytest.fixture
def start(
    stack: Stack, clickhouse_url: str, registry: Path, tmp_path: Path
) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts ``finsent`` commands that train as little as can be; none outlives the test."""
    environment = {
        **os.environ,
        **stack.environment(),
        "CLICKHOUSE_URL": clickhouse_url,
        "MODEL_REGISTRY": str(registry),
        "RETRAIN_FOLDER": str(tmp_path / "retrain"),
        "RETRAIN_NEW_LABELS": "90",
        "RETRAIN_CHECK_S": "1",
        "RETRAIN_EPOCHS": "1",
        "RETRAIN_LAYERS": "1",
        "RETRAIN_FEWEST_REPLAYED": "8",
        "RETRAIN_REPLAY": "0",
        "RETRAIN_NICE": "0",
    }
    started = []

    def begin(*args: str) -> psutil.Popen:
        log = (tmp_path / f"{len(started)}.log").open("w")
        command = [sys.executable, "-m", "finsent", *args]
        started.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log))
        return started[-1]

    yield begin
    for process in started:
        process.terminate()  # a client that is killed ends the embedded ClickHouse, which the next test needs
    for process in started:
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def trainers(of: Path) -> list[psutil.Process]:
    """The processes that train in the folder ``of``."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "retrain" in line and any(str(of) in word for word in line):
            found.append(process)
    return found


def test_two_schedulers_do_one_run_also_when_the_one_that_does_it_is_killed(
    client: Client, registry: Path, start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
):
    judge(client, 90)
    champion, folder = model.champion_name(registry), tmp_path / "retrain"
    schedulers = [start("scheduler"), start("scheduler")]
    (trainer,) = eventually(lambda: trainers(folder), 200, "one of them trains")
    (busy,) = [number for number, scheduler in enumerate(schedulers) if scheduler.pid == trainer.ppid()]
    told = eventually(lambda: refused(tmp_path / f"{1 - busy}.log"), 100, "the other one wanted to, too")
    assert str(schedulers[busy].pid) in told and len(trainers(folder)) == 1

    schedulers[busy].kill()
    schedulers[busy].wait()
    eventually(lambda: not trainer.is_running(), 20, "the training process ends with its parent")
    assert version_names(registry) == [champion] and model.champion_name(registry) == champion
    assert [row["state"] for row in training_runs(client)] == ["started"]

    ended = (
        "SELECT uniqExactIf(id, state IN ('passed', 'rejected')), uniqExactIf(id, state = 'failed') FROM retrain_runs"
    )
    eventually(lambda: client.execute(ended)[0] != (0, 0), 240, "the other one brings it to an end")
    assert client.execute(ended) == [(1, 0)], training_runs(client)
    assert len(version_names(registry)) == 2
    assert client.execute("SELECT count() FROM model_events WHERE event = 'published'") == [(1,)]
    judged = next(row for row in training_runs(client) if row["state"] in ("passed", "rejected"))
    assert judged["labels"] == 90 and judged["champion"] == champion


def refused(log: Path) -> str:
    """What the scheduler said when it found a run under way."""
    told = [json.loads(line)["message"] for line in log.read_text().splitlines() if line.startswith("{")]
    return next((message for message in told if message.startswith("no run: a run is under way")), "")


PUBLISH = """
import sys
from pathlib import Path
from model.registry import publish
print(publish(Path(sys.argv[1]), Path(sys.argv[2])), flush=True)
"""


@pytest.mark.parametrize("until", ["version", "version/en.onnx", "finsent-*/manifest.json"])
def test_a_kill_while_publishing_leaves_no_half_of_a_version(registry: Path, tmp_path: Path, until: str):
    champion = model.champion_name(registry)
    again = shutil.copytree(tmp_path / "start", tmp_path / "again")
    config = json.loads((again / "config.json").read_text())
    config["calibration"]["alone"]["temperature"] = 2.5
    (again / "config.json").write_text(json.dumps(config))
    command = [sys.executable, "-c", PUBLISH, str(registry), str(again)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    eventually(lambda: list(registry.glob(f".building-*/{until}")) or process.poll() is not None, 60, "it builds")
    process.kill()
    out, _ = process.communicate()
    found = [name for name in version_names(registry) if name != champion]
    assert found == out.split() if out else len(found) <= 1
    for name in found:  # it was quicker than the kill: then it is whole
        verify(registry, name)
    assert model.champion_name(registry) == champion
    version = publish(registry, again)
    assert set(version_names(registry)) == {champion, version} and not list(registry.glob(".building-*"))
    verify(registry, version)
