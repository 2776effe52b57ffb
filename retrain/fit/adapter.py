"""What a training leaves behind: the difference to the base encoder, small enough to ship."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from model.encoder.bases import Weights


def write(
    folder: Path,
    base: Weights,
    tuned: Weights,
    rank: int,
    config: Mapping[str, Any],
    vocabulary: np.ndarray | None = None,
) -> None:
    """``adapter.safetensors`` (half precision) and ``config.json``: what ``model`` merges into the base again.

    A layer's change is kept as its best approximation of ``rank`` (truncated singular value decomposition; Eckart
    and Young 1936), in LoRA's form with alpha = rank; biases, norms and the head as they are. ``vocabulary`` are
    the ids of the pieces that the encoder knows, if not all.
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
    save_file(kept, folder / "adapter.safetensors")
    full = {"rank": rank, "alpha": rank, "labels": ["negative", "neutral", "positive"], **config}
    (folder / "config.json").write_text(json.dumps(full, indent=1) + "\n", encoding="utf-8")
