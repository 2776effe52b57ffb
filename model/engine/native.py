"""The backend for our own kernel, ``kernel.c``, for processors with AVX-512 VNNI.

It computes what the int8 graph says, from that graph's weights. It is about twice as fast as ONNX Runtime, because it
computes attention text by text, without padding, and does not write what lies between two matrix products to memory.
Its scores differ from ONNX Runtime's as those of two kinds of processors differ: rounding to int8 amplifies differences
in the last bits.
"""

from __future__ import annotations

import ctypes
import hashlib
import threading
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper
from tokenizers import Encoding

from model.encoder.graph import CENTER, LEAST_OF_GELU
from model.engine.backend import NoDevice
from model.engine.exact import level
from model.engine.packing import own_tokens

VERSION = 3
"""The version of the kernel's interface; ``kernel.c`` has the same number."""

COLUMNS, SIZES, MOST_TOKENS = 32, (32, 64), 512
"""What the kernel is written for: widths that are multiples of ``COLUMNS``, attention heads of one of ``SIZES``, and
texts of at most ``MOST_TOKENS``."""

_Pointer = ctypes.c_void_p


class _Linear(ctypes.Structure):
    _fields_ = (
        *((name, _Pointer) for name in ("weight", "compensation", "scale", "bias")),
        ("k", ctypes.c_int64),
        ("n", ctypes.c_int64),
    )


class _Layer(ctypes.Structure):
    _fields_ = (
        *((name, _Linear) for name in ("qkv", "out", "up", "down")),
        *((name, _Pointer) for name in ("norm1", "shift1", "norm2", "shift2")),
    )


class _Network(ctypes.Structure):
    _fields_ = (
        *((name, _Pointer) for name in ("words", "word_scale", "positions", "types", "norm", "shift", "center")),
        *((name, _Pointer) for name in ("dense", "dense_bias", "head", "head_bias")),
        ("layers", ctypes.POINTER(_Layer)),
        *((name, ctypes.c_int64) for name in ("count", "hidden", "heads", "inner")),
        ("epsilon", ctypes.c_float),
    )


class NoKernel(NoDevice):
    """The native engine cannot be used. The text says why."""


@cache
def _library() -> ctypes.CDLL:
    """Raises ``NoKernel``."""
    spec = find_spec("model.engine._kernel")
    if spec is None or spec.origin is None:
        raise NoKernel(
            "it was not compiled when finsent was installed (there was no C compiler; install finsent again)"
        )
    library = ctypes.CDLL(spec.origin)
    if (version := library.finsent_kernel()) != VERSION:
        raise NoKernel(
            "it was compiled from other sources; install finsent again"
            if version
            else "this processor has no AVX-512 VNNI"
        )
    library.finsent_scratch.restype = ctypes.c_int64
    library.finsent_run.restype = None
    library.finsent_product.restype = None
    return library


def _allowed_library() -> ctypes.CDLL:
    """Raises ``NoKernel``."""
    library = _library()
    if level() == "avx2":
        raise NoKernel("FINSENT_CPU=avx2 rules out AVX-512")
    return library


def kernel_digest() -> str:
    """The sha256 of the compiled kernel, or an empty string if there is none."""
    spec = find_spec("model.engine._kernel")
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest() if spec and spec.origin else ""


def kernel_problem() -> str:
    """Why the native engine cannot be used on this machine, or an empty string if it can."""
    try:
        _allowed_library()
    except NoKernel as error:
        return str(error)
    return ""


def unfit(graph: Path) -> str:
    """Why the kernel cannot run ``graph``, or an empty string if it can."""
    try:
        _shape(onnx.load(graph))
    except NoKernel as error:
        return str(error)
    return ""


class _Shape(NamedTuple):
    layers: int
    hidden: int
    heads: int
    inner: int
    epsilon: float


def _shape(model: onnx.ModelProto) -> _Shape:
    """The shape of the network. Raises ``NoKernel`` if the kernel cannot run such a one."""
    facts = {entry.key: entry.value for entry in model.metadata_props}
    if facts.get("precision") != "int8":
        raise NoKernel("the version was built by an older finsent, without what this engine needs; build it again")
    try:
        layers, hidden, heads, inner = (int(facts[name]) for name in ("layers", "hidden", "heads", "inner"))
        found = _Shape(layers, hidden, heads, inner, float(facts["epsilon"]))
    except (KeyError, ValueError) as error:
        raise NoKernel(f"the version does not say its shape: {error}") from error
    if min(found[:4]) < 1 or hidden % heads or hidden // heads not in SIZES or hidden % COLUMNS or inner % COLUMNS:
        raise NoKernel(
            f"the version has {found.heads} heads in {found.hidden} numbers a token, which this engine was not "
            "written for"
        )
    return found


