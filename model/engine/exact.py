"""Integer products that are exact on every processor.

The promise: every sum of products of int8 numbers is exact, with every engine and on every processor. With exact sums
and the same float32 numbers in between, probabilities are the same (tests allow 0.001). Our own engine's scores are the
same to the bit on all processors. ONNX Runtime's may differ in the last bits of float32 from processor to processor,
and from our own engine's. Now and then this changes how a value is rounded to int8, and every layer amplifies it: with
ONNX Runtime, probabilities on AVX-512 and on AVX2 differed by 0.0006 in the mean and 0.009 at most (60 texts).

Activations are u8, and a graph stores its weights as s8. ONNX Runtime multiplies the two fastest where the processor
has VNNI: twice as fast as u8 and u8. On x86 processors without it, its kernels for u8 and s8 add pairs of products in
16 bits, which overflow: most sums are then wrong. Its kernels for u8 and u8 never overflow. So each process
tries once whether u8 and s8 are exact here. If they are not, the weights are turned into u8 with a zero point of 128
when a graph is opened. The file stays as it was published, so this works for versions of any age.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from model.engine.backend import NoDevice
from settings import given

Level = Literal["auto", "avx2", "avxvnni", "avx512", "neon"]
PRODUCTS = {"MatMulInteger": 3, "MatMulIntegerToFloat": 5}
"""The operations that multiply integers, and which of their inputs is the zero point of the weights."""

ZERO = "zero.of.unsigned.weights"


def level() -> Level:
    """The value of ``FINSENT_CPU``. Raises ``NoDevice`` if it is not a level."""
    found = given("FINSENT_CPU") or "auto"
    for known in get_args(Level):
        if found == known:
            return cast(Level, found)
    raise NoDevice(
        f"FINSENT_CPU is {found!r}; it can be avx2, avxvnni, avx512, neon, or auto for what the processor has"
    )


def signed_weights() -> bool:
    """Whether ONNX Runtime's products of u8 and s8 are exact here, and may be used."""
    return level() != "avx2" and _exact_when_signed()


@cache
def _exact_when_signed() -> bool:
    """Tries products that overflow if any do, with several numbers of rows, which select different kernels."""
    weights = np.array([127, -128], np.int8)[np.arange(192)[:, None] // 2 % 2 ^ np.arange(80) % 2]
    session = onnxruntime.InferenceSession(product(weights).SerializeToString(), providers=["CPUExecutionProvider"])
    for rows in (1, 2, 5, 16, 67):
        activations = np.full((rows, len(weights)), 255, np.uint8)
        activations[:, 2::4] = activations[:, 3::4] = 0
        sums = (activations.astype(np.int64) - 128) @ weights.astype(np.int64)
        if not np.array_equal(session.run(None, {"x": activations})[0], sums.astype(np.float32)):
            return False
    return True


def product(weights: np.ndarray) -> onnx.ModelProto:
    """A graph with one integer product like those in ``model.encoder.graph``: ``x`` u8 [T, K], with zero point 128,
    times ``weights`` s8 [K, N], with scales of 1."""
    constants = {"w": weights, "unit": np.float32(1), "zero": np.uint8(128)}
    node = helper.make_node("MatMulIntegerToFloat", ["x", "w", "unit", "unit", "zero"], ["y"], domain="com.microsoft")
    made = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, ["T", len(weights)])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["T", weights.shape[1]])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=10)


def unsigned(graph: Path | bytes) -> bytes:
    """``graph`` with the s8 weights of its integer products turned into u8: 128 is added to them and to their zero
    points. Every sum is the same number as before."""
    model = onnx.load_from_string(graph) if isinstance(graph, bytes) else onnx.load(graph)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    turned: dict[str, onnx.TensorProto] = {}

    def turn(name: str) -> str:
        """The name of a new constant: ``name`` plus 128. The old one stays, because other nodes may read it."""
        if name not in turned:
            value = numpy_helper.to_array(constants[name]).view(np.uint8) ^ np.uint8(128)
            turned[name] = numpy_helper.from_array(value, f"{name}.unsigned")
        return turned[name].name

    for node in model.graph.node:
        place = PRODUCTS.get(node.op_type)
        if place is None or node.input[1] not in constants or constants[node.input[1]].data_type != TensorProto.INT8:
            continue
        node.input[1] = turn(node.input[1])
        node.input.extend([""] * (place + 1 - len(node.input)))
        if node.input[place]:
            node.input[place] = turn(node.input[place])
        else:
            turned.setdefault(ZERO, numpy_helper.from_array(np.array(128, np.uint8), ZERO))
            node.input[place] = ZERO
    used = {name for node in model.graph.node for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend([*kept, *turned.values()])
    return bytes(model.SerializeToString())
