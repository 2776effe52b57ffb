"""The test that every challenger takes if no labelled sets are at hand (RETRAIN_DATA is not set)."""

from __future__ import annotations

import json
from importlib import resources

from retrain.data.examples import LABELS, Example
from retrain.data.phrases import phrases

PHRASES = 200
PHRASES_SEED = 90_001
"""Another seed than that of the shipped model's training, so these phrases are new to it."""


def written_test() -> list[Example]:
    """Sentences that were written for this test; no model is trained on them."""
    text = (resources.files("retrain.data") / "fixed_test.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    return [Example("written", row["text"], LABELS.index(row["label"]), row.get("entity")) for row in rows]


def fixed_test() -> list[Example]:
    """The written sentences and phrases that no shipped model was trained on."""
    return [*written_test(), *phrases(PHRASES, PHRASES_SEED)]
