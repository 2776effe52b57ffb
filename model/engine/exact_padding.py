"""Finds out how to pad texts so that padding does not change their scores."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper


@cache
def exact_multiple() -> int:
    """The smallest multiple to which lengths in attention must be rounded up on this machine, so that a text's score is
    the same to the bit however far it is padded.

    Kernels add up a row in blocks, and may add the last few numbers in another order than those of a whole block. This
    is tried out once in a process. Raises ``RuntimeError`` if no multiple up to 32 will do.
    """

    def tensor(name: str, *shape: str | int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))

    fused: dict[str, Any] = {"domain": "com.microsoft", "transBatchB": 1}
    nodes = [
        helper.make_node("FusedMatMul", ["q", "k"], ["scores"], transB=1, transBatchA=1, **fused),
        helper.make_node("Add", ["scores", "mask"], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["shares"], axis=-1),
        helper.make_node("FusedMatMul", ["shares", "v"], ["context"], **fused),
        helper.make_node("FusedMatMul", ["pooling", "rows"], ["mean"], **fused),
    ]
    inputs = [tensor(name, "L", "B", 2, 32) for name in "qkv"]
    inputs += [tensor("mask", "B", 1, 1, "L"), tensor("pooling", "B", 1, "L"), tensor("rows", "L", "B", 64)]
    outputs = [tensor("context", "B", 2, "L", 32), tensor("mean", "B", 1, 64)]
    made = helper.make_graph(nodes, "exact", inputs, outputs)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    session = onnxruntime.InferenceSession(
        helper.make_model(made, opset_imports=opsets, ir_version=10).SerializeToString(),
        providers=["CPUExecutionProvider"],
    )
    random = np.random.default_rng(13)

    def results(values: dict[str, np.ndarray], length: int, padded: int, texts: int) -> tuple[np.ndarray, ...]:
        """The outputs for the first of ``texts`` equal texts, ``length`` long and padded to ``padded``."""
        feed = {name: np.repeat(value, texts, axis=1) for name, value in values.items()}
        feed = {name: np.concatenate([value, value[: padded - length]]) for name, value in feed.items()}
        held = np.arange(padded) < length
        feed["mask"] = np.tile(np.where(held, 0, -1e4).astype(np.float32), (texts, 1))[:, None, None, :]
        feed["pooling"] = np.tile(held.astype(np.float32) / length, (texts, 1))[:, None, :]
        context, mean = session.run(None, feed)
        return context[0, :, :length], mean[0]

    for multiple in (1, 4, 8, 16, 32):
        exact = True
        for length in (3, 5, 7, 11, 14, 18, 23, 31, 37, 50, 77, 127):
            values = {name: random.normal(size=(length, 1, 2, 32)).astype(np.float32) for name in "qkv"}
            values["rows"] = values["q"].reshape(length, 1, 64)
            least = -(-length // multiple) * multiple
            alone = results(values, length, least, 1)
            for steps in (1, 2, 3, 5) if least > length // 2 else ():
                padded = min(least + steps * multiple, 2 * length // multiple * multiple)
                other = results(values, length, max(padded, least), 3)
                exact &= all(np.array_equal(a, b) for a, b in zip(alone, other, strict=True))
        if exact:
            return multiple
    raise RuntimeError("on this machine ONNX Runtime's results depend on padding; please report its processor")
