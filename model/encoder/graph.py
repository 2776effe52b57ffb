"""Writes a BERT encoder as an ONNX graph in a packed layout: int8 for CPUs, half precision for GPUs.

Packed means that the tokens of all texts are the rows of one [T, hidden] matrix. So no linear layer computes padding;
texts are padded only inside attention. Activations are quantised by token (the maximum of a row), never by tensor, so
a score does not depend on what else is in the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from model.encoder.bases import Base, Weights

OPSET, IR_VERSION = 20, 10
Precision = Literal["int8", "fp32", "fp16"]
OUTPUTS = ("logits", "sentence_embedding")
INPUTS = ("ids", "types", "positions", "texts", "padded", "mask", "pooling", "first")
CENTER = "center"
"""The name of the weight that holds the mean embedding of all texts. It is subtracted from each embedding, because
those of some encoders lie in a narrow cone, where all are alike (Mu and Viswanath 2018, arXiv 1702.01417)."""

LEAST_OF_GELU = 0.17
"""No output of GELU is below the negative of this."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of an encoder: ``hidden`` numbers for each token, in ``heads`` attention heads.

    ``head`` is the kind of head. ``pair``: one linear layer on the first token and the mean of the text's tokens
    (``head.weight``, ``head.bias``). ``dense``, as in BERT and RoBERTa: a layer with tanh on the first token
    (``head.dense.weight``, ``.bias``), then a linear layer (``head.out.weight``, ``.bias``).
    """

    layers: int
    hidden: int
    heads: int
    epsilon: float = 1e-12
    head: Literal["pair", "dense"] = "pair"


class _Graph:
    """Collects nodes and constants; every method returns the name of its result."""

    def __init__(self, precision: Precision, epsilon: float) -> None:
        self.precision, self.epsilon = precision, epsilon
        self.real = np.float16 if precision == "fp16" else np.float32
        self.kind = TensorProto.FLOAT16 if precision == "fp16" else TensorProto.FLOAT
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: np.ndarray | np.generic, name: str = "") -> str:
        name = name or f"c{len(self.constants)}"
        value = np.asarray(value, order="C")
        if value.dtype.kind == "f":
            value = value.astype(self.real)
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def add(self, operation: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> str:
        names = [f"n{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operation, list(inputs), names, domain=domain, **attributes))
        return names[0] if outputs == 1 else ",".join(names)

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def linear(
        self, name: str, x: str, weight: np.ndarray, bias: np.ndarray | None = None, of_gelu: bool = False
    ) -> str:
        """``x`` [T, K] times ``weight`` [K, N] plus ``bias``. ``of_gelu``: ``x`` is the output of GELU."""
        if self.precision != "int8":
            product = self.add("MatMul", x, self.constant(weight, f"{name}.weight"))
        else:
            scale = np.maximum(np.abs(weight).max(axis=0), 1e-8) / 127
            quantised = np.clip(np.rint(weight / scale), -127, 127).astype(np.int8)
            largest = self.add("ReduceMax", x, self.integers(-1), keepdims=1)
            if of_gelu:
                largest = self.add("Max", largest, self.constant(np.float32(LEAST_OF_GELU)))
            else:
                least = self.add("Neg", self.add("ReduceMin", x, self.integers(-1), keepdims=1))
                largest = self.add("Max", largest, least, self.constant(np.float32(1e-8)))
            unit, zero = self.constant(np.float32(1 / 127)), self.constant(np.uint8(128))
            rows = self.add("QuantizeLinear", self.add("Mul", x, self.add("Reciprocal", largest)), unit, zero)
            product = self.add(
                "MatMulIntegerToFloat",
                rows,
                self.constant(quantised, f"{name}.weight"),
                unit,
                self.constant(scale.astype(np.float32), f"{name}.scale"),
                zero,
                domain="com.microsoft",
            )
            product = self.add("Mul", product, largest)
        return product if bias is None else self.add("Add", product, self.constant(bias, f"{name}.bias"))

    def normalise(self, name: str, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
        parameters = self.constant(weight, f"{name}.weight"), self.constant(bias, f"{name}.bias")
        return self.add("LayerNormalization", x, *parameters, axis=-1, epsilon=self.epsilon)


_BATCHED: dict[str, Any] = {"domain": "com.microsoft", "transBatchB": 1}


class _Layout(NamedTuple):
    """Names of what all layers share: how tokens are moved between the packed and the padded layout."""

    mask: str
    pooling: str
    split: str
    """The shape of the attention heads."""
    joined: str
    """The shape of packed rows."""
    places: list[str]
    """The rows of query, key and value at each padded position."""
    unpadded: str
    """The row in attention's output of each token and head."""


