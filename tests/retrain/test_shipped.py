"""How the default model is made: a training over the labelled sets that goes on where it was interrupted."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from model.encoder import CENTER, merged
from retrain.data import ADDED, LABELS, PART_LANGUAGES, TRAINED_ON, Example, part_of, phrases
from retrain.fit import Epoch
from retrain.judge import score_table, signs_of_sets
from retrain.shipped import Options, make, recipe
from retrain.shipped.calibrate import experimental
from retrain.shipped.rows import most_rows, shipped_rows


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


def test_a_set_can_be_limited_and_repeated(data: Path):
    names = most_rows(["sentfin:5", "tfns"])
    assert names == {"sentfin": 5, "tfns": None}
    rows = shipped_rows(data, "en", names, ["tfns"], 0, 1, 0).training
    whole = shipped_rows(data, "en", {"tfns": None}, [], 0, 1, 0).training
    counts = Counter(example.dataset for example in rows)
    assert counts == {"sentfin": 5, "tfns": 2 * len(whole)} and whole
    assert rows == shipped_rows(data, "en", names, ["tfns"], 0, 1, 0).training


def test_each_language_is_read_by_one_part():
    codes = [code for languages in PART_LANGUAGES.values() for code in languages]
    assert len(codes) == len(set(codes)) and {part_of(code) for code in codes} == TRAINED_ON.keys() == ADDED.keys()
    assert part_of("de") == part_of("ja") == "more"
    with pytest.raises(ValueError, match="'el'"):
        part_of("el")


def test_a_language_is_experimental_until_some_set_is_read_well():
    scores, signs = {"es_headlines": 0.7, "ja_reports": 0.8, "de_news": 0.4}, {"es_headlines": 0.9, "de_news": 0.7}
    assert experimental(["de", "es", "fr", "ja"], scores, signs) == ["de", "fr"]


def test_the_sign_counts_rows_that_have_one():
    rows = [Example("ja_reports", "", 2), Example("ja_reports", "", 1), Example("ja_reports", "", 0)]
    p = np.array([[0.3, 0.6, 0.4], [0.9, 0.05, 0.05], [0.2, 0.1, 0.7]])
    assert signs_of_sets(p, rows) == {"ja_reports": 0.5}
    assert signs_of_sets(p[1:2], rows[1:2]) == {}
    assert "sign 0.500" in score_table(p, rows)
