"""Text to sentiment: tokenise, pack into batches by length, run ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Encoding, Tokenizer

MAX_TOKENS = 256
BATCH_TOKENS = 512
"""Measured: about 32 headlines a batch; larger ones leave the caches."""

PADDED_TO = 16
"""Lengths inside attention are rounded up to this, so that a sum runs in the same order in any batch."""

MOST_ENTITY_CHARACTERS = 120
LARGE_NEGATIVE = -1e9


@dataclass(frozen=True, slots=True)
class Scores:
    """In the order of the texts: ``probabilities`` float32 [n, 3] (negative, neutral, positive; calibrated),
    ``embeddings`` float32 [n, 384] of unit length, ``tokens`` int32 [n] and ``logits`` float32 [n, 3]."""

    probabilities: np.ndarray
    embeddings: np.ndarray
    tokens: np.ndarray
    logits: np.ndarray


class Scorer:
    """One version of the model. Safe to use from several threads; the same text scores the same in any batch."""

    def __init__(self, folder: Path, version: str, temperature: float, threads: int = 1) -> None:
        self.version = version
        self._temperature = temperature
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        # An entity is shorter than its text, so of a pair the text is cut.
        self._tokenizer.enable_truncation(MAX_TOKENS, strategy="longest_first")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # shapes differ from batch to batch
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["BiasGeluFusion", "SkipLayerNormFusion"],
        )

    @property
    def providers(self) -> list[str]:
        """The execution providers that the session really uses."""
        return list(self._session.get_providers())

    def score(self, texts: Sequence[str], entities: Sequence[str | None] | None = None) -> Scores:
        """Score each text, about the entity beside it (as written in the text) or as a whole where it is None.

        Raises ``ValueError`` if there are not as many entities as texts.
        """
        if entities is not None and len(entities) != len(texts):
            raise ValueError(f"{len(texts)} texts but {len(entities)} entities")
        inputs = (
            list(texts)
            if entities is None
            else [
                (entity[:MOST_ENTITY_CHARACTERS], text) if entity else text
                for text, entity in zip(texts, entities, strict=True)
            ]
        )
        encodings = self._tokenizer.encode_batch(inputs)
        logits = np.empty((len(texts), 3), np.float32)
        embeddings = np.empty((len(texts), 384), np.float32)
        for chosen in _batches(encodings):
            outputs = self._session.run(None, _pack([encodings[i] for i in chosen]))
            logits[chosen], embeddings[chosen] = outputs
        tokens = np.array([len(encoding) for encoding in encodings], np.int32)
        return Scores(_softmax(logits / self._temperature), embeddings, tokens, logits)

    def explain(self, text: str, entity: str | None = None) -> list[tuple[str, float]]:
        """(word, contribution) of each word of ``text``, in order.

        A word's contribution is what the difference of the positive and the negative logit loses when the word
        is left out (occlusion, Zeiler and Fergus 2014); on logits, because probabilities saturate.
        """
        words = text.split()
        variants = [text] + [" ".join(words[:i] + words[i + 1 :]) or "." for i in range(len(words))]
        logits = self.score(variants, [entity] * len(variants)).logits
        sides = logits[:, 2] - logits[:, 0]
        return [(word, float(sides[0] - side)) for word, side in zip(words, sides[1:], strict=True)]


def _batches(encodings: Sequence[Encoding]) -> Iterator[list[int]]:
    """Indices of texts of like length, about ``BATCH_TOKENS`` tokens together."""
    chosen: list[int] = []
    tokens = 0
    for i in sorted(range(len(encodings)), key=lambda i: len(encodings[i])):
        if chosen and tokens + len(encodings[i]) > BATCH_TOKENS:
            yield chosen
            chosen, tokens = [], 0
        chosen.append(i)
        tokens += len(encodings[i])
    if chosen:
        yield chosen


def _pack(encodings: Sequence[Encoding]) -> dict[str, np.ndarray]:
    """The graph's inputs for one batch (see ``model.graph.build``)."""
    lengths = np.array([len(encoding) for encoding in encodings])
    longest = -(-int(lengths.max()) // PADDED_TO) * PADDED_TO
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
    places = np.arange(longest)
    held = places < lengths[:, None]
    ids = np.concatenate([encoding.ids for encoding in encodings]).astype(np.int64)
    types = np.concatenate([encoding.type_ids for encoding in encodings]).astype(np.int64)
    special = np.concatenate([encoding.special_tokens_mask for encoding in encodings])
    pooling = np.zeros((len(encodings), longest), np.float32)
    last = np.repeat([max(encoding.type_ids) for encoding in encodings], lengths)
    pooling[held] = (types == last) & (special == 0)
    # A text of special tokens alone has no mean of its own; [CLS] stands in.
    pooling[pooling.sum(axis=1) == 0, 0] = 1
    pooling /= pooling.sum(axis=1, keepdims=True)
    padded = np.where(held, first[:, None] + places, 0)
    return {
        "ids": ids,
        "types": types,
        "positions": np.broadcast_to(places, held.shape)[held].astype(np.int64),
        "padded": padded.astype(np.int64),
        "unpadded": np.flatnonzero(held).astype(np.int64),
        "mask": np.where(held, 0, LARGE_NEGATIVE).astype(np.float32)[:, None, None, :],
        "pooling": pooling[:, None, :],
        "first": first,
    }


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