def build(weights: Weights, shape: Architecture, precision: Precision = "int8") -> onnx.ModelProto:
    """The graph of an encoder and its head. GELU is the exact one, not the tanh approximation.

    For B texts of T tokens in total, the longest of length L, the inputs are:
    ``ids``, ``types``, ``positions``, ``texts``: int64 [T], of each token its id, its segment, its position in its
    text, and the number of its text;
    ``padded``: int64 [L, B], the token at each padded position;
    ``mask``: float [B, 1, 1, L], 0 for a token and a large negative number for padding;
    ``pooling``: float [B, 1, L], the weight of each position in the mean over the text's own tokens;
    ``first``: int64 [B], each text's first token.
    The outputs are ``logits`` float [B, 3] and ``sentence_embedding`` float [B, hidden], of unit length.

    The native engine computes the same from the graph's named constants and from the shape in its metadata.

    Attention reads [L, B, heads, size] as it is in memory (FusedMatMul with transposed batches), so nothing is
    transposed. Its output is gathered head by head into [T, hidden].
    """
    graph = _Graph(precision, shape.epsilon)
    x = _embedded(graph, weights)
    layout = _layout(graph, shape)
    for layer in range(shape.layers):
        x = _attention(graph, weights, shape, layout, layer, x)
        x = _feed_forward(graph, weights, layer, x)
    logits, unit = _head(graph, weights, shape, layout, x)
    for result, name in zip((logits, unit), OUTPUTS, strict=True):
        if precision == "fp16":
            graph.nodes.append(helper.make_node("Cast", [result], [name], to=TensorProto.FLOAT))
        else:
            next(node for node in graph.nodes if result in node.output).output[0] = name
    return _model(graph, weights, shape)


def _embedded(graph: _Graph, weights: Weights) -> str:
    """The embeddings of the tokens [T, hidden]."""
    words = weights["embeddings.word_embeddings.weight"]
    if graph.precision == "int8":
        scale = np.maximum(np.abs(words).max(axis=1, keepdims=True), 1e-8) / 127
        table = graph.constant(np.rint(words / scale).astype(np.int8), "words.weight")
        rows = graph.add("Cast", graph.add("Gather", table, "ids"), to=TensorProto.FLOAT)
        x = graph.add("Mul", rows, graph.add("Gather", graph.constant(scale, "words.scale"), "ids"))
    else:
        x = graph.add("Gather", graph.constant(words), "ids")
    for name, indices in (("position", "positions"), ("token_type", "types")):
        other = graph.constant(weights[f"embeddings.{name}_embeddings.weight"], f"{name}.weight")
        x = graph.add("Add", x, graph.add("Gather", other, indices))
    return graph.normalise("norm", x, weights["embeddings.LayerNorm.weight"], weights["embeddings.LayerNorm.bias"])


