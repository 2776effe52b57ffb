"""A second opinion on the events of an English text, from the encoder's embedding of the pair of text and company.

The linear reader knows words; the embedding knows what they mean, also those that no list has. It only holds for
embeddings like those that it was fitted on, so it comes with some sentences and their embeddings (``probes``): a
version of the model whose embeddings of them have moved away is read without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

LANGUAGE = "en"
"""The head was fitted on the embeddings of the part that reads this language. (In Chinese it brought nothing.)"""

NEAR = 0.95
"""The least mean cosine of the probes' embeddings to those of the fit."""

STAND_IN = "Acme"
"""The company of the probes."""


class Embeds(Protocol):
    """A version of the model, as far as the head needs it."""

    def embed(
        self, texts: Sequence[str], entities: Sequence[str | None], languages: Sequence[str | None]
    ) -> np.ndarray:
        """The embeddings of pairs, float32 [n, hidden], of unit length."""


@dataclass(frozen=True, slots=True)
class EventHead:
    """One hidden layer. ``first`` is float [hidden, width], ``first_bias`` [width], ``second`` [width, types] and
    ``second_bias`` [types]. ``words`` is the share of the logit by words, which is added. ``probes`` are texts about
    ``STAND_IN``, and ``probed`` [n, hidden] their embeddings."""

    first: np.ndarray
    first_bias: np.ndarray
    second: np.ndarray
    second_bias: np.ndarray
    words: float
    probes: list[str]
    probed: np.ndarray

    def logits(self, by_words: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
        """The logits of the types, float32 [n, types], of texts with these logits by words."""
        # A unit vector of n numbers has numbers of size 1 / sqrt(n); the layer was fitted on numbers of size 1.
        wide = embeddings * np.float32(np.sqrt(embeddings.shape[1]))
        inner = np.maximum(wide @ self.first + self.first_bias, 0)
        return np.asarray(self.words * by_words + inner @ self.second + self.second_bias, np.float32)

    def suits(self, model: Embeds) -> bool:
        """Whether the embeddings of ``model`` are near enough to those of the fit."""
        n = len(self.probes)
        found = model.embed(self.probes, [STAND_IN] * n, [LANGUAGE] * n)
        return found.shape == self.probed.shape and float((found * self.probed).sum(axis=1).mean()) >= NEAR
