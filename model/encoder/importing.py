"""Imports a sequence classifier from a local Hugging Face directory: BERT or RoBERTa (XLM-R, CamemBERT) with three
classes.

Only safetensors and JSON are read, because loading a pickle can run any code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file
from tokenizers import BertWordPieceTokenizer, Tokenizer

from documents import LABELS
from errors import FinsentError
from model.encoder.bases import Weights
from model.encoder.graph import Architecture

_PREFIX = {"bert": "bert.", "roberta": "roberta.", "xlm-roberta": "roberta.", "camembert": "roberta."}
_HEADS = {
    "bert": {"pooler.dense": "head.dense", "classifier": "head.out"},
    "roberta": {"classifier.dense": "head.dense", "classifier.out_proj": "head.out"},
}
_LAYER = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
FEWEST_TOKENS = 8
LFS_POINTER = b"version https://git-lfs.github.com/spec/"


class CannotImport(FinsentError, ValueError):
    """A directory is not a classifier that can be imported. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Imported:
    """An imported classifier.

    ``weights`` and ``shape`` are for ``model.encoder.graph.build``, with the head's rows in the order of ``LABELS``.
    ``tokenizer`` is the text of a tokenizer.json, ``positions`` the longest input in tokens, and ``labels`` the order
    of the outputs in the directory.
    """

    base: str
    weights: Weights
    shape: Architecture
    tokenizer: str
    positions: int
    labels: tuple[str, ...]


def read_classifier(folder: Path, labels: Sequence[str] | None = None) -> Imported:
    """The classifier in ``folder``. ``labels`` are its outputs in their order; by default its own ``id2label``.

    Raises ``CannotImport``.
    """
    config = _json(folder / "config.json")
    kind = config.get("model_type")
    if kind not in _PREFIX:
        raise CannotImport(f"{folder}: model_type {kind!r} cannot be imported; {', '.join(_PREFIX)} can")
    for key, known in (("hidden_act", "gelu"), ("position_embedding_type", "absolute")):
        if config.get(key, known) != known:
            raise CannotImport(f"{folder}: {key} {config[key]!r} cannot be imported; {known!r} can")
    if (problem := config.get("problem_type")) not in (None, "single_label_classification"):
        raise CannotImport(f"{folder}: {problem!r} is not a choice of one class")
    order = _order(folder, config, labels)
    stored = _tensors(folder)
    try:
        shape = Architecture(
            layers=int(config["num_hidden_layers"]),
            hidden=int(config["hidden_size"]),
            heads=int(config["num_attention_heads"]),
            epsilon=float(config.get("layer_norm_eps", 1e-12)),
            head="dense",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CannotImport(f"{folder / 'config.json'}: {type(error).__name__} {error}") from error
    weights = _weights(folder, stored, kind, shape)
    rows = [order.index(label) for label in LABELS]
    for name in ("head.out.weight", "head.out.bias"):
        if len(weights[name]) != len(LABELS):
            raise CannotImport(f"{folder}: its last layer has {len(weights[name])} outputs, {len(LABELS)} are needed")
        weights[name] = np.ascontiguousarray(weights[name][rows])
    if kind != "bert":  # RoBERTa's positions begin after its padding id
        skipped = int(config.get("pad_token_id", 1)) + 1
        weights["embeddings.position_embeddings.weight"] = weights["embeddings.position_embeddings.weight"][skipped:]
    types = weights["embeddings.token_type_embeddings.weight"]
    if len(types) == 1:
        weights["embeddings.token_type_embeddings.weight"] = np.repeat(types, 2, axis=0)
    positions = len(weights["embeddings.position_embeddings.weight"])
    if positions < FEWEST_TOKENS:
        raise CannotImport(f"{folder}: it reads {positions} tokens at most")
    tokenizer = _tokenizer(folder)
    words = len(weights["embeddings.word_embeddings.weight"])
    if (largest := max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)) >= words:
        raise CannotImport(f"{folder}: the tokenizer knows the id {largest}, the network only {words} words")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    base = str(config.get("_name_or_path") or folder.resolve().name)
    return Imported(base, weights, shape, tokenizer.to_str(), positions, order)


def _refuse_pointer(path: Path) -> None:
    """Raises ``CannotImport`` where Git left a pointer in place of a large file."""
    with path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise CannotImport(
                f"{path} is a Git LFS pointer, and not the file itself: run 'git lfs pull' in {path.parent}"
            )


def _json(path: Path) -> dict[str, Any]:
    try:
        _refuse_pointer(path)
        found = json.loads(path.read_text(encoding="utf-8"))
    except CannotImport:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise CannotImport(
            f"{path.parent} is no Hugging Face directory: {path.name} cannot be read: {error}"
        ) from error
    if not isinstance(found, dict):
        raise CannotImport(f"{path} is no JSON object")
    return found


def _order(folder: Path, config: dict[str, Any], given: Sequence[str] | None) -> tuple[str, ...]:
    """The label of each output, as one of ``LABELS``."""
    remedy = "name the outputs in their order, for instance --labels positive,negative,neutral"
    if given is None:
        named = config.get("id2label")
        if isinstance(named, dict) and len(named) != len(LABELS):
            raise _wrong_number(folder, [str(name) for name in named.values()])
        if not isinstance(named, dict) or any(re.fullmatch(r"LABEL_\d+", str(name)) for name in named.values()):
            raise CannotImport(f"{folder}: its config.json does not say what the outputs mean; {remedy}")
        try:
            given = [str(named[key]) for key in sorted(named, key=int)]
        except ValueError as error:
            raise CannotImport(f"{folder}: id2label has keys that are not numbers: {sorted(named)}") from error
    found = tuple(name.strip().lower() for name in given)
    if len(found) != len(LABELS):
        raise _wrong_number(folder, given)
    if sorted(found) != sorted(LABELS):
        raise CannotImport(f"{folder}: the outputs are {', '.join(given)}, not {', '.join(LABELS)}; {remedy}")
    return found