def _layout(graph: _Graph, shape: Architecture) -> _Layout:
    mask, pooling = ("mask", "pooling")
    if graph.precision == "fp16":
        mask, pooling = (graph.add("Cast", name, to=graph.kind) for name in (mask, pooling))
    split = graph.integers(0, 0, shape.heads, shape.hidden // shape.heads)
    joined = graph.integers(-1, shape.hidden)
    # Query, key and value of a token are consecutive rows.
    threefold = graph.add("Mul", "padded", graph.integers(3))
    places = [graph.add("Add", threefold, graph.integers(i)) for i in range(3)]
    # The row of (text, head, position) in attention's output: (text * heads + head) * L + position.
    longest = graph.add("Shape", "mask", start=3)
    rows = graph.add("Unsqueeze", graph.add("Mul", "texts", graph.integers(shape.heads)), graph.integers(1))
    rows = graph.add("Mul", graph.add("Add", rows, graph.integers(*range(shape.heads))), longest)
    unpadded = graph.add("Add", rows, graph.add("Unsqueeze", "positions", graph.integers(1)))
    return _Layout(mask, pooling, split, joined, places, unpadded)


def _attention(graph: _Graph, weights: Weights, shape: Architecture, layout: _Layout, layer: int, x: str) -> str:
    """``x`` [T, hidden] after the attention of ``layer``, its residual and its norm."""
    at, here = f"encoder.layer.{layer}.", f"layer.{layer}"
    attention = f"{at}attention.self."
    hidden, size = shape.hidden, shape.hidden // shape.heads
    # The scale of the scores is folded into the queries. The bias of the keys adds the same number to all scores of a
    # row, which softmax ignores. The bias of the values passes through attention unchanged, because the weights of
    # attention add up to 1, so it is folded into the bias of the output.
    weight = np.concatenate([weights[f"{attention}{name}.weight"].T for name in ("query", "key", "value")], axis=1)
    weight[:, :hidden] /= np.sqrt(size)
    out_weight = weights[f"{at}attention.output.dense.weight"].T
    out_bias = weights[f"{at}attention.output.dense.bias"] + weights[f"{attention}value.bias"] @ out_weight
    qkv = graph.add("Reshape", graph.linear(f"{here}.qkv", x, weight), layout.joined)
    query, key, value = (graph.add("Gather", qkv, place) for place in layout.places)
    bias = graph.constant(weights[f"{attention}query.bias"] / np.sqrt(size), f"{here}.query.bias")
    query = graph.add("Add", query, bias)
    query, key, value = (graph.add("Reshape", part, layout.split) for part in (query, key, value))
    scores = graph.add("FusedMatMul", query, key, transB=1, transBatchA=1, **_BATCHED)
    shares = graph.add("Softmax", graph.add("Add", scores, layout.mask), axis=-1)
    context = graph.add("Reshape", graph.add("FusedMatMul", shares, value, **_BATCHED), graph.integers(-1, size))
    context = graph.add("Reshape", graph.add("Gather", context, layout.unpadded), layout.joined)
    x = graph.add("Add", graph.linear(f"{here}.out", context, out_weight, out_bias), x)
    norm = f"{at}attention.output.LayerNorm."
    bias_after = weights[f"{norm}bias"] + weights[f"{at}output.dense.bias"]  # see _feed_forward
    return graph.normalise(f"{here}.norm1", x, weights[f"{norm}weight"], bias_after)


def _feed_forward(graph: _Graph, weights: Weights, layer: int, x: str) -> str:
    """``x`` [T, hidden] after the two linear layers of ``layer``, their residual and their norm.

    The bias of the second one is in ``x`` already: ``_attention`` adds it to the bias of its norm. There it costs
    nothing, and the residual brings it to where it belongs. Its effect on the first linear layer is subtracted here.
    """
    at, here = f"encoder.layer.{layer}.", f"layer.{layer}"
    weight = weights[f"{at}intermediate.dense.weight"].T
    bias = weights[f"{at}intermediate.dense.bias"] - weights[f"{at}output.dense.bias"] @ weight
    inner = graph.linear(f"{here}.up", x, weight, bias)
    weight = weights[f"{at}output.dense.weight"].T
    out = graph.linear(f"{here}.down", graph.add("Gelu", inner), weight, of_gelu=True)
    norm = f"{at}output.LayerNorm."
    x = graph.add("Add", out, x)
    return graph.normalise(f"{here}.norm2", x, weights[f"{norm}weight"], weights[f"{norm}bias"])


def _head(graph: _Graph, weights: Weights, shape: Architecture, layout: _Layout, x: str) -> tuple[str, str]:
    """(logits [B, 3], embeddings [B, hidden] of unit length) of the last layer's ``x`` [T, hidden]."""
    mean = graph.add("FusedMatMul", layout.pooling, graph.add("Gather", x, "padded"), **_BATCHED)
    mean = graph.add("Reshape", mean, layout.joined)
    embedding = mean
    if CENTER in weights:
        embedding = graph.add("Sub", mean, graph.constant(weights[CENTER], CENTER))
    first = graph.add("Gather", x, "first")
    if shape.head == "pair":
        features, name = graph.add("Concat", first, mean, axis=1), "head"
    else:
        dense = graph.constant(weights["head.dense.weight"].T, "dense.weight")
        bias = graph.constant(weights["head.dense.bias"], "dense.bias")
        features, name = graph.add("Tanh", graph.add("Add", graph.add("MatMul", first, dense), bias)), "head.out"
    logits = graph.add("MatMul", features, graph.constant(weights[f"{name}.weight"].T, "head.weight"))
    logits = graph.add("Add", logits, graph.constant(weights[f"{name}.bias"], "head.bias"))
    length = graph.add(
        "Max", graph.add("ReduceL2", embedding, graph.integers(-1), keepdims=1), graph.constant(np.float32(1e-6))
    )
    return logits, graph.add("Div", embedding, length)


def _model(graph: _Graph, weights: Weights, shape: Architecture) -> onnx.ModelProto:
    """The ONNX file of ``graph``: its inputs and outputs, and the shape in its metadata."""

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
            integer("texts", "T"),
            integer("padded", "L", "B"),
            real("mask", "B", 1, 1, "L"),
            real("pooling", "B", 1, "L"),
            integer("first", "B"),
        ],
        [real("logits", "B", 3), real("sentence_embedding", "B", shape.hidden)],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION, producer_name="finsent")
    facts = {
        "precision": graph.precision,
        "layers": str(shape.layers),
        "hidden": str(shape.hidden),
        "heads": str(shape.heads),
        "inner": str(len(weights["encoder.layer.0.intermediate.dense.weight"])),
        "epsilon": str(shape.epsilon),
    }
    helper.set_model_props(model, facts)
    return model


def graph_of(weights: Weights, encoder: Base, precision: Precision = "int8") -> onnx.ModelProto:
    """The graph for ``weights`` in the shape of ``encoder``, with a head of the kind ``pair``."""
    return build(weights, Architecture(encoder.layers, encoder.hidden, encoder.heads, encoder.epsilon), precision)
