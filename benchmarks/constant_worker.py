"""A worker whose scorer costs nothing: the ceiling that streaming sets. For ``benchmarks.pipeline`` alone."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

import stream.worker
from model import Scorer, Scores
from stream.steps.read import Pipeline


class ConstantScorer:
    """Neutral for every text; the vectors are random ones, so that they are unlike as those of real texts are."""

    def __init__(self, real: Scorer) -> None:
        # The champion's name, or the worker would exchange it for the champion.
        self.version, self.explain, self.topics = real.version, real.explain, real.topics

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
        probabilities = np.tile(np.float32([0.25, 0.5, 0.25]), (len(texts), 1))
        tokens, supported = np.ones(len(texts), np.int32), np.ones(len(texts), bool)
        return Scores(probabilities, vectors, tokens, np.log(probabilities), supported)


class ConstantPipeline(Pipeline):
    """The pipeline that does everything but score."""

    def __init__(self, scorer: Any, *others: Any) -> None:
        super().__init__(ConstantScorer(scorer), *others)  # type: ignore[arg-type]


if __name__ == "__main__":
    stream.worker.Pipeline = ConstantPipeline  # type: ignore[misc]
    stream.worker.run()
