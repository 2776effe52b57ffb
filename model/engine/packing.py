"""Makes batches of texts, and the graph's inputs of batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from tokenizers import Encoding

Inputs = dict[str, np.ndarray]
BATCH_TOKENS = 512
"""The batch size if nothing was tuned: about 32 headlines. Larger batches were measured to leave the caches."""

LARGE_NEGATIVE = -1e4
"""Added to the scores of padding in attention. Its exponential is exactly 0, and half precision can represent it."""


def batches(lengths: Sequence[int], tokens: int = BATCH_TOKENS) -> Iterator[list[int]]:
    """Batches of texts of like length, as indices. A batch has at most ``tokens`` tokens, or one text."""
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
    """The share of padding in attention when texts of these ``lengths`` are scored in one call.

    Linear layers compute no padding at all. ``multiple`` as in ``pack``.
    """
    places = sum(len(chosen) * _up(lengths[chosen[-1]], multiple) for chosen in batches(lengths, tokens))
    return 1 - sum(lengths) / places if places else 0.0


def pack(encodings: Sequence[Encoding], multiple: int = 1, bucketed: bool = False) -> Inputs:
    """The graph's inputs for one batch (see ``model.encoder.graph.build``).

    The longest length is rounded up to ``multiple``. With ``bucketed``, the longest length, the number of tokens and
    the number of texts are rounded up to few sizes, so that an allocator sees few shapes. The filling comes last: the
    first ``len(encodings)`` rows of the results are those of the texts, and the filling does not change them.
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
    # A text of special tokens alone has no tokens to take the mean of; the first token is used.
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
    """Which tokens belong to the texts themselves, bool [tokens], and not to entities or special tokens.

    The text is the last segment of its encoding. Segments are used because not all tokenizers give the text a type of
    its own.
    """
    segments = [[-1 if segment is None else segment for segment in encoding.sequence_ids] for encoding in encodings]
    return np.asarray(np.concatenate(segments) == np.repeat([max(0, *one) for one in segments], lengths))


def bucket(count: int, least: int) -> int:
    """``count`` rounded up to one of four sizes between two powers of two, and to at least ``least``."""
    step = max(least, 1 << max(0, count.bit_length() - 3))
    return max(least, _up(count, step))


def _up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple
