"""The training process on tiny jobs: the same bytes each time, also after a kill; each of its options."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.encoder import base, merged
from retrain import Job as Folder
from retrain import Progress
from retrain.data import Example, phrases, write_examples
from retrain.fit import (
    PretrainRecipe,
    Recipe,
    SentimentEncoder,
    encode,
    pretrain,
    search,
    selftraining,
    train_job,
    write_adapter,
)
from retrain.fit.adversary import Adversary
from retrain.fit.inputs import collate
from retrain.fit.loop import new_network
from retrain.fit.losses import losses
from retrain.fit.prepare import prepare
from retrain.fit.pretraining import hide
from settings import RetrainSettings, settings_from

ROWS = [replace(e, dataset="labels") for e in phrases(60, 1)]
SMALL: dict[str, Any] = {"rank": 4, "layers": 1, "epochs": 2, "keep_rank": 4, "learning_rate": 5e-3}
SMALL |= {"tokens": 512, "nice": 0}

Job = Callable[..., Path]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter whose head has learned nothing."""
    folder = tmp_path_factory.mktemp("start") / "start"
    torch.manual_seed(0)
    encoder = base("minilm")
    one = {"temperature": 1.0, "bias": [0.0, 0.0, 0.0]}
    config = {"base": "minilm", "languages": ["en"], "calibration": {"alone": one, "pair": one}}
    write_adapter(folder, encoder.weights, SentimentEncoder(encoder).weights(), 4, config)
    return folder


@pytest.fixture
def job(tmp_path: Path, start: Path) -> Job:
    def made(name: str, unlabelled: list[Example] | None = None, **settings: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "start").symlink_to(start)
        write_examples(folder / "train.jsonl", ROWS[:36])
        write_examples(folder / "validation.jsonl", ROWS[36:])
        if unlabelled:
            write_examples(folder / "unlabelled.jsonl", unlabelled)
        told = RetrainSettings(**(SMALL | settings)).model_dump(mode="json")
        (folder / "job.json").write_text(json.dumps({"settings": told}))
        return folder

    return made


def finetune(job: Path) -> None:
    train_job(Folder(job))


def process(job: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "retrain", str(job), str(os.getpid())]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def made(job: Path) -> tuple[bytes, str]:
    return (job / "out" / "adapter.safetensors").read_bytes(), (job / "curves.json").read_text()


def test_a_training_killed_in_the_middle_goes_on_to_the_very_same_bytes(job: Job):
    finetune(whole := job("whole", epochs=3))
    killed = job("killed", epochs=3)
    first = process(killed)
    assert first.stdout is not None
    for line in first.stdout:
        told = json.loads(line)
        if told["epoch"] == 2:  # the second epoch is under way
            first.kill()
            break
    first.communicate()
    assert first.returncode == -9 and not (killed / "done.json").exists() and not (killed / "out").exists()
    second = process(killed)
    out, err = second.communicate(timeout=600)
    assert second.returncode == 0, err
    assert {json.loads(line)["epoch"] for line in out.splitlines()} == {2, 3}
    assert made(killed) == made(whole)


def test_another_seed_makes_another_model_and_tensorboard_has_its_curves(job: Job):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    one, two, other = job("one"), job("two"), job("other", seed=18)
    for folder in (one, two, other):
        finetune(folder)
    assert made(one) == made(two) != made(other)
    events = EventAccumulator(str(one / "tensorboard"))
    events.Reload()
    curves = json.loads((one / "curves.json").read_text())
    logged = [round(event.value, 5) for event in events.Scalars("validation/macro-F1")]
    assert logged == [round(point["validation_macro_f1"], 5) for point in curves[1:]]
    assert len(events.Scalars("training/loss")) == curves[-1]["step"] > 0
    assert (one / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_several_processes_train_one_model(job: Job):
    folder = job("both", processes=2, epochs=1)
    running = process(folder)
    out, err = running.communicate(timeout=600)
    assert running.returncode == 0, err
    single = job("single", epochs=1)
    finetune(single)
    steps = [json.loads((f / "curves.json").read_text())[-1]["step"] for f in (folder, single)]
    assert steps[0] == -(-steps[1] // 2)  # they shared the batches
    assert [json.loads(line)["epoch"] for line in out.splitlines()] == [1] * (steps[0] + 1)  # one of them tells


def test_the_adversary_moves_texts_to_where_the_loss_is_higher(job: Job):
    folder = job("attacked", dropout=0.0, adversarial=0.05)
    settings = Folder(folder).settings()
    given = prepare(Folder(folder), settings).material
    network = new_network(given.encoder, given.start, Recipe.of(settings)).train()
    for part in network.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    inputs, rows = collate(encode(given.reader, ROWS[:16])), ROWS[:16]
    plain = losses(network(*inputs)[0], rows, 0).mean()
    adversary = Adversary(network, 0.05)
    watched = losses(network(*inputs)[0], rows, 0).mean()
    watched.backward()
    with adversary.attacking():
        attacked = losses(network(*inputs)[0], rows, 0).mean()
    adversary.leave()
    assert watched.item() == pytest.approx(plain.item(), abs=1e-6) and attacked.item() > plain.item() + 0.01
    assert losses(network(*inputs)[0], rows, 0).mean().item() == pytest.approx(plain.item(), abs=1e-6)
    finetune(folder)
    finetune(without := job("without", dropout=0.0))
    assert made(folder) != made(without)


def test_a_search_tries_prunes_and_its_best_settings_are_used_and_kept(job: Job):
    folder = job("searched", search=3, epochs=1)
    told: list[Progress] = []
    search(Folder(folder), told.append)
    found = json.loads((folder / "search.json").read_text())
    assert len(found["trials"]) == 3 and (folder / "study.jsonl").exists()
    assert found["trials"][0]["settings"]["learning_rate"] == 5e-3  # the settings as they were
    assert found["validation_macro_f1"] == max(
        t["validation_macro_f1"] for t in found["trials"] if t["state"] == "COMPLETE"
    )
    assert told[-1]["stage"] == "trial 3 of 3" and told[-1]["step"] <= told[-1]["steps"]
    finetune(folder)
    config = json.loads((folder / "out" / "config.json").read_text())
    assert {name: config["settings"][name] for name in found["best"]} == {n: str(v) for n, v in found["best"].items()}
    curves = json.loads((folder / "curves.json").read_text())
    assert max(point["validation_macro_f1"] for point in curves) == found["validation_macro_f1"]
    (folder / "search.json").unlink()
    search(Folder(folder), lambda progress: pytest.fail("a finished trial ran again"))


def test_self_training_takes_steady_answers_in_peoples_proportions_and_only_what_helps(job: Job):
    candidates = [replace(e, dataset="unlabelled", label=1) for e in phrases(60, 2)]
    folder = job("taught", candidates, self_training=1.0, confident=0.5001, epochs=4, patience=4)
    finetune(folder)
    said = json.loads((folder / "self_training.json").read_text())
    people = Counter(e.label for e in ROWS[:36])
    taken = sum(said["taken"].values())
    assert said["candidates"] == 60 >= said["steady"] >= said["sure"] >= taken > 0
    for number, name in enumerate(("negative", "neutral", "positive")):
        assert said["taken"].get(name, 0) <= people[number]
    assert said["kept"] == (said["validation_after"] > said["validation_before"])
    done = json.loads((folder / "done.json").read_text())
    best = max(said["validation_after"], said["validation_before"])
    assert done["validation_macro_f1"] == best if done["share"] == 1 else done["validation_macro_f1"] > best


def test_what_the_network_is_not_sure_of_teaches_nothing(job: Job):
    folder = job("unsure", [replace(e, dataset="unlabelled") for e in phrases(24, 2)])
    settings = Folder(folder).settings()
    given = prepare(Folder(folder), settings).material
    network = new_network(given.encoder, given.start, Recipe.of(settings))  # its head has learned nothing
    chosen = selftraining.choose(network, given.reader, ROWS[:24], ROWS[24:], 0.95, 1.0, 17)
    assert chosen.candidates == 24 and chosen.sure == 0 and chosen.rows == []


def test_pretraining_guesses_hidden_pieces_better_and_training_starts_from_it(start: Path, tmp_path: Path, job: Job):
    encoder = base("minilm")
    weights, _ = merged(start)
    texts = sorted({e.text for e in phrases(300, 3)})
    found = pretrain(encoder, weights, texts, PretrainRecipe(layers=1, epochs=2, rate=1e-3))
    assert found.losses[2] < found.losses[1] < found.losses[0] - 1
    assert 0 < found.drift < 0.3
    assert np.array_equal(
        found.weights["embeddings.word_embeddings.weight"], weights["embeddings.word_embeddings.weight"]
    )
    folder = job("adapted")
    (folder / "start").unlink()
    write_adapter(folder / "start", encoder.weights, found.weights, 4, json.loads((start / "config.json").read_text()))
    finetune(folder)
    assert (folder / "done.json").exists()


def test_a_share_of_the_pieces_is_hidden_and_never_the_separators():
    ids = torch.arange(10, 10 + 64 * 40).reshape(64, 40)
    text = torch.zeros_like(ids)
    text[:, 5:30] = 1
    shown, places = hide(ids, text, 3, 5000, torch.Generator().manual_seed(0))
    assert not places[:, :5].any() and not places[:, 29:].any()
    assert places[:, 5:29].float().mean().item() == pytest.approx(0.15, abs=0.03)
    assert torch.equal(shown[~places], ids[~places])
    assert (shown[places] == 3).float().mean().item() == pytest.approx(0.8, abs=0.08)


def test_a_file_of_settings_says_what_is_wrong_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RETRAIN_EPOCHS", "5")
    file = tmp_path / "careful.yaml"
    file.write_text("epochs: 2\nlearning_rate: 1e-3\nmethod: full\n")
    settings = settings_from(file)
    assert (settings.epochs, settings.learning_rate, settings.method) == (2, 1e-3, "full")
    for text, why in (
        ("epoch: 2", "epoch: no such setting; is epochs meant"),
        ("epochs: 0\ndropout: x", r"epochs: input should be greater.*dropout: input should be a valid number"),
        ("- epochs", "must hold lines such as"),
        ("epochs: [", "not YAML"),
    ):
        file.write_text(text)
        with pytest.raises(ValueError, match=f"(?s)careful.yaml.*{why}"):
            settings_from(file)
    with pytest.raises(ValueError, match="cannot be read"):
        settings_from(tmp_path / "missing.yaml")
