"""The state of a training after a whole epoch, in one file that appears whole. It holds tensors and JSON, no pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor


@dataclass(frozen=True, slots=True)
class State:
    """Beside the weights and the optimizer: ``best`` and ``logits`` are of the best epoch so far, ``average`` are the
    averaged weights ({} if the training does not average)."""

    best: dict[str, Tensor]
    logits: np.ndarray
    curves: list[dict[str, Any]]
    average: dict[str, Tensor]


def save(path: Path, settings: Mapping[str, Any], trained: Mapping[str, Tensor], optimizer: Any, state: State) -> None:
    """Replace the state in ``path``."""
    tensors = {"logits": torch.from_numpy(state.logits)}
    tensors |= {f"now.{name}": value.detach() for name, value in trained.items()}
    tensors |= {f"best.{name}": value for name, value in state.best.items()}
    tensors |= {f"average.{name}": value for name, value in state.average.items()}
    for number, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in values.items()}
    metadata = {"state": json.dumps({"settings": settings, "curves": state.curves})}
    new = path.with_suffix(".new")
    save_file({name: value.cpu().contiguous() for name, value in tensors.items()}, new, metadata)
    with open(new, "rb") as file:
        os.fsync(file.fileno())
    os.replace(new, path)


def load(path: Path, settings: Mapping[str, Any], trained: Mapping[str, Tensor], optimizer: Any) -> State | None:
    """Set ``trained`` and ``optimizer`` as they were, and give the rest of the state.

    None if ``path`` holds no state of a training with these ``settings``. Raises ``ValueError`` for a damaged file.
    """
    try:
        with safe_open(path, "pt") as file:
            written = json.loads(file.metadata()["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    except FileNotFoundError:
        return None
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error}); delete it, and the training starts over") from None
    if written["settings"] != json.loads(json.dumps(settings)):
        return None
    parts: dict[str, dict[str, Tensor]] = {"now": {}, "best": {}, "average": {}}
    optimizer_state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "optimizer":
            number, _, key = rest.partition(".")
            optimizer_state.setdefault(int(number), {})[key] = value
        elif kind in parts:
            parts[kind][rest] = value
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(parts["now"][name])
    optimizer.load_state_dict({**optimizer.state_dict(), "state": optimizer_state})
    device = {name: parameter.device for name, parameter in trained.items()}
    best, average = (
        {name: value.to(device[name]) for name, value in parts[kind].items()} for kind in ("best", "average")
    )
    return State(best, tensors["logits"].numpy(), written["curves"], average)
