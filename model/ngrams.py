"""The languages of many texts at once, by the n-grams of py3langid, whose ``classify`` takes one text at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from py3langid.langid import LanguageIdentifier

ERROR = 0.01
"""The probabilities given here differ from those of ``classify`` by less: it adds in float32, and in another order."""

_STRIDE = 1 << 32


class Ngrams:
    """The tables of ``identifier``, with which all texts walk its automaton side by side, a byte of each at a time."""

    def __init__(self, identifier: LanguageIdentifier) -> None:
        self._encode = identifier._encode
        self.languages = list(identifier.nb_classes)
        self._next = np.asarray(identifier.tk_nextmove)
        self._row = np.asarray(identifier.tk_row, np.int64) << 8
        self._feature = np.asarray(identifier.tk_output, np.int32)
        self._weights = np.ascontiguousarray(identifier.nb_ptc, np.float32)
        self._bias = np.asarray(identifier.nb_pc, np.float64)

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """The probability of each of ``languages``, float64 [texts, languages]."""
        encoded = [self._encode(text) for text in texts]
        lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
        scores = np.zeros((len(encoded), len(self.languages)))
        if not lengths.any():
            return scores + 1 / len(self.languages)
        order = np.argsort(-lengths, kind="stable")
        found = self._walk([encoded[number] for number in order], lengths[order])
        # Each n-gram of a text counts with the logarithm of its number there.
        keys, counts = np.unique(found, return_counts=True)
        owners, features = keys // _STRIDE, keys % _STRIDE
        if len(keys):
            starts = np.flatnonzero(np.diff(owners, prepend=-1))
            weighted = self._weights[features] * np.log1p(counts.astype(np.float64))[:, None]
            scores[order[owners[starts]]] = np.add.reduceat(weighted, starts, axis=0) + self._bias
        scores /= np.sqrt(np.maximum(lengths, 1))[:, None]
        chances = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(chances / chances.sum(axis=1, keepdims=True))

    def _walk(self, encoded: Sequence[bytes], lengths: np.ndarray) -> np.ndarray:
        """The n-grams that texts hold, the longest text first: number of the text * ``_STRIDE`` + number of the
        n-gram, once for each place."""
        longest = int(lengths[0])
        padded = b"".join(text.ljust(longest) for text in encoded)
        letters = np.ascontiguousarray(np.frombuffer(padded, np.uint8).reshape(len(encoded), longest).T)
        active = np.searchsorted(-lengths, -np.arange(longest), side="left")  # texts that have a letter at the place
        states = np.zeros(len(encoded), np.int64)
        found = np.full((longest, len(encoded)), -1, np.int32)
        for place, count in enumerate(active.tolist()):
            states = self._next[self._row[states[:count]] + letters[place, :count]]
            found[place, :count] = self._feature[states]
        places, owners = np.nonzero(found >= 0)
        return np.asarray(owners * _STRIDE + found[places, owners])
