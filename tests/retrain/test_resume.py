"""A whole run killed in training is brought to its end, on the real ClickHouse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch

import model
from documents import Label, Position
from model.encoder import base
from model.registry import promote, publish, version_names
from retrain import Busy, CannotTrain, Job, Progress, exclusive, forget_texts, retrain
from retrain.data import LABELS, Rows, phrases
from retrain.fit import SentimentEncoder, write_adapter
from settings import ClickHouseSettings, RetrainSettings
from storage import connect, migrate, write_labels
from storage.reads import training_runs
from tests.support import eventually

HOW: dict[str, Any] = {
    "rank": 4,
    "layers": 1,
    "epochs": 2,
    "keep_rank": 4,
    "fewest_replayed": 30,
    "replay": 0.2,
    "nice": 0,
}


def test_a_run_killed_in_training_goes_on_and_only_if_nothing_else_changed(clickhouse_url: str, tmp_path: Path):
    client = connect(ClickHouseSettings(url=clickhouse_url))
    migrate(client)
    torch.manual_seed(0)
    encoder, one = base("minilm"), {"temperature": 1.0, "bias": [0.0, 0.0, 0.0]}
    config = {"base": "minilm", "languages": ["en"], "calibration": {"alone": one, "pair": one}}
    write_adapter(tmp_path / "start", encoder.weights, SentimentEncoder(encoder).weights(), 4, config)
    registry = tmp_path / "models"
    champion = publish(registry, tmp_path / "start")
    promote(registry, champion)
    now = datetime.now(UTC)
    examples = [replace(e, entity=None) for e in phrases(100, 5)]
    rows = [
        Label(Position("labels", "t", 0, n), LABELS[e.label], "anna", now, text=e.text) for n, e in enumerate(examples)
    ]
    write_labels(client, rows)
    stored = time.time() // 1
    eventually(lambda: time.time() // 1 > stored, 5, "the second in which the labels came is over")

    settings = RetrainSettings(**HOW, folder=tmp_path / "retrain")
    more = {f"RETRAIN_{name.upper()}": str(value) for name, value in {**HOW, "folder": settings.folder}.items()}
    environment = {**os.environ, **more, "CLICKHOUSE_URL": clickhouse_url, "MODEL_REGISTRY": str(registry)}
    command = [sys.executable, "-m", "finsent", "retrain", "--now"]
    killed = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.PIPE)
    try:
        eventually(
            lambda: list(tmp_path.glob("retrain/runs/*/first.checkpoint.safetensors")), 900, "an epoch is trained"
        )
    finally:
        os.killpg(killed.pid, signal.SIGKILL)
        killed.communicate()
    (run,) = training_runs(client)
    assert run["state"] == "started" and model.champion_name(registry) == champion
    assert version_names(registry) == [champion]

    folder = tmp_path / "retrain" / "runs" / run["id"]
    assert folder / "train.jsonl" in _texts(tmp_path, *(one.text for one in examples)), "they are needed to go on"

    told: list[Progress] = []
    outcome = eventually(lambda: _retrained(client, registry, settings, told), 60, "the killed process is gone")
    assert outcome.run == run["id"] and told[0] == {"stage": f"run {run['id']} goes on"}
    assert {progress["epoch"] for progress in told[1:]} == {2}
    assert outcome.labels > 60 and len(training_runs(client)) == 1 and training_runs(client)[0]["state"] != "started"
    assert not _texts(tmp_path, *(one.text for one in examples))
    rows = json.loads((folder / "rows.json").read_text())
    assert rows["train.jsonl"]["rows"] > 30 and len(rows["train.jsonl"]["sha256"]) == 64
    trained_on = json.loads((registry / outcome.challenger / "manifest.json").read_text())["data_sha256"]
    assert rows["train.jsonl"]["sha256"] == trained_on
    with pytest.raises(CannotTrain, match="no run to go on with"):
        retrain(client, registry, settings, resume=True)


def _retrained(client: Any, registry: Path, settings: RetrainSettings, told: list[Progress]) -> Any:
    try:
        return retrain(client, registry, settings, progress=told.append)
    except Busy:
        return None


def test_what_a_run_without_an_end_kept_is_deleted_but_not_while_one_is_under_way(tmp_path: Path):
    settings = RetrainSettings(folder=tmp_path / "retrain")
    assert forget_texts(settings) == 0 and not settings.place().exists()
    (tmp_path / "start").mkdir()
    rows, ended = Rows(phrases(3, 1), phrases(2, 2), phrases(1, 3), 0), Job(settings.place() / "runs" / "ended")
    for name, more in (("failed", phrases(4, 4)), ("killed", None)):
        Job(settings.place() / "runs" / name).write(name, settings, tmp_path / "start", rows, more)
    ended.folder.mkdir()
    texts = [one.text for part in (rows.train, rows.validation, rows.fixed) for one in part]
    with exclusive(settings.place()), pytest.raises(Busy):
        forget_texts(settings)
    assert _texts(tmp_path, *texts) and Job(settings.place() / "runs" / "failed").prepared

    assert forget_texts(settings) == 2
    failed = Job(settings.place() / "runs" / "failed")
    assert not _texts(tmp_path, *texts) and not failed.prepared and failed.settings() == settings
    kept = json.loads((failed.folder / "rows.json").read_text())
    assert {name: one["rows"] for name, one in kept.items()} == {
        "train.jsonl": len(rows.train),
        "validation.jsonl": len(rows.validation),
        "fixed.jsonl": len(rows.fixed),
        "unlabelled.jsonl": 4,
    }
    assert forget_texts(settings) == 0 and not (ended.folder / "rows.json").exists()
    assert json.loads((failed.folder / "rows.json").read_text()) == kept


def _texts(folder: Path, *texts: str) -> list[Path]:
    """The files in which one of ``texts`` stands."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(text.encode() in path.read_bytes() for text in texts)]
