"""From texts to the tensors that the network reads."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from documents import as_read, whole_words
from model.encoder import Base
from retrain.data import Example

MAX_TOKENS = 128


@dataclass(frozen=True, slots=True)
class Reader:
    """How an encoder reads a text (see ``encode``): its tokenizer, the word that stands in for an entity's name ('' for
    none), the words that its vocabulary holds whole, and whether figures are compared in words."""

    tokenizer: Tokenizer
    stand_in: str
    words: frozenset[str]
    figures: bool = False

    @classmethod
    def of(cls, encoder: Base, max_tokens: int = MAX_TOKENS, stand_in: str = "", figures: bool = False) -> Reader:
        """The reader of ``encoder``. Of a pair that is too long, the longer side is cut, which is the text."""
        tokenizer = Tokenizer.from_str(encoder.tokenizer)
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens, strategy="longest_first")
        return cls(tokenizer, stand_in, whole_words(tokenizer.get_vocab()), figures)


def encode(reader: Reader, examples: Sequence[Example]) -> list[Encoding]:
    """One encoding an example: the pair (entity, text), the text with the stand-in for the entity's name, or the text
    alone."""
    read = (as_read(e.text, e.entity, reader.stand_in, reader.words, reader.figures) for e in examples)
    return reader.tokenizer.encode_batch([(entity, text) if entity else text for text, entity in read])


def collate(encodings: Sequence[Encoding]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(ids, types, attention, text), int64 [n, longest] each; ``text`` marks the tokens of the last segment."""
    longest = max(len(encoding) for encoding in encodings)
    ids, types, attention, text = (np.zeros((len(encodings), longest), np.int64) for _ in range(4))
    for i, encoding in enumerate(encodings):
        n = len(encoding)
        ids[i, :n], types[i, :n], attention[i, :n] = encoding.ids, encoding.type_ids, 1
        segments = np.array([-1 if segment is None else segment for segment in encoding.sequence_ids])
        text[i, :n] = segments == max(segments.max(), 0)
    return torch.from_numpy(ids), torch.from_numpy(types), torch.from_numpy(attention), torch.from_numpy(text)


def batches(lengths: Sequence[int], tokens: int, seed: int, shuffle: bool = True) -> Iterator[list[int]]:
    """Indices in batches of about ``tokens`` tokens. Texts of similar length are in one batch, and the batches are
    shuffled."""
    rng = random.Random(seed)
    noisy = [(length * (rng.uniform(0.9, 1.1) if shuffle else 1), i) for i, length in enumerate(lengths)]
    order = [i for _, i in sorted(noisy)]
    made: list[list[int]] = [[]]
    for i in order:
        if made[-1] and (len(made[-1]) + 1) * lengths[i] > tokens:
            made.append([])
        made[-1].append(i)
    if shuffle:
        rng.shuffle(made)
    yield from made
