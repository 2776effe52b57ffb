"""What a run learns from beside the new labels, so that it does not forget: old rows that are shown again."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from clickhouse_driver import Client

import model
from documents import whole_text
from retrain.data.examples import LABELS, Example
from retrain.data.fixed_test import fixed_test
from retrain.data.labelled_sets import TRAINED_ON, load, part_of, split
from retrain.data.labels import Judged
from retrain.data.phrases import phrases
from settings import RetrainSettings
from storage.reads import confident_documents, unlabelled_documents

FEWEST_CHECKED = 1500
"""Old rows in the validation part; they show during training what is being forgotten."""

MOST_TESTED = 2500
"""The fixed test is thinned out to about so many rows."""

MOST_UNLABELLED = 3000
NEAR = 0.6
"""Cosine from which two documents are taken to say the same."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a run trains on, chooses the best epoch by, and is tested on beside the new labels."""

    train: list[Example]
    validation: list[Example]
    fixed: list[Example]
    replayed: int


def rows_to_learn(
    client: Client,
    settings: RetrainSettings,
    items: Mapping[str, Sequence[Judged]],
    scorer: model.Scorer,
    champion: str,
    language: str,
) -> Rows:
    """The labelled ``items`` (by part, see ``retrain.data.labels.parts``) with old rows beside them.

    The old rows are of the labelled sets if RETRAIN_DATA names them. Otherwise they are phrases that ship, and stored
    documents of which the champion is sure.
    """
    learned = [item.example for item in items["train"]]
    count = max(settings.fewest_replayed, int(settings.replay * len(learned)))
    if settings.data is not None:
        replayed, checked, fixed = _of_sets(settings, settings.data, count, language)
    else:
        written = phrases(count // 2 + count // 8, settings.seed)
        checked, replayed = written[: count // 8], written[count // 8 :]
        wanted = count - len(replayed)
        replayed += _sure_documents(client, settings, wanted, items["train"], scorer, champion, language)
        fixed = fixed_test()
    validation = [*(item.example for item in items["validation"]), *checked]
    return Rows([*learned, *replayed], validation, fixed, len(replayed))


def _of_sets(
    settings: RetrainSettings, folder: Path, count: int, language: str
) -> tuple[list[Example], list[Example], list[Example]]:
    """(replayed rows, rows for validation, fixed test) of the labelled sets in ``folder``."""
    rng = random.Random(settings.seed)
    names = settings.sets.split(",") if settings.sets else TRAINED_ON[part_of(language)]
    old, checked, fixed = split(load(folder, names))
    replayed = rng.sample(old, min(count, len(old)))
    checked = rng.sample(checked, min(max(count // 2, FEWEST_CHECKED), len(checked)))
    return replayed, checked, fixed[:: -(-len(fixed) // MOST_TESTED)]


def _sure_documents(
    client: Client,
    settings: RetrainSettings,
    count: int,
    learned: Sequence[Judged],
    scorer: model.Scorer,
    champion: str,
    language: str,
) -> list[Example]:
    """Stored documents with the champion's own label, if it is sure of it.

    Left out are documents near a text that people labelled otherwise than the champion does: its errors must not be
    taught again.
    """
    rows = confident_documents(client, champion, language, settings.confident, count)
    if not rows:
        return []
    examples = [
        Example(
            "replayed",
            _text(row),
            LABELS.index(row["label"]),
            row["surfaces"][0] if len(row["surfaces"]) == 1 else None,
        )
        for row in rows
    ]
    people = [item.example for item in learned]
    scores = scorer.score([e.text for e in people], [e.entity for e in people], [language] * len(people))
    wrong = scores.embeddings[scores.probabilities.argmax(1) != np.array([e.label for e in people])]
    vectors = scorer.score([e.text for e in examples], None, [language] * len(examples)).embeddings
    near = (vectors @ wrong.T).max(axis=1, initial=-1.0) if len(wrong) else np.full(len(examples), -1.0)
    taught = {e.text for e in people}
    return [e for e, like in zip(examples, near, strict=True) if like < NEAR and e.text not in taught]


def documents_to_label(client: Client, labelled: Sequence[Example], language: str) -> list[Example]:
    """The latest documents that nobody labelled, for self-training. Texts that people labelled are left out, because
    some of them are the test."""
    known = {e.text for e in labelled}
    examples = []
    for row in unlabelled_documents(client, MOST_UNLABELLED):
        text = _text(row)
        if text not in known and model.detect(text) == language:
            examples.append(Example("unlabelled", text, 1))
    return examples


def _text(row: Mapping[str, Any]) -> str:
    return whole_text(row["title"], row["text"])
