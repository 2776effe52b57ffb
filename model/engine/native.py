"""The backend for our own kernel, in the folder ``kernel``, which is compiled for several instruction sets.

It computes what the int8 graph says, from that graph's weights. It is faster than ONNX Runtime, because it computes
attention text by text, without padding, and does not write what lies between two matrix products to memory.

The promise: its scores are the same to the bit with every instruction set. They differ from ONNX Runtime's as ONNX
Runtime's differ between two kinds of processors: rounding to int8 amplifies differences in the last bits.
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
from model.engine.exact import Level, level
from model.engine.packing import own_tokens

VERSION = 4
"""The version of the kernel's interface; ``kernel/kernel.h`` has the same number."""

WIDTHS, SIZES, MOST_TOKENS = 32, (32, 64), 512
"""What the kernel is written for: widths that are multiples of ``WIDTHS``, attention heads of one of ``SIZES``, and
texts of at most ``MOST_TOKENS``."""

MOST_SUMMED = 32768
"""Products in one sum: no sum of so many leaves 32 bits."""

INSTRUCTION_SETS: tuple[Level, ...] = ("avx512", "avxvnni", "avx2", "neon")
"""Those that the kernel is compiled for, the fastest first. NEON is with its dot product."""

NAMES = {
    "avx512": "AVX-512 VNNI",
    "avxvnni": "AVX-VNNI",
    "avx2": "AVX2 with FMA",
    "neon": "NEON with the dot product",
}

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


class _InstructionSet(ctypes.Structure):
    """The kernel, compiled for one instruction set; see ``kernel/kernel.h``."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        *((name, ctypes.c_int64) for name in ("columns", "group", "zero")),
        ("scratch", ctypes.CFUNCTYPE(ctypes.c_int64, _Pointer, ctypes.c_int64, ctypes.c_int64)),
        ("run", ctypes.CFUNCTYPE(None, _Pointer, ctypes.c_int64, *([_Pointer] * 7))),
        ("product", ctypes.CFUNCTYPE(None, _Pointer, ctypes.c_int64, *([_Pointer] * 4))),
    )


class NoKernel(NoDevice):
    """The native engine cannot be used. The text says why."""


class StaleKernel(NoKernel):
    """The compiled kernel is of other sources."""


@cache
def _library() -> ctypes.CDLL:
    """Raises ``NoKernel``."""
    spec = find_spec("model.engine._kernel")
    if spec is None or spec.origin is None:
        raise NoKernel(
            "it was not compiled when finsent was installed (there was no C compiler; install finsent again)"
        )
    library = ctypes.CDLL(spec.origin)
    version = getattr(library, "finsent_version", None)
    if version is None or version() != VERSION:
        raise StaleKernel(f"{spec.origin} was compiled from other sources; install finsent again")
    library.finsent_instruction_set.restype = ctypes.POINTER(_InstructionSet)
    return library


def instruction_sets() -> list[Level]:
    """Those of ``INSTRUCTION_SETS`` that this processor has, whatever FINSENT_CPU says. Raises ``NoKernel``."""
    return [name for name in INSTRUCTION_SETS if _library().finsent_instruction_set(name.encode())]


def _chosen() -> _InstructionSet:
    """The best of this processor, or that which FINSENT_CPU names. Raises ``NoKernel``."""
    wanted = level()
    for name in instruction_sets():
        if wanted in ("auto", name):
            found: _InstructionSet = _library().finsent_instruction_set(name.encode()).contents
            return found
    if wanted == "auto":
        raise NoKernel(f"this processor has none of {', '.join(NAMES.values())}")
    raise NoKernel(f"this processor has no {NAMES[wanted]}")


def kernel_set() -> str:
    """The instruction set that the native engine uses here, or an empty string if it cannot be used."""
    try:
        return str(_chosen().name.decode())
    except NoKernel:
        return ""


def kernel_digest() -> str:
    """The sha256 of the compiled kernel, or an empty string if there is none."""
    spec = find_spec("model.engine._kernel")
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest() if spec and spec.origin else ""


def kernel_problem() -> str:
    """Why the native engine cannot be used on this machine, or an empty string if it can."""
    try:
        _chosen()
    except NoKernel as error:
        return str(error)
    return ""


def kernel_is_stale() -> bool:
    """Whether there is a compiled kernel, but of other sources: it would be used if finsent were installed again."""
    try:
        _library()
    except StaleKernel:
        return True
    except NoKernel:
        return False
    return False


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
    if min(found[:4]) < 1 or hidden % heads or hidden // heads not in SIZES or hidden % WIDTHS or inner % WIDTHS:
        raise NoKernel(
            f"the version has {found.heads} heads in {found.hidden} numbers a token, which this engine was not "
            "written for"
        )
    if max(hidden, inner) > MOST_SUMMED:
        raise NoKernel(f"the version sums up {max(hidden, inner)} products, whose sum can leave 32 bits")
    return found


def _tiled(weight: np.ndarray, chosen: _InstructionSet) -> np.ndarray:
    """int8 [K, N] in the order of an instruction set."""
    (k, n), group, columns = weight.shape, chosen.group, chosen.columns
    return np.ascontiguousarray(weight.reshape(k // group, group, n // columns, columns).transpose(2, 0, 3, 1))


def product(activations: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """float32 [T, N]: ``activations`` u8 [T, K], of zero point 128, times ``weight`` s8 [K, N], by the kernel's own
    product; to be compared with exact sums. Raises ``NoKernel``."""
    chosen = _chosen()
    (rows, k), n = activations.shape, weight.shape[1]
    kept = (
        _tiled(weight, chosen),
        (128 - chosen.zero) * weight.sum(axis=0, dtype=np.int32),
        np.ones(n, np.float32),
        np.zeros(n, np.float32),
    )
    linear = _Linear(*(array.ctypes.data for array in kept), k, n)
    given, scales = np.ascontiguousarray(activations), np.ones(rows, np.float32)
    memory, found = np.empty(2 * rows * k + 64, np.uint8), np.empty((rows, n), np.float32)
    chosen.product(ctypes.addressof(linear), rows, *(array.ctypes.data for array in (given, scales, memory, found)))
    return found


class Native:
    """A backend (see ``Backend``) for int8 graphs."""

    def __init__(self, graph: Path | bytes) -> None:
        """Raises ``NoKernel`` if the kernel cannot run on this processor or cannot run the graph."""
        self._set = _chosen()
        model = onnx.load_from_string(graph) if isinstance(graph, bytes) else onnx.load(graph)
        shape = _shape(model)
        self.width, self.providers = shape.hidden, ["native", self._set.name.decode()]
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
        network = ctypes.addressof(self._network)
        needed = self._set.scratch(network, int(lengths.sum()), int(lengths.max()))
        memory = getattr(self._scratch, "memory", None)
        if memory is None or len(memory) < needed:
            memory = self._scratch.memory = np.empty(needed, np.uint8)
        arrays = (lengths, ids, types, own, memory, logits, embeddings)
        # ctypes releases the interpreter's lock, so other threads run at the same time.
        self._set.run(network, len(encodings), *(array.ctypes.data for array in arrays))
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
            zero = 128
            if bias is None:  # the outputs of GELU are quantised with another zero point
                zero, bias = 0, -LEAST_OF_GELU * sums * scale
            tiled = _tiled(weight, self._set)
            added = (zero - self._set.zero) * sums
            return _Linear(kept(tiled, np.int8), kept(added, np.int32), kept(scale), kept(bias), k, n)

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
