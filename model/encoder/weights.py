"""The weights of a fine-tuned encoder as numpy arrays: a base encoder with an adapter merged in."""

from __future__ import annotations

import importlib.resources
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from model.encoder.bases import Base, Weights, base


def default_folders() -> list[Path]:
    """The adapters that ship with finsent, one for each part of the default model."""
    return sorted(
        path.parent
        for path in (Path(str(importlib.resources.files("model"))) / "default").glob("*/adapter.safetensors")
    )


def merged(adapter_folder: Path) -> tuple[Weights, dict[str, Any]]:
    """(float32 weights by name, config) of the base encoder with the adapter in ``adapter_folder`` merged in.

    LoRA's update of a layer is ``(alpha / rank) B A`` (Hu et al. 2021, arXiv 2106.09685), so no training
    framework is needed. The adapter's other values (the head, biases, norms) replace those of the base.
    Raises ``FileNotFoundError`` and ``ValueError`` for an adapter that does not fit.
    """
    config, adapter, encoder = _read(adapter_folder)
    weights = dict(encoder.weights)
    scale = config["alpha"] / config["rank"]
    for name, value in adapter.items():
        if name.endswith(".lora_A.weight"):
            layer = name.removesuffix(".lora_A.weight")
            up = adapter[f"{layer}.lora_B.weight"].astype(np.float32)
            if f"{layer}.weight" not in weights:
                raise ValueError(f"{adapter_folder}: the base encoder has no layer {layer!r}")
            weights[f"{layer}.weight"] = weights[f"{layer}.weight"] + scale * (up @ value.astype(np.float32))
        elif not name.endswith(".lora_B.weight") and name != "vocabulary":
            weights[name] = value.astype(np.float32)
    return weights, config


def base_of(adapter_folder: Path) -> Base:
    """The base encoder that the adapter in ``adapter_folder`` was made for: its shape, weights and tokenizer."""
    return _read(adapter_folder)[2]


def _read(adapter_folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray], Base]:
    config = json.loads((adapter_folder / "config.json").read_text(encoding="utf-8"))
    adapter = load_file(adapter_folder / "adapter.safetensors")
    vocabulary = adapter.get("vocabulary")
    return config, adapter, base(config["base"], None if vocabulary is None else vocabulary.tolist())
