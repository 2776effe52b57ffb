"""How the default model is made: a training over the labelled sets that goes on where it was interrupted."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from model.encoder import CENTER, merged
from retrain.data import LABELS, TRAINED_ON, phrases
from retrain.fit import Epoch
from retrain.shipped import Options, make, recipe


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Labelled sets of a few rows each."""
    folder = tmp_path / "train"
    folder.mkdir()
    for seed, name in enumerate(TRAINED_ON["en"]):
        with gzip.open(folder / f"{name}.csv.gz", "wt", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("text", "label", "entity", "ticker", "extra"))
            rows.writerows((e.text, LABELS[e.label], e.entity or "", "", "") for e in phrases(40, seed))
    return folder


class Interrupted(Exception):
    pass


def test_an_interrupted_training_goes_on_to_the_very_same_adapter(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    options = {"data": data, "epochs": 2, "rank": 4, "keep_rank": 4, "limit": 40, "max_tokens": 32, "phrases": 20}
    make(Options(out=tmp_path / "whole", **options))

    def interrupt(self: object, done: Epoch) -> None:
        raise Interrupted

    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        patched.setattr(recipe._Reported, "epoch", interrupt)
        make(Options(out=tmp_path / "resumed", **options))
    assert [path.name for path in (tmp_path / "resumed").iterdir()] == ["shipped.checkpoint.safetensors"]
    make(Options(out=tmp_path / "resumed", **options))
    files = {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    assert set(files) == {"adapter.safetensors", "config.json"}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "resumed").iterdir()}

    weights, config = merged(tmp_path / "whole")
    assert np.linalg.norm(weights[CENTER]) > 0 and set(config["calibration"]) == {"alone", "pair"}
    written = json.loads(files["config.json"])
    assert written["languages"] == ["en"] and written["settings"]["epochs"] == "2" and "data" not in written["settings"]
