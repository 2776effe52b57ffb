"""Writes the encoder as an ONNX graph in a packed layout with int8 weights.

Packed: the tokens of all texts stand in one [T, H] matrix, so no linear layer computes padding; texts are
padded only inside attention. Activations are quantised per TOKEN (row maximum), never per tensor: a score then
does not depend on what else is in the batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from model.weights import Weights

HIDDEN, HEADS, HEAD_SIZE, LAYERS = 384, 12, 32, 6
EPSILON = 1e-12
OPSET, IR_VERSION = 20, 10
INPUTS = ("ids", "types", "positions", "padded", "unpadded", "mask", "pooling", "first")


class _Graph:
    """Collects nodes and constants; every method returns the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: np.ndarray | np.generic) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def add(self, operation: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> str:
        names = [f"n{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operation, list(inputs), names, domain=domain, **attributes))
        return names[0] if outputs == 1 else ",".join(names)

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def linear(self, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """``x`` [T, K] times ``weight`` [K, N] plus ``bias``, in int8."""
        scale = np.maximum(np.abs(weight).max(axis=0), 1e-8) / 127
        quantised = np.clip(np.rint(weight / scale), -127, 127).astype(np.int8)
        largest = self.add("ReduceMax", self.add("Abs", x), self.integers(-1), keepdims=1)
        largest = self.add("Max", largest, self.constant(np.float32(1e-8)))
        unit = self.constant(np.float32(1 / 127))
        zero = self.constant(np.uint8(128))
        rows = self.add("QuantizeLinear", self.add("Div", x, largest), unit, zero)
        product = self.add(
            "MatMulIntegerToFloat",
            rows,
            self.constant(quantised),
            unit,
            self.constant(scale.astype(np.float32)),
            zero,
            domain="com.microsoft",
        )
        return self.add("Add", self.add("Mul", product, largest), self.constant(bias))

    def normalise(self, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
        return self.add("LayerNormalization", x, self.constant(weight), self.constant(bias), axis=-1, epsilon=EPSILON)


def build(weights: Weights) -> onnx.ModelProto:
    """The graph of the merged encoder and its head.

    Inputs, for B texts of T tokens in all, the longest of L: ``ids, types, positions`` int64 [T]; ``padded``
    int64 [B, L], the token at each padded place; ``unpadded`` int64 [T], the flat padded place of each token;
    ``mask`` float [B, 1, 1, L], 0 for a token and a large negative number for padding; ``pooling`` float
    [B, 1, L], the weight of each place in the mean over the text's own tokens; ``first`` int64 [B], each text's
    first token. Outputs: ``logits`` float [B, 3] and ``sentence_embedding`` float [B, 384] of unit length.
    """
    graph = _Graph()

    def vector(name: str) -> np.ndarray:
        return weights[name]

    def matrix(name: str) -> np.ndarray:
        return weights[name].T

    words = weights["embeddings.word_embeddings.weight"]
    scale = np.maximum(np.abs(words).max(axis=1, keepdims=True), 1e-8) / 127
    table = graph.constant(np.rint(words / scale).astype(np.int8))
    rows = graph.add("Cast", graph.add("Gather", table, "ids"), to=TensorProto.FLOAT)
    x = graph.add("Mul", rows, graph.add("Gather", graph.constant(scale.astype(np.float32)), "ids"))
    for name, indices in (("position", "positions"), ("token_type", "types")):
        other = graph.constant(weights[f"embeddings.{name}_embeddings.weight"])
        x = graph.add("Add", x, graph.add("Gather", other, indices))
    x = graph.normalise(x, vector("embeddings.LayerNorm.weight"), vector("embeddings.LayerNorm.bias"))

    split = graph.integers(0, 0, 3, HEADS, HEAD_SIZE)
    joined = graph.integers(-1, HIDDEN)
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}."
        attention = f"{at}attention.self."
        three = ("query", "key", "value")
        weight = np.concatenate([matrix(f"{attention}{name}.weight") for name in three], axis=1)
        bias = np.concatenate([vector(f"{attention}{name}.bias") for name in three])
        # The scale of the scores is folded into the queries.
        weight[:, :HIDDEN] /= np.sqrt(HEAD_SIZE)
        bias[:HIDDEN] /= np.sqrt(HEAD_SIZE)
        qkv = graph.add("Gather", graph.linear(x, weight, bias), "padded")
        qkv = graph.add("Transpose", graph.add("Reshape", qkv, split), perm=[2, 0, 3, 1, 4])
        query, key, value = (graph.add("Gather", qkv, graph.constant(np.int64(i)), axis=0) for i in range(3))
        scores = graph.add("MatMul", query, graph.add("Transpose", key, perm=[0, 1, 3, 2]))
        shares = graph.add("Softmax", graph.add("Add", scores, "mask"), axis=-1)
        context = graph.add("Transpose", graph.add("MatMul", shares, value), perm=[0, 2, 1, 3])
        context = graph.add("Gather", graph.add("Reshape", context, joined), "unpadded")
        out = graph.linear(
            context, matrix(f"{at}attention.output.dense.weight"), vector(f"{at}attention.output.dense.bias")
        )
        norm = f"{at}attention.output.LayerNorm."
        x = graph.normalise(graph.add("Add", out, x), vector(f"{norm}weight"), vector(f"{norm}bias"))
        inner = graph.linear(x, matrix(f"{at}intermediate.dense.weight"), vector(f"{at}intermediate.dense.bias"))
        inner = graph.add("Gelu", inner)
        out = graph.linear(inner, matrix(f"{at}output.dense.weight"), vector(f"{at}output.dense.bias"))
        norm = f"{at}output.LayerNorm."
        x = graph.normalise(graph.add("Add", out, x), vector(f"{norm}weight"), vector(f"{norm}bias"))

    mean = graph.add("MatMul", "pooling", graph.add("Gather", x, "padded"))
    mean = graph.add("Reshape", mean, joined)
    features = graph.add("Concat", graph.add("Gather", x, "first"), mean, axis=1)
    head = graph.add("MatMul", features, graph.constant(matrix("head.weight")))
    graph.nodes.append(helper.make_node("Add", [head, graph.constant(vector("head.bias"))], ["logits"]))
    length = graph.add("ReduceL2", mean, graph.integers(-1), keepdims=1)
    graph.nodes.append(helper.make_node("Div", [mean, length], ["sentence_embedding"]))

    def integer(name: str, *shape: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.INT64, list(shape))

    def real(name: str, *shape: str | int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))

    made = helper.make_graph(
        graph.nodes,
        "finsent",
        [
            integer("ids", "T"),
            integer("types", "T"),
            integer("positions", "T"),
            integer("padded", "B", "L"),
            integer("unpadded", "T"),
            real("mask", "B", 1, 1, "L"),
            real("pooling", "B", 1, "L"),
            integer("first", "B"),
        ],
        [real("logits", "B", 3), real("sentence_embedding", "B", HIDDEN)],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION, producer_name="finsent")
