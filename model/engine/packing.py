"""Texts into batches, and batches into the inputs of the graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from tokenizers import Encoding

Inputs = dict[str, np.ndarray]
BATCH_TOKENS = 512
"""Where nothing was tuned. Measured: about 32 headlines a batch; larger ones leave the caches."""

LARGE_NEGATIVE = -1e4
"""The exponential of a score with this is exactly 0, and half precision can hold it."""


def batches(lengths: Sequence[int], tokens: int = BATCH_TOKENS) -> Iterator[list[int]]:
    """Indices of texts of like length, ``tokens`` tokens together at most (or one text)."""
    chosen: list[int] = []
    together = 0
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if chosen and together + lengths[i] > tokens:
            yield chosen
            chosen, together = [], 0
        chosen.append(i)
        together += lengths[i]
    if chosen:
        yield chosen


def padding_share(lengths: Sequence[int], tokens: int = BATCH_TOKENS, multiple: int = 1) -> float:
    """The share of places in attention where no token stands, of texts scored in one call (linear layers compute no
    padding at all); ``multiple`` as in ``pack``."""
    places = sum(len(chosen) * _up(lengths[chosen[-1]], multiple) for chosen in batches(lengths, tokens))
    return 1 - sum(lengths) / places if places else 0.0


def pack(encodings: Sequence[Encoding], multiple: int = 1, bucketed: bool = False) -> Inputs:
    """The graph's inputs for one batch (see ``model.encoder.graph.build``).

    The longest length is rounded up to ``multiple``. ``bucketed``: it, the number of tokens and the number of texts
    are rounded up to few sizes, so that an allocator sees few shapes. What fills them comes last and is nobody's: the
    results of the real texts are the first ``len(encodings)`` rows, and stay as they are.
    """
    lengths = np.array([len(encoding) for encoding in encodings])
    tokens, longest = int(lengths.sum()), _up(int(lengths.max()), multiple)
    extra = 0
    if bucketed:
        extra, longest = bucket(tokens, 64) - tokens, bucket(longest, 16)
        lengths = np.concatenate([lengths, np.zeros(bucket(len(lengths), 8) - len(lengths), lengths.dtype)])
    filling = np.zeros(extra, np.int64)
    own = own_tokens(encodings, lengths[: len(encodings)])
    first = np.cumsum(lengths) - lengths
    first[len(encodings) :] = 0
    places = np.arange(longest)
    held = places < lengths[:, None]
    pooling = np.zeros(held.shape, np.float32)
    pooling[held] = own
    # A text of special tokens alone has no mean of its own; the first token stands in.
    pooling[pooling.sum(axis=1) == 0, 0] = 1
    pooling /= pooling.sum(axis=1, keepdims=True)
    texts, positions = np.nonzero(held)
    return {
        "ids": np.concatenate([*(encoding.ids for encoding in encodings), filling]),
        "types": np.concatenate([*(encoding.type_ids for encoding in encodings), filling]),
        "positions": np.concatenate([positions, filling]),
        "texts": np.concatenate([texts, filling]),
        "padded": np.ascontiguousarray(np.where(held, first[:, None] + places, 0).T),
        "mask": np.where(held, np.float32(0), np.float32(LARGE_NEGATIVE))[:, None, None, :],
        "pooling": pooling[:, None, :],
        "first": first,
    }


def own_tokens(encodings: Sequence[Encoding], lengths: np.ndarray) -> np.ndarray:
    """Which of the tokens are the texts', bool [tokens]. The text is the last segment; not all tokenizers give it a
    type of its own, and special tokens have no segment."""
    segments = [[-1 if segment is None else segment for segment in encoding.sequence_ids] for encoding in encodings]
    return np.asarray(np.concatenate(segments) == np.repeat([max(0, *one) for one in segments], lengths))


def bucket(count: int, least: int) -> int:
    """``count`` rounded up to one of four sizes between powers of two, ``least`` at least."""
    step = max(least, 1 << max(0, count.bit_length() - 3))
    return max(least, _up(count, step))


def _up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple
