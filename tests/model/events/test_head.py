"""The head over the model's embeddings: when it is used, and what it adds to the reading by words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import model
from documents.events import load_event_types
from model.events import EventHead, EventReader, EventWeights, load_event_reader

TEXT, SURFACE = "Acme files for bankruptcy protection", "Acme"


@pytest.fixture(scope="module")
def scorer(shipped: Path) -> model.Scorer:
    return model.load(model.champion_folder(shipped))


class Turned:
    """A version of the model whose embeddings are the ``real`` ones, turned so that their cosine to those is known."""

    def __init__(self, real: model.Scorer, cosine: float) -> None:
        self._real, self._cosine = real, cosine

    def embed(
        self, texts: Sequence[str], entities: Sequence[str | None], languages: Sequence[str | None]
    ) -> np.ndarray:
        known = self._real.embed(texts, entities, languages)
        away = np.random.default_rng(1).normal(size=known.shape)
        away -= (away * known).sum(axis=1, keepdims=True) * known
        away /= np.linalg.norm(away, axis=1, keepdims=True)
        return np.asarray(self._cosine * known + np.sqrt(1 - self._cosine**2) * away, np.float32)


def test_the_model_that_ships_is_the_one_that_the_head_was_fitted_on(scorer: model.Scorer) -> None:
    assert load_event_reader().suits(scorer.version, scorer)


@pytest.mark.parametrize(("cosine", "suits"), [(0.97, True), (0.9, False)])
def test_a_model_whose_embeddings_have_moved_away_is_read_without_it(
    scorer: model.Scorer, cosine: float, suits: bool
) -> None:
    assert load_event_reader().suits("other", Turned(scorer, cosine)) is suits


def test_a_model_that_reads_no_english_is_read_without_it() -> None:
    class Silent:
        def embed(self, texts: Sequence[str], entities: Sequence[object], languages: Sequence[object]) -> np.ndarray:
            return np.zeros((len(texts), 384), np.float32)

    assert not load_event_reader().suits("silent", Silent())


def weights_with(head: float) -> EventWeights:
    """Weights that know one word, ``bankruptcy``, and a head that gives every text the logit ``head``."""
    types = ["bankruptcy", "recall"]
    rows = np.zeros((1, 2 + 3 + 7), np.int8)
    rows[0, 0] = 100
    bias = np.concatenate([[-4.0, -4.0], np.zeros(10)]).astype(np.float32)
    probed = np.eye(4, dtype=np.float32)[:1]
    return EventWeights(
        types, {"bankruptcy": 0}, rows, np.full(12, 0.06, np.float32), bias,
        np.zeros((2, 3), np.float32), np.zeros((2, 7), np.float32),
        EventHead(
            np.zeros((4, 2), np.float32), np.zeros(2, np.float32), np.zeros((2, 2), np.float32),
            np.full(2, head / 2, np.float32), 0.5, ["Acme is here"], probed,
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("head", "language", "told"),
    [
        (0.0, "en", {"bankruptcy": 1.0}),  # the words say 2 for it and -4 for the recall, the head 0: the mean is told
        (-4.0, "en", {}),
        (6.0, "en", {"bankruptcy": 4.0, "recall": 1.0}),
        (-4.0, "zh", {"bankruptcy": 2.0}),
        (-4.0, None, {"bankruptcy": 2.0}),
    ],
)
def test_the_mean_of_both_decides_in_english_and_the_words_alone_elsewhere(
    head: float, language: str | None, told: dict[str, float]
) -> None:
    reader = EventReader(weights_with(head), load_event_types())
    (events,) = reader.read([TEXT], ["X"], [SURFACE], [language], np.eye(4, dtype=np.float32)[:1])
    assert {one.type: one.probability for one in events} == {
        kind: pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-3) for kind, logit in told.items()
    }


def test_a_text_in_several_pieces_is_read_by_its_words() -> None:
    reader = EventReader(weights_with(-9.0), load_event_types())
    text = "The annual report is published today. " * 20 + TEXT + "."
    (events,) = reader.read([text], ["X"], [SURFACE], ["en"], np.eye(4, dtype=np.float32)[:1])
    assert [one.type for one in events] == ["bankruptcy"]


def test_the_head_is_kept_with_the_weights(tmp_path: Path) -> None:
    weights_with(0.5).write(tmp_path)
    head = EventWeights.read(tmp_path).head
    assert head is not None and head.probes == ["Acme is here"]
    assert head.logits(np.ones((4, 2), np.float32), np.eye(4, dtype=np.float32)).tolist() == [[0.75, 0.75]] * 4


def test_weights_without_a_head_read_by_words_alone(tmp_path: Path, scorer: model.Scorer) -> None:
    full = weights_with(0.0)
    EventWeights(*(getattr(full, name) for name in full.__slots__ if name != "head")).write(tmp_path)
    reader = EventReader(EventWeights.read(tmp_path), load_event_types())
    assert not reader.suits(scorer.version, scorer)
    assert [one.type for one in reader.read([TEXT], ["X"], [SURFACE], ["en"])[0]] == ["bankruptcy"]
