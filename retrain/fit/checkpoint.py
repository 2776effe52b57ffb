"""The state of a training after a whole epoch, in one file that appears whole: tensors and JSON, no pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor


def save(
    path: Path,
    settings: Mapping[str, Any],
    trained: Mapping[str, Tensor],
    best: Mapping[str, Tensor],
    logits: np.ndarray,
    optimizer: Any,
    curves: list[dict[str, Any]],
) -> None:
    """Replace the state in ``path``; ``best`` and ``logits`` are those of the best epoch so far."""
    tensors = {"logits": torch.from_numpy(logits)}
    tensors |= {f"now.{name}": value.detach() for name, value in trained.items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    for number, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in values.items()}
    told = json.dumps({"settings": settings, "curves": curves})
    new = path.with_suffix(".new")
    save_file({name: value.cpu().contiguous() for name, value in tensors.items()}, new, {"state": told})
    with open(new, "rb") as file:
        os.fsync(file.fileno())
    os.replace(new, path)


def load(
    path: Path, settings: Mapping[str, Any], trained: Mapping[str, Tensor], optimizer: Any
) -> tuple[dict[str, Tensor], np.ndarray, list[dict[str, Any]], int] | None:
    """(best, logits, curves, step), ``trained`` and ``optimizer`` set as they were; None if ``path`` holds no state of
    a training with these ``settings``. Raises ``ValueError`` for a damaged file."""
    try:
        with safe_open(path, "pt") as file:
            told = json.loads(file.metadata()["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    except FileNotFoundError:
        return None
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error}); delete it, and the training starts over") from None
    if told["settings"] != json.loads(json.dumps(settings)):
        return None
    parts: dict[str, dict[str, Tensor]] = {"now": {}, "best": {}}
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "optimizer":
            number, _, key = rest.partition(".")
            state.setdefault(int(number), {})[key] = value
        elif kind in parts:
            parts[kind][rest] = value
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(parts["now"][name])
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    best = {name: parts["best"][name].to(parameter.device) for name, parameter in trained.items()}
    return best, tensors["logits"].numpy(), told["curves"], int(told["curves"][-1]["step"])
