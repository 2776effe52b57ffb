"""The int8 network, slow and exact: one text at a time, in float64, which holds every integer sum exactly.

It quantises as the engines do, and reads the same graphs. ``gelu`` says how what comes out of GELU is quantised:
``symmetric`` about 0 as ONNX Runtime runs the graph, ``shifted`` as the native engine does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Literal

import numpy as np
import onnx
from onnx import numpy_helper
from scipy.special import erf
from tokenizers import Encoding

from model.encoder.graph import LEAST_OF_GELU
from model.engine.packing import own_tokens

Gelu = Literal["symmetric", "shifted"]


def logits(model: onnx.ModelProto, encodings: Sequence[Encoding], gelu: Gelu) -> np.ndarray:
    """float64 [n, 3] of the texts."""
    network = _Network(model, gelu)
    return np.stack([network.logits(encoding) for encoding in encodings])


class _Network:
    def __init__(self, model: onnx.ModelProto, gelu: Gelu) -> None:
        self.gelu = gelu
        self.values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        self.real = cache(lambda name: self.values[name].astype(np.float64))
        facts = {entry.key: entry.value for entry in model.metadata_props}
        self.layers, self.heads, self.epsilon = int(facts["layers"]), int(facts["heads"]), float(facts["epsilon"])

    def product(self, name: str, x: np.ndarray, of_gelu: bool = False) -> np.ndarray:
        weight = self.real(f"{name}.weight")
        x = x.astype(np.float32)  # what is rounded to int8 is float32 in the engines
        if of_gelu and self.gelu == "shifted":
            unit = (x.max(axis=1, keepdims=True) + np.float32(LEAST_OF_GELU)) / np.float32(255)
            whole = np.rint((x + np.float32(LEAST_OF_GELU)) / unit).clip(0, 255).astype(np.float64)
            return (whole @ weight * unit.astype(np.float64) - LEAST_OF_GELU * weight.sum(axis=0)) * self.scale(name)
        largest = np.maximum(x.max(axis=1), LEAST_OF_GELU) if of_gelu else np.maximum(np.abs(x).max(axis=1), 1e-8)
        unit = largest.astype(np.float32)[:, None] / np.float32(127)
        return np.rint(x / unit).astype(np.float64) @ weight * unit.astype(np.float64) * self.scale(name)

    def scale(self, name: str) -> np.ndarray:
        return self.real(f"{name}.scale")

    def normalise(self, name: str, x: np.ndarray) -> np.ndarray:
        x = x - x.mean(axis=1, keepdims=True)
        x = x / np.sqrt((x * x).mean(axis=1, keepdims=True) + self.epsilon)
        return x * self.real(f"{name}.weight") + self.real(f"{name}.bias")

    def attention(self, name: str, x: np.ndarray) -> np.ndarray:
        length, hidden = x.shape
        query, key, value = np.split(self.product(f"{name}.qkv", x), 3, axis=1)
        query = query + self.real(f"{name}.query.bias")
        query, key, value = (p.reshape(length, self.heads, -1).transpose(1, 0, 2) for p in (query, key, value))
        scores = query @ key.transpose(0, 2, 1)
        shares = np.exp(scores - scores.max(axis=2, keepdims=True))
        context = shares / shares.sum(axis=2, keepdims=True) @ value
        return context.transpose(1, 0, 2).reshape(length, hidden)

    def logits(self, encoding: Encoding) -> np.ndarray:
        ids = encoding.ids
        x = self.values["words.weight"][ids] * self.real("words.scale")[ids]
        x = x + self.real("position.weight")[: len(ids)] + self.real("token_type.weight")[encoding.type_ids]
        x = self.normalise("norm", x)
        for layer in range(self.layers):
            at = f"layer.{layer}"
            out = self.product(f"{at}.out", self.attention(at, x)) + self.real(f"{at}.out.bias")
            x = self.normalise(f"{at}.norm1", out + x)
            inner = self.product(f"{at}.up", x) + self.real(f"{at}.up.bias")
            inner = inner * (1 + erf(inner / np.sqrt(2))) / 2
            x = self.normalise(f"{at}.norm2", self.product(f"{at}.down", inner, of_gelu=True) + x)
        own = own_tokens([encoding], np.array([len(ids)]))
        if "dense.weight" in self.values:
            what = np.tanh(x[0] @ self.real("dense.weight") + self.real("dense.bias"))
        else:
            what = np.concatenate([x[0], x[own].mean(axis=0) if own.any() else x[0]])
        return np.asarray(what @ self.real("head.weight") + self.real("head.bias"))
