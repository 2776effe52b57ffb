"""What a training leaves behind: the difference to the base encoder, small enough to ship."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from model.encoder import Weights

WEIGHTS, CONFIG = "adapter.safetensors", "config.json"


def write_adapter(
    folder: Path,
    base: Weights,
    tuned: Weights,
    rank: int,
    config: Mapping[str, Any],
    vocabulary: np.ndarray | None = None,
) -> None:
    """Write ``adapter.safetensors`` (half precision) and ``config.json``, which ``model`` merges into the base again.

    A layer's change is kept as its best approximation of ``rank`` (truncated singular value decomposition; Eckart
    and Young 1936), in LoRA's form with alpha = rank. Biases, norms and the head are kept as they are. ``vocabulary``
    are the ids of the pieces that the encoder knows, if not all.
    """
    kept: dict[str, np.ndarray] = {}
    for name, value in tuned.items():
        if name not in base or value.ndim < 2:
            if name not in base or not np.array_equal(value, base[name]):
                kept[name] = value.astype(np.float16)
        elif not np.array_equal(value, base[name]):
            u, s, v = np.linalg.svd(value - base[name], full_matrices=False)
            half = np.sqrt(s[:rank])
            layer = name.removesuffix(".weight")
            kept[f"{layer}.lora_A.weight"] = np.ascontiguousarray(half[:, None] * v[:rank]).astype(np.float16)
            kept[f"{layer}.lora_B.weight"] = np.ascontiguousarray(u[:, :rank] * half).astype(np.float16)
    if vocabulary is not None:
        kept["vocabulary"] = np.asarray(vocabulary, np.int32)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(kept, folder / WEIGHTS)
    full = {"rank": rank, "alpha": rank, "labels": ["negative", "neutral", "positive"], **config}
    (folder / CONFIG).write_text(json.dumps(full, indent=1) + "\n", encoding="utf-8")


def vocabulary_of(folder: Path) -> np.ndarray | None:
    """The ids of the pieces that the adapter in ``folder`` was made for, int32; None if all."""
    return load_file(folder / WEIGHTS).get("vocabulary")


def inherited(config: Mapping[str, Any]) -> dict[str, Any]:
    """What an adapter made from another takes over from its config: all but the rank, which is the other's own."""
    return {name: value for name, value in config.items() if name not in {"rank", "alpha"}}
