"""The shipped model, built once and run as it is served."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import model
from model import Scorer

TEXTS = [
    "Profit jumps 40 percent and the board raises its dividend",
    "The chief executive resigns after the fraud inquiry widens",
    "The company will publish its results on Thursday",
    "Ok",
    "Shares were little changed " * 80,
    "$ABC to the moon 🚀🚀",
    "Umsatz bleibt unverändert",
]


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("registry")
    model.ensure_default(folder)
    return folder


@pytest.fixture(scope="session")
def scorer(registry: Path) -> Scorer:
    return model.load(model.champion(registry))


@pytest.fixture
def copy(registry: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model.champion(registry), tmp_path / "copy"))


def test_what_anyone_would_say_of_plain_sentences(scorer: Scorer):
    labels = scorer.score(
        [
            "Profit jumps 40 percent and the board raises its dividend",
            "The company warns of heavy losses and cuts a third of its staff",
            "The company will publish its results on Thursday",
        ]
    ).probabilities.argmax(axis=1)
    assert labels.tolist() == [2, 0, 1]


def test_a_text_scores_the_same_in_any_batch(scorer: Scorer):
    together = scorer.score(TEXTS * 20)
    for i, text in enumerate(TEXTS):
        alone = scorer.score([text])
        assert np.array_equal(alone.logits[0], together.logits[i]), text
        assert np.array_equal(alone.embeddings[0], together.embeddings[i]), text


def test_results_come_in_the_order_of_the_texts(scorer: Scorer):
    order = np.random.default_rng(1).permutation(len(TEXTS))
    assert np.array_equal(scorer.score([TEXTS[i] for i in order]).logits, scorer.score(TEXTS).logits[order])


def test_shapes_and_units(scorer: Scorer):
    scores = scorer.score(TEXTS)
    assert scores.probabilities.shape == (7, 3) and scores.embeddings.shape == (7, 384)
    assert np.allclose(scores.probabilities.sum(axis=1), 1, atol=1e-5)
    assert np.allclose(np.linalg.norm(scores.embeddings, axis=1), 1, atol=1e-5)
    assert scores.tokens[3] == 3 and scores.tokens[4] == 256
    assert scorer.score([]).probabilities.shape == (0, 3)


def test_one_text_is_good_for_one_company_and_bad_for_the_other(scorer: Scorer):
    text = "Deutsche Bank shares plunge after a huge loss, while Commerzbank surges on record profit"
    bad, good = scorer.score([text, text], ["Deutsche Bank", "Commerzbank"]).probabilities
    assert bad[0] > good[0] and good[2] > bad[2]


def test_the_embedding_hardly_depends_on_the_entity_and_tells_topics_apart(scorer: Scorer):
    text = "Regulators open an antitrust inquiry into the search business"
    alone, about = scorer.score([text, text], [None, "Alphabet"]).embeddings
    like, unlike = scorer.score(
        ["Competition authorities investigate the company's search engine", "Crude oil inventories rose last week"]
    ).embeddings
    assert alone @ about > 0.85
    assert alone @ like > alone @ unlike + 0.2


def test_entities_must_match_the_texts(scorer: Scorer):
    with pytest.raises(ValueError, match="2 texts but 1 entities"):
        scorer.score(["a", "b"], ["x"])


def test_the_words_that_decide_are_found(scorer: Scorer):
    words = scorer.explain("On Monday the shares collapsed in early trade", None)
    assert min(words, key=lambda word: word[1])[0] == "collapsed"


def test_a_changed_file_is_refused(copy: Path):
    data = bytearray((copy / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "model.onnx").write_bytes(data)
    with pytest.raises(model.BadVersion, match="sha256"):
        model.load(copy)


def test_a_path_out_of_the_version_is_refused(copy: Path):
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"]["../other"] = "0"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(model.BadVersion, match="not a file in it"):
        model.load(copy)


def test_outputs_that_are_not_the_published_ones_are_refused(copy: Path):
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["golden"][0]["probabilities"] = [1.0, 0.0, 0.0]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(model.BadVersion, match="golden"):
        model.load(copy)


def test_building_at_once_in_two_processes_gives_one_version(tmp_path: Path):
    with ProcessPoolExecutor(2) as pool:
        names = list(pool.map(model.ensure_default, [tmp_path, tmp_path]))
    assert names[0] == names[1] and model.versions(tmp_path) == [names[0]]


def test_promoting_what_does_not_exist_changes_nothing(registry: Path):
    before = model.champion(registry)
    with pytest.raises(FileNotFoundError, match="no version"):
        model.promote(registry, "unknown")
    assert model.champion(registry) == before
