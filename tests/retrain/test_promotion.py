"""Who decides that a version that passed its gate becomes champion: a rule, or a person."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import torch
from clickhouse_driver import Client

import model
from documents import LABELS, Label, Position
from model.encoder import base
from model.registry import current_shadow, promote, publish
from retrain.data.phrases import phrases
from retrain.fit import SentimentEncoder, write_adapter
from retrain.judge import Verdict
from retrain.run import _Run
from settings import RetrainSettings
from storage import write_labels


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A registry with two small versions, and their names."""
    folder = tmp_path_factory.mktemp("promotion")
    torch.manual_seed(0)
    encoder, one = base("minilm"), {"temperature": 1.0, "bias": [0.0, 0.0, 0.0]}
    config = {"base": "minilm", "languages": ["en"], "calibration": {"alone": one, "pair": one}}
    write_adapter(folder / "start", encoder.weights, SentimentEncoder(encoder).weights(), 4, config)
    other = shutil.copytree(folder / "start", folder / "other")
    written = json.loads((other / "config.json").read_text())
    written["calibration"]["alone"]["temperature"] = 2.5
    (other / "config.json").write_text(json.dumps(written))
    names = [publish(folder / "registry", adapter) for adapter in (folder / "start", other)]
    return folder / "registry", names[0], names[1]


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("shadow", [0, 100])
def test_what_learned_from_labels_of_nobody_known_is_promoted_by_a_person_only(
    client: Client, published: tuple[Path, str, str], shadow: int, by_hand: bool, tmp_path: Path
):
    original, champion, challenger = published
    registry = Path(shutil.copytree(original, tmp_path / "registry"))
    promote(registry, champion)
    settings = RetrainSettings(folder=tmp_path, shadow_documents=shadow, annotators="anna")
    told: list[str] = []
    run = {"id": "r", "cause": "labels", "champion": champion, "labels_until": datetime.now(UTC)}
    with (tmp_path / "lock").open("w") as lock:
        decider = _Run(client, registry, settings, lambda *event: told.append(event[0]), lambda _: None, run, lock)
        reason = decider._decide(challenger, champion, Verdict([]), 30)
        assert model.champion_name(registry) == champion and current_shadow(registry) is None and not told
        assert "30 labels of no known annotator" in reason and f"finsent model promote {challenger}" in reason
        run["cause"] = "now" if by_hand else "labels"
        decider._decide(challenger, champion, Verdict([]), 30 if by_hand else 0)
    shadowed = current_shadow(registry)
    assert told == (["shadowed"] if shadow else ["promoted"])
    assert (shadowed.version if shadowed else model.champion_name(registry)) == challenger


def test_a_run_learns_little_from_those_whom_nobody_knows_and_is_judged_on_known_annotators(
    client: Client, tmp_path: Path
):
    texts, now = list(dict.fromkeys(one.text for one in phrases(400, 1))), datetime.now(UTC)
    given = [
        Label(Position("labels", "t", 0, n), LABELS[n % 3], "anna" if n < 200 else f"name {n % 7}", now, text=text)
        for n, text in enumerate(texts)
    ]
    write_labels(client, given)
    settings = RetrainSettings(folder=tmp_path, annotators="anna", annotator_share=0.1)
    run = {"id": "r", "cause": "labels", "champion": "", "labels_until": now + timedelta(minutes=1)}
    with (tmp_path / "lock").open("w") as lock:
        used = _Run(client, tmp_path, settings, lambda *event: None, lambda _: None, run, lock)._labels(None)
    known = {part: sum(item.known for item in items) for part, items in used.parts.items()}
    others = {part: len(items) - known[part] for part, items in used.parts.items()}
    assert others["validation"] == others["test"] == 0 < min(known.values())
    assert others["train"] == known["train"] // 9 == used.strange, "a tenth of what is learned"
    hers = {label.text for label in given if label.annotator == "anna"}
    assert used.tested and {one.text for one in used.tested} <= hers
