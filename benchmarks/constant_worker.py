"""A worker whose scorer costs nothing: the ceiling that streaming sets. For ``benchmarks.pipeline`` alone."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

import model
import stream
from model import Scorer, Scores
from settings import ModelSettings


class ConstantScorer:
    """Neutral for every text; the vectors are random ones, so that they are unlike as those of real texts are.

    All else is that of the ``real`` one, its name too, or the worker would exchange it for the champion.
    """

    def __init__(self, real: Scorer) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def score(
        self,
        texts: Sequence[str],
        entities: Sequence[str | None] | None = None,
        languages: Sequence[str | None] | None = None,
    ) -> Scores:
        """Made from the texts' checksum, so that equal batches are equal."""
        seed = zlib.crc32("\n".join(texts).encode())
        vectors = np.random.default_rng(seed).standard_normal((len(texts), 384), np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        probabilities = np.tile(np.array([0.25, 0.5, 0.25], np.float32), (len(texts), 1))
        tokens, supported = np.ones(len(texts), np.int32), np.ones(len(texts), bool)
        whole, cut = np.full((len(texts), 2), -1, np.int32), np.zeros(len(texts), bool)
        return Scores(probabilities, vectors, tokens, np.log(probabilities), supported, whole, cut)


def load(version: str) -> Any:
    """The scorer that costs nothing, in the place of ``version``."""
    settings = ModelSettings()
    return ConstantScorer(model.load(model.version_folder(settings.registry, version), settings))


if __name__ == "__main__":
    stream.run(load=load)