def _wrong_number(folder: Path, names: Sequence[str]) -> CannotImport:
    return CannotImport(
        f"{folder}: it tells {len(names)} classes apart ({', '.join(names)[:200]}), and {len(LABELS)} are needed "
        f"({', '.join(LABELS)}); no option makes up for that: import a model that was trained with these three"
    )


def _tensors(folder: Path) -> Weights:
    files = [folder / "model.safetensors"]
    index = folder / "model.safetensors.index.json"
    if not files[0].is_file() and index.is_file():
        names = set(map(str, dict(_json(index).get("weight_map") or {}).values()))
        if bad := [name for name in names if Path(name).name != name]:
            raise CannotImport(f"{index}: {bad[0]!r} is not a file in the directory")
        files = [folder / name for name in sorted(names)]
    if not files[0].is_file():
        if list(folder.glob("*.bin")) or list(folder.glob("*.pt")):
            raise CannotImport(
                f"{folder} holds its weights as a pickle, which may run any code when it is read; where you trust it, "
                "load it with transformers and save it with model.save_pretrained(DIR), which writes model.safetensors"
            )
        raise CannotImport(f"{folder} has no model.safetensors")
    found: Weights = {}
    for file in files:
        try:
            _refuse_pointer(file)
            found |= load_file(file)
        except (OSError, SafetensorError, TypeError, KeyError) as error:
            raise CannotImport(f"{file} cannot be read: {error}") from error
    return {name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias"): value
            for name, value in found.items()}  # fmt: skip


def _weights(folder: Path, stored: Weights, kind: str, shape: Architecture) -> Weights:
    """Weights float32 by the names that ``model.encoder.graph`` uses. Their shapes are checked."""
    prefix = _PREFIX[kind]

    def take(name: str, *size: int | None) -> np.ndarray:
        key = f"{prefix}{name}" if f"{prefix}{name}" in stored else name
        if key not in stored:
            raise CannotImport(f"{folder} has no weights {prefix}{name}; is it a sequence classifier?")
        value = stored[key].astype(np.float32)
        if value.ndim != len(size) or any(
            want not in (None, have) for have, want in zip(value.shape, size, strict=True)
        ):
            raise CannotImport(f"{folder}: {key} has the shape {value.shape}, which config.json does not give")
        if not np.isfinite(value).all():
            raise CannotImport(f"{folder}: {key} holds values that are not numbers")
        return value

    hidden = shape.hidden
    if shape.heads < 1 or hidden % shape.heads:
        raise CannotImport(f"{folder}: {hidden} does not divide into {shape.heads} attention heads")
    weights: Weights = {}
    for name in ("word", "position", "token_type"):
        weights[f"embeddings.{name}_embeddings.weight"] = take(f"embeddings.{name}_embeddings.weight", None, hidden)
    for value in ("weight", "bias"):
        weights[f"embeddings.LayerNorm.{value}"] = take(f"embeddings.LayerNorm.{value}", hidden)
    inner = len(take("encoder.layer.0.intermediate.dense.bias", None))
    sizes = {"intermediate.dense": (inner, hidden), "output.dense": (hidden, inner)}
    for layer in range(shape.layers):
        for part in _LAYER:
            name = f"encoder.layer.{layer}.{part}"
            rows, columns = sizes.get(part, (hidden, hidden))
            weights[f"{name}.weight"] = take(f"{name}.weight", *((rows,) if part.endswith("Norm") else (rows, columns)))
            weights[f"{name}.bias"] = take(f"{name}.bias", rows)
    for source, target in _HEADS["bert" if kind == "bert" else "roberta"].items():
        count = hidden if target == "head.dense" else None
        weights[f"{target}.weight"] = take(f"{source}.weight", count, hidden)
        weights[f"{target}.bias"] = take(f"{source}.bias", count)
    return weights


def _tokenizer(folder: Path) -> Tokenizer:
    path = folder / "tokenizer.json"
    for file in (path, folder / "vocab.txt"):
        if file.is_file():
            _refuse_pointer(file)
    try:
        if path.is_file():
            return Tokenizer.from_file(str(path))
        if (folder / "vocab.txt").is_file():
            settings = _json(folder / "tokenizer_config.json") if (folder / "tokenizer_config.json").is_file() else {}
            made = BertWordPieceTokenizer(
                str(folder / "vocab.txt"),
                lowercase=bool(settings.get("do_lower_case", True)),
                strip_accents=settings.get("strip_accents"),
                handle_chinese_chars=bool(settings.get("tokenize_chinese_chars", True)),
            )
            return Tokenizer.from_str(made.to_str())
    except CannotImport:
        raise
    except Exception as error:  # tokenizers raises plain exceptions
        raise CannotImport(f"{folder}: the tokenizer cannot be read: {error}") from error
    raise CannotImport(
        f"{folder} has neither tokenizer.json nor vocab.txt; load its tokenizer with transformers and save it with "
        "tokenizer.save_pretrained(DIR)"
    )
