"""A whole run killed in training is brought to its end, on the real ClickHouse."""

from __future__ import annotations

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
from retrain import CannotTrain, Progress, retrain
from retrain.data import LABELS, phrases
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

    told: list[Progress] = []
    outcome = eventually(lambda: _retrained(client, registry, settings, told), 60, "the killed process is gone")
    assert outcome.run == run["id"] and told[0] == {"stage": f"run {run['id']} goes on"}
    assert {progress["epoch"] for progress in told[1:]} == {2}
    assert outcome.labels > 60 and len(training_runs(client)) == 1 and training_runs(client)[0]["state"] != "started"
    with pytest.raises(CannotTrain, match="no run to go on with"):
        retrain(client, registry, settings, resume=True)


def _retrained(client: Any, registry: Path, settings: RetrainSettings, told: list[Progress]) -> Any:
    from retrain import Busy

    try:
        return retrain(client, registry, settings, progress=told.append)
    except Busy:
        return None