def _tiled(weight: np.ndarray) -> np.ndarray:
    """int8 [K, N] in the kernel's order."""
    k, n = weight.shape
    return np.ascontiguousarray(weight.reshape(k // 4, 4, n // COLUMNS, COLUMNS).transpose(2, 0, 3, 1))


def product(activations: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """float32 [T, N]: ``activations`` u8 [T, K], of zero point 128, times ``weight`` s8 [K, N], by the kernel's own
    product; to be compared with exact sums. Raises ``NoKernel``."""
    library = _allowed_library()
    (rows, k), n = activations.shape, weight.shape[1]
    kept = (
        _tiled(weight),
        128 * weight.sum(axis=0, dtype=np.int32),
        np.ones(n, np.float32),
        np.zeros(n, np.float32),
    )
    linear = _Linear(*(array.ctypes.data for array in kept), k, n)
    given, scales = np.ascontiguousarray(activations), np.ones(rows, np.float32)
    found = np.empty((rows, n), np.float32)
    pointers = (_Pointer(array.ctypes.data) for array in (given, scales, found))
    library.finsent_product(ctypes.byref(linear), ctypes.c_int64(rows), *pointers)
    return found


class Native:
    """A backend (see ``Backend``) for int8 graphs."""

    def __init__(self, graph: Path | bytes) -> None:
        """Raises ``NoKernel`` if the kernel cannot run on this processor or cannot run the graph."""
        self._library = _allowed_library()
        model = onnx.load_from_string(graph) if isinstance(graph, bytes) else onnx.load(graph)
        shape = _shape(model)
        self.width, self.providers = shape.hidden, ["native"]
        self._values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        self._kept: list[np.ndarray] = []
        self._network = self._described(shape)
        self._limits = tuple(len(self._values[f"{name}.weight"]) for name in ("words", "token_type", "position"))
        del self._values
        self._scratch = threading.local()

    def run(self, encodings: Sequence[Encoding]) -> tuple[np.ndarray, np.ndarray]:
        """See ``Backend.run``."""
        lengths = np.array([len(encoding) for encoding in encodings], np.int64)
        ids = np.concatenate([encoding.ids for encoding in encodings], dtype=np.int64)
        types = np.concatenate([encoding.type_ids for encoding in encodings], dtype=np.int64)
        most = ids.max(), types.max(), min(lengths.max(), MOST_TOKENS + 1) - 1
        if any(found >= limit for found, limit in zip(most, self._limits, strict=True)) or lengths.max() > MOST_TOKENS:
            raise ValueError(f"tokens {most} where the network has {self._limits}: the tokenizer is another's")
        own = own_tokens(encodings, lengths).astype(np.uint8)
        logits = np.empty((len(encodings), 3), np.float32)
        embeddings = np.empty((len(encodings), self.width), np.float32)
        network, count = ctypes.byref(self._network), ctypes.c_int64(len(encodings))
        needed = self._library.finsent_scratch(
            network, ctypes.c_int64(int(lengths.sum())), ctypes.c_int64(int(lengths.max()))
        )
        memory = getattr(self._scratch, "memory", None)
        if memory is None or len(memory) < needed:
            memory = self._scratch.memory = np.empty(needed, np.uint8)
        arrays = (lengths, ids, types, own, memory, logits, embeddings)
        # ctypes releases the interpreter's lock, so other threads run at the same time.
        self._library.finsent_run(network, count, *(_Pointer(array.ctypes.data) for array in arrays))
        return logits, embeddings

    def _described(self, shape: _Shape) -> _Network:
        hidden, inner = shape.hidden, shape.inner

        def kept(value: np.ndarray, kind: Any = np.float32) -> int:
            self._kept.append(np.ascontiguousarray(value, kind))
            return self._kept[-1].ctypes.data

        def taken(name: str, *shape: int, kind: Any = np.float32) -> np.ndarray:
            """The constant ``name``, with its shape and type checked, for the kernel trusts them. -1 allows any."""
            value = self._values[name]
            fits = len(value.shape) == len(shape) and all(b in (-1, a) for a, b in zip(value.shape, shape, strict=True))
            if not fits or value.dtype != kind:
                raise ValueError(f"{name} is {value.dtype} {list(value.shape)}, not {np.dtype(kind)} {list(shape)}")
            return value

        def vector(name: str) -> int:
            return kept(taken(name, hidden))

        def linear(name: str, k: int, n: int, bias: np.ndarray | None) -> _Linear:
            weight = taken(f"{name}.weight", k, n, kind=np.int8)
            sums, scale = weight.sum(axis=0, dtype=np.int32), taken(f"{name}.scale", n)
            added = 128 * sums
            if bias is None:  # the outputs of GELU are quantised with another zero point
                added, bias = 0 * sums, -LEAST_OF_GELU * sums * scale
            return _Linear(kept(_tiled(weight), np.int8), kept(added, np.int32), kept(scale), kept(bias), k, n)

        layers = (_Layer * shape.layers)()
        for number, layer in enumerate(layers):
            at = f"layer.{number}"
            # Keys and values have no bias of their own (see model.encoder.graph), nor has what follows GELU.
            bias = np.pad(taken(f"{at}.query.bias", hidden), (0, 2 * hidden))
            layer.qkv = linear(f"{at}.qkv", hidden, 3 * hidden, bias)
            layer.out = linear(f"{at}.out", hidden, hidden, taken(f"{at}.out.bias", hidden))
            layer.up = linear(f"{at}.up", hidden, inner, taken(f"{at}.up.bias", inner))
            layer.down = linear(f"{at}.down", inner, hidden, None)
            for which in "12":
                setattr(layer, f"norm{which}", vector(f"{at}.norm{which}.weight"))
                setattr(layer, f"shift{which}", vector(f"{at}.norm{which}.bias"))
        words = taken("words.weight", -1, hidden, kind=np.int8)
        dense = "dense.weight" in self._values
        return _Network(
            words=kept(words, np.int8),
            word_scale=kept(taken("words.scale", len(words), 1)),
            positions=kept(taken("position.weight", -1, hidden)),
            types=kept(taken("token_type.weight", -1, hidden)),
            norm=vector("norm.weight"),
            shift=vector("norm.bias"),
            center=vector(CENTER) if CENTER in self._values else None,
            dense=kept(taken("dense.weight", hidden, hidden)) if dense else None,
            dense_bias=vector("dense.bias") if dense else None,
            head=kept(taken("head.weight", hidden if dense else 2 * hidden, 3)),
            head_bias=kept(taken("head.bias", 3)),
            layers=layers,
            count=shape.layers,
            hidden=hidden,
            heads=shape.heads,
            inner=inner,
            epsilon=shape.epsilon,
        )
