"""Integer sums are exact with every engine, and so on a processor without VNNI, as FINSENT_CPU=avx2 makes this one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Encoding, Tokenizer

import model
from model import Scorer
from model.encoder import Architecture, base_of, build, merged
from model.engine import NoDevice, NoKernel, Running, native
from model.engine.engine import Engine
from model.engine.exact import PRODUCTS, product, signed_weights, unsigned
from model.registry import best_running, copy_adapters, describe
from settings import ModelSettings
from tests.model import reference

WAYS = ["onnxruntime", "onnxruntime as on AVX2", *(f"native {name}" for name in native.INSTRUCTION_SETS)]
SHAPES = [(1, 384, 384), (2, 64, 96), (13, 384, 1152), (67, 1536, 384)]
CLOSE = 1e-3
"""Of probabilities."""

SUBJECTS = ("Alder", "The bank", "Its largest client", "The regulator", "A rival", "The board", "Birch")
NEWS = (
    "raises its outlook after record orders",
    "warns of heavy losses and cuts a third of its staff",
    "will publish its results on Thursday",
    "settles the lawsuit for 40 million",
    "says demand was weak, but margins held up better than feared in the third quarter",
    "resigns",
    "beats every estimate",
)
TEXTS = [f"{who} {what}" for who in SUBJECTS for what in NEWS]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Named by its engine; the session behaves so until the test ends."""
    engine, _, rest = str(request.param).partition(" ")
    if engine == "native":
        request.getfixturevalue("kernel")
        if rest not in native.instruction_sets():
            pytest.skip(f"this processor has no {native.NAMES[rest]}")
        monkeypatch.setenv("FINSENT_CPU", rest)
        assert native.kernel_set() == rest
    elif rest:
        monkeypatch.setenv("FINSENT_CPU", "avx2")
        assert not signed_weights()
    return engine


