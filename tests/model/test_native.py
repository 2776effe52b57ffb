"""The native engine against ONNX Runtime on the same graphs, whose weights are random."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from tokenizers import Encoding, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from model.encoder.graph import CENTER, Architecture, build
from model.engine import NoKernel, Running, native
from model.engine.engine import Engine
from model.engine.native import Native
from model.engine.packing import pack

SHAPES = {
    "heads of 32, pair": (Architecture(2, 64, 2, 1e-12, "pair"), 96),
    "heads of 64, dense": (Architecture(3, 192, 3, 1e-5, "dense"), 160),
}
VOCABULARY, POSITIONS = 61, 300


def weights(shape: Architecture, inner: int) -> dict[str, np.ndarray]:
    random, hidden = np.random.default_rng(4), shape.hidden
    found = {
        "embeddings.word_embeddings.weight": random.normal(size=(VOCABULARY, hidden)),
        "embeddings.position_embeddings.weight": random.normal(size=(POSITIONS, hidden)) / 4,
        "embeddings.token_type_embeddings.weight": random.normal(size=(2, hidden)) / 4,
        CENTER: random.normal(size=hidden) / 9,
    }

    def linear(name: str, k: int, n: int) -> None:
        found[f"{name}.weight"] = random.normal(size=(n, k)) / np.sqrt(k)
        found[f"{name}.bias"] = random.normal(size=n) / 4

    def norm(name: str) -> None:
        found[f"{name}.weight"], found[f"{name}.bias"] = random.uniform(0.5, 2, hidden), random.normal(size=hidden) / 4

    norm("embeddings.LayerNorm")
    for layer in range(shape.layers):
        at = f"encoder.layer.{layer}."
        for name in ("query", "key", "value"):
            linear(f"{at}attention.self.{name}", hidden, hidden)
        linear(f"{at}attention.output.dense", hidden, hidden)
        norm(f"{at}attention.output.LayerNorm")
        linear(f"{at}intermediate.dense", hidden, inner)
        linear(f"{at}output.dense", inner, hidden)
        norm(f"{at}output.LayerNorm")
    if shape.head == "pair":
        linear("head", 2 * hidden, 3)
    else:
        linear("head.dense", hidden, hidden)
        linear("head.out", hidden, 3)
    return {name: value.astype(np.float32) for name, value in found.items()}


def encodings(lengths: list[int]) -> list[Encoding]:
    """Texts of so many tokens, [CLS] and [SEP] among them; every third about an entity."""
    words = {"[CLS]": 0, "[SEP]": 1, "[UNK]": 2} | {f"w{i}": i for i in range(3, VOCABULARY)}
    tokenizer = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 0), ("[SEP]", 1)]
    )
    random = np.random.default_rng(6)

    def words_of(count: int) -> str:
        return " ".join(f"w{i}" for i in random.integers(3, VOCABULARY, count))

    return tokenizer.encode_batch(
        [words_of(n - 2) if i % 3 or n < 6 else (words_of(2), words_of(n - 5)) for i, n in enumerate(lengths)]
    )


LENGTHS = [*range(2, 40), 47, 48, 49, 95, 96, 97, 128, 191, 255, 300]


@pytest.fixture(params=SHAPES)
def graphs(request: pytest.FixtureRequest, kernel: None) -> dict[str, bytes]:
    shape, inner = SHAPES[request.param]
    made = weights(shape, inner)
    return {name: build(made, shape, name).SerializeToString() for name in ("int8", "fp32")}  # type: ignore[arg-type]


def test_it_computes_what_the_graph_says(graphs: dict[str, bytes], instruction_set: str):
    texts = encodings(LENGTHS)
    assert [len(text) for text in texts] == LENGTHS
    backend = Native(graphs["int8"])
    assert backend.providers == ["native", instruction_set]
    logits, embeddings = backend.run(texts)
    exact, rounded = (
        onnxruntime.InferenceSession(graphs[name]).run(["logits", "sentence_embedding"], pack(texts))
        for name in ("fp32", "int8")
    )
    # No further from the float network than ONNX Runtime with the same weights is.
    for got, other, wanted in zip((logits, embeddings), rounded, exact, strict=True):
        assert np.abs(got - wanted).mean() < 1.1 * np.abs(other - wanted).mean() + 1e-6
        assert np.abs(got - wanted).max() < 0.05 * np.abs(wanted).max()
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_a_text_has_the_same_bits_in_any_batch_order_and_thread(graphs: dict[str, bytes], instruction_set: str):
    texts = encodings(LENGTHS * 2)
    logits, embeddings = Engine(graphs["int8"], Running(engine="native")).score(texts, 512)
    for threads, tokens in ((1, 1), (1, 100), (2, 512), (3, 5000)):
        engine = Engine(graphs["int8"], Running(engine="native", threads=threads))
        order = np.random.default_rng(tokens).permutation(len(texts))
        again = engine.score([texts[i] for i in order], tokens)
        assert np.array_equal(again[0], logits[order]) and np.array_equal(again[1], embeddings[order])
    assert [len(rows) for rows in engine.score([], 512)] == [0, 0]


def test_all_instruction_sets_give_the_same_bits(graphs: dict[str, bytes], monkeypatch: pytest.MonkeyPatch):
    texts, found = encodings(LENGTHS), []
    for name in native.instruction_sets():
        monkeypatch.setenv("FINSENT_CPU", name)
        backend = Native(graphs["int8"])
        assert backend.providers[-1] == name
        found.append(backend.run(texts))
    if len(found) == 1:
        pytest.skip("this processor has only one of the instruction sets")
    for other in found[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_what_the_kernel_cannot_run_is_refused(graphs: dict[str, bytes]):
    runs = Native(graphs["int8"])
    with pytest.raises(ValueError, match="the tokenizer is another's"):
        runs.run(encodings([POSITIONS + 1]))
    with pytest.raises(NoKernel, match="older finsent"):
        Native(graphs["fp32"])
    changed = onnx.load_from_string(graphs["int8"])
    for tensor in changed.graph.initializer:
        if tensor.name == "layer.0.norm1.bias":
            tensor.CopyFrom(numpy_helper.from_array(np.zeros(5, np.float32), tensor.name))
    with pytest.raises(ValueError, match=r"layer\.0\.norm1\.bias is float32 \[5\]"):
        Native(changed.SerializeToString())
    for prop in changed.metadata_props:
        prop.value = "0" if prop.key == "heads" else prop.value
    with pytest.raises(NoKernel, match="0 heads"):
        Native(changed.SerializeToString())
    del changed.metadata_props[-1]
    with pytest.raises(NoKernel, match="does not say its shape"):
        Native(changed.SerializeToString())
    narrow = Architecture(1, 32, 2)
    with pytest.raises(NoKernel, match="2 heads in 32 numbers a token"):
        Native(build(weights(narrow, 32), narrow).SerializeToString())
    wide = Architecture(1, 32, 1)
    with pytest.raises(NoKernel, match="sums up 32800 products"):
        Native(build(weights(wide, 32800), wide).SerializeToString())