def multiplied(way: str, activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    if way == "native":
        return native.product(activations, weights)
    graph = product(weights).SerializeToString()
    session = onnxruntime.InferenceSession(graph if signed_weights() else unsigned(graph))
    return np.asarray(session.run(None, {"x": activations})[0])


def same(shape: tuple[int, int], value: int, kind: type) -> np.ndarray:
    return np.full(shape, value, kind)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sums_of_products_are_exact(way: str, shape: tuple[int, int, int]):
    rows, k, n = shape
    random = np.random.default_rng(k + n)
    mixed = np.where(random.random((k, n)) < 0.5, 127, -128).astype(np.int8)
    cases = [
        *((same((rows, k), 255, np.uint8), weights) for weights in (same((k, n), 127, np.int8), mixed)),
        *((same((rows, k), a, np.uint8), same((k, n), -128, np.int8)) for a in (0, 1, 255)),
        *(
            (random.integers(0, 256, (rows, k)).astype(np.uint8), random.integers(-128, 128, (k, n)).astype(np.int8))
            for _ in range(3)
        ),
        (np.where(random.random((rows, k)) < 0.5, 255, 0).astype(np.uint8), mixed),
    ]
    for activations, weights in cases:
        sums = (activations.astype(np.int64) - 128) @ weights.astype(np.int64)
        assert np.array_equal(multiplied(way, activations, weights), sums.astype(np.float32))


def texts(folder: Path) -> list[Encoding]:
    tokenizer = Tokenizer.from_file(str(folder / "en.json"))
    tokenizer.no_padding()
    return tokenizer.encode_batch(TEXTS)


def probabilities(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


GELU: dict[str, reference.Gelu] = {"onnxruntime": "symmetric", "native": "shifted"}


@pytest.fixture(scope="module")
def layer(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[str, np.ndarray]]:
    """(the graph of the first layer and the head, the reference's probabilities by engine)."""
    folder = model.champion_folder(shipped)
    made = copy_adapters(folder, tmp_path_factory.mktemp("adapters"))
    adapter = next(path for path in made if path.name == "en")
    base = base_of(adapter)
    graph = build(merged(adapter)[0], Architecture(1, base.hidden, base.heads, base.epsilon))
    encodings = texts(folder)
    wanted = {engine: probabilities(reference.logits(graph, encodings, gelu)) for engine, gelu in GELU.items()}
    return graph.SerializeToString(), wanted


def test_a_layer_is_what_a_slow_exact_reference_says(
    way: str, shipped: Path, layer: tuple[bytes, dict[str, np.ndarray]]
):
    """Of one layer alone. Engines differ from the reference in the last bits of float32, which turns the rounding of a
    value to int8 now and then. Behind one layer that is next to nothing; every further layer makes more of it."""
    graph, wanted = layer
    encodings = texts(model.champion_folder(shipped))
    logits, _ = Engine(graph, Running(engine=way)).score(encodings, 512)  # type: ignore[arg-type]
    away = {engine: np.abs(probabilities(logits) - found).max() for engine, found in wanted.items()}
    assert away.pop(way) <= CLOSE
    assert min(away.values()) > CLOSE  # the other engine's rounding is told from this one's


def exact_products(graph: onnx.ModelProto) -> bytes:
    """``graph`` with its integer products as products of float64, which holds every sum exactly."""
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
    nodes = []
    for node in graph.graph.node:
        if node.op_type not in PRODUCTS:
            nodes.append(node)
            continue
        x, w, of_x, of_w, zero = node.input
        name = node.output[0]
        scale = numpy_helper.from_array(weights[of_x] * weights[of_w], f"{name}.scale")
        right = numpy_helper.from_array(weights[w].astype(np.float64), f"{name}.weight")
        graph.graph.initializer.extend([scale, right])
        for source, target in ((x, f"{name}.x"), (zero, f"{name}.zero")):
            nodes.append(helper.make_node("Cast", [source], [target], to=TensorProto.DOUBLE))
        nodes += [
            helper.make_node("Sub", [f"{name}.x", f"{name}.zero"], [f"{name}.left"]),
            helper.make_node("MatMul", [f"{name}.left", right.name], [f"{name}.sums"]),
            helper.make_node("Cast", [f"{name}.sums"], [f"{name}.real"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}.real", scale.name], [name]),
        ]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    return bytes(graph.SerializeToString())


@pytest.mark.parametrize("level", ["auto", "avx2"])
def test_the_whole_network_is_what_exact_products_make_of_it(
    level: str, shipped: Path, monkeypatch: pytest.MonkeyPatch
):
    """What is no product of integers is computed by the same code on both sides, so that nothing is left to differ."""
    monkeypatch.setenv("FINSENT_CPU", level)
    folder = model.champion_folder(shipped)
    parts = [part for part in describe(shipped, folder.name).parts if part.name == "en"]
    exact = exact_products(onnx.load(folder / "en.onnx"))
    wanted, got = (
        Scorer(folder, "en", parts, graphs=graphs).score(TEXTS, languages=["en"] * len(TEXTS))
        for graphs in ({"en": exact}, None)
    )
    assert np.abs(got.probabilities - wanted.probabilities).max() <= CLOSE
    assert np.ptp(wanted.probabilities, axis=0).min() > 0.5  # or nothing was compared


def test_the_whole_network_stays_near_the_reference(way: str, shipped: Path):
    """All layers: labels that are not in doubt are the same, and probabilities are near in the mean."""
    folder = model.champion_folder(shipped)
    encodings = texts(folder)[::3]
    graph = onnx.load(folder / "en.onnx")
    logits, _ = Engine(folder / "en.onnx", Running(engine=way)).score(encodings, 512)  # type: ignore[arg-type]
    wanted = probabilities(reference.logits(graph, encodings, GELU[way]))
    found = probabilities(logits)
    assert np.abs(found - wanted).max(axis=1).mean() <= 0.03
    sure = np.ptp(np.sort(wanted, axis=1)[:, 1:], axis=1) > 0.2
    assert (found.argmax(axis=1) == wanted.argmax(axis=1))[sure].all() and sure.sum() > 10


def test_every_kind_of_integer_product_becomes_unsigned():
    random = np.random.default_rng(2)
    weights, other = (random.integers(-128, 128, (8, 3)).astype(np.int8) for _ in range(2))
    constants = {"w": weights, "z": np.int8(-5), "x0": np.uint8(7), "v": other.view(np.uint8)}
    nodes = [
        helper.make_node("MatMulInteger", ["x", "w"], ["plain"]),
        helper.make_node("MatMulInteger", ["x", "w", "x0"], ["of zero"]),
        helper.make_node("MatMulInteger", ["x", "w", "x0", "z"], ["of two"]),
        helper.make_node("MatMulInteger", ["x", "v", "x0", "x0"], ["unsigned already"]),
        helper.make_node("Cast", ["w"], ["read otherwise"], to=TensorProto.INT32),
    ]
    outputs = [helper.make_tensor_value_info(node.output[0], TensorProto.INT32, None) for node in nodes]
    made = helper.make_graph(
        nodes,
        "products",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [4, 8])],
        outputs,
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    graph = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()
    turned = unsigned(graph)
    kinds = {tensor.name: tensor.data_type for tensor in onnx.load_from_string(turned).graph.initializer}
    products = [node for node in onnx.load_from_string(turned).graph.node if node.op_type in PRODUCTS]
    assert {kinds[node.input[1]] for node in products} == {TensorProto.UINT8}
    x = random.integers(0, 256, (4, 8)).astype(np.uint8)
    wide = x.astype(np.int64)
    wanted = [
        wide @ weights,
        (wide - 7) @ weights,
        (wide - 7) @ (weights.astype(np.int64) + 5),
        (wide - 7) @ (other.view(np.uint8).astype(np.int64) - 7),
        weights,
    ]
    for got, sums in zip(onnxruntime.InferenceSession(turned).run(None, {"x": x}), wanted, strict=True):
        assert np.array_equal(got, sums)
    assert unsigned(turned) == turned


def test_the_level_is_a_setting(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = model.champion_folder(shipped)
    settings = ModelSettings(device="cpu", threads=1, batch_tokens=256, cache=tmp_path / "models")
    native_only = settings.model_copy(update={"engine": "native"})
    for name in native.INSTRUCTION_SETS:
        monkeypatch.setenv("FINSENT_CPU", name)
        if problem := native.kernel_problem():
            variable = "MODEL_ENGINE=native" if name == "avx2" else f"FINSENT_CPU={name}"
            with pytest.raises(NoKernel, match=re.escape(f"{variable}, but {problem}")):
                best_running(folder, native_only)
        else:
            assert best_running(folder, native_only).engine == "native"
    monkeypatch.setenv("FINSENT_CPU", "sse")
    ways: list[Callable[[], object]] = [lambda: best_running(folder, settings), lambda: model.load(folder)]
    for act in ways:
        with pytest.raises(NoDevice, match="FINSENT_CPU is 'sse'; it can be avx2, avxvnni, avx512, neon, or auto"):
            act()
