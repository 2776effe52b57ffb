"""The networks and the limit that ``benchmarks.scorer`` compares with."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

BATCH = 32
MAX_TOKENS = 256


def same_network(adapter: Path) -> tuple[Any, Any]:
    """The model in ``adapter`` as a Hugging Face network (the merged weights in a BertModel, and the same head), and
    its tokenizer."""
    import torch
    from tokenizers import Tokenizer
    from transformers import BertConfig, BertModel, BertPreTrainedModel, PreTrainedTokenizerFast
    from transformers.modeling_outputs import SequenceClassifierOutput

    from model.encoder import CENTER, base_of, merged

    weights, _ = merged(adapter)
    base = base_of(adapter)
    tensors = {
        name: torch.from_numpy(value) for name, value in weights.items() if "pooler" not in name and name != CENTER
    }

    class Same(BertPreTrainedModel):  # type: ignore[misc]
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.bert = BertModel(config, add_pooling_layer=False)
            self.head = torch.nn.Linear(2 * config.hidden_size, 3)

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any = None, **_: Any) -> Any:
            states = self.bert(input_ids, attention_mask, token_type_ids).last_hidden_state
            own = torch.nn.functional.pad(attention_mask[:, 2:], (1, 1)).unsqueeze(-1)  # without [CLS] and [SEP]
            mean = (states * own).sum(1) / own.sum(1).clamp(min=1)
            return SequenceClassifierOutput(logits=self.head(torch.cat([states[:, 0], mean], dim=1)))

    rows = {name: len(tensors[f"embeddings.{name}_embeddings.weight"]) for name in ("word", "position", "token_type")}
    config = BertConfig(
        vocab_size=rows["word"],
        max_position_embeddings=rows["position"],
        type_vocab_size=rows["token_type"],
        num_hidden_layers=base.layers,
        hidden_size=base.hidden,
        num_attention_heads=base.heads,
        intermediate_size=base.intermediate,
        layer_norm_eps=base.epsilon,
        id2label={0: "negative", 1: "neutral", 2: "positive"},
    )
    network = Same(config)
    network.head.load_state_dict({"weight": tensors.pop("head.weight"), "bias": tensors.pop("head.bias")})
    network.bert.load_state_dict(tensors)
    tokenizer = Tokenizer.from_str(base.tokenizer)
    padding = next(name for name in ("[PAD]", "<pad>") if tokenizer.token_to_id(name) is not None)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return network.eval(), PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=padding,
        model_max_length=MAX_TOKENS,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def plain_session(network: Any, threads: int, cuda: bool) -> Any:
    """``network`` exported by torch's exporter, as most people do it, in a session with ONNX Runtime's defaults."""
    import onnxruntime
    import torch

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return self.network(input_ids, attention_mask).logits

    ids = torch.ones(2, 8, dtype=torch.long)
    names = ["input_ids", "attention_mask"]
    axes = {name: {0: "batch", 1: "length"} for name in names}
    written: Any = io.BytesIO()  # PyTorch takes it, and says that it takes paths only
    torch.onnx.export(
        Logits().eval(), (ids, ids), written, input_names=names, dynamic_axes=axes, opset_version=17, dynamo=False
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    providers = ["CUDAExecutionProvider"] if cuda else ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(written.getvalue(), options, providers=providers)


def run_plain(session: Any, tokenizer: Any, texts: Sequence[str]) -> Any:
    """Logits of the texts, ``BATCH`` at a time in the order they came."""
    import numpy as np

    found = []
    for start in range(0, len(texts), BATCH):
        batch = tokenizer(texts[start : start + BATCH], truncation=True, padding=True, return_tensors="np")
        found.append(session.run(None, {name: batch[name] for name in ("input_ids", "attention_mask")})[0])
    return np.concatenate(found)


def int8_limit(shapes: Sequence[tuple[int, int]], layers: int, threads: int) -> tuple[Callable[[], object], int]:
    """(run, tokens): the matrix products of the network's linear layers alone, each with weights of its own, on
    ``tokens`` tokens, as MatMulInteger or MatMulIntegerToFloat and in blocks of 256 to 1,024 tokens: the fastest."""
    found = (
        product
        for fused in (False, True)
        for product in _products(_session(tuple(shapes) * layers, fused, threads), sorted({k for k, _ in shapes}))
    )
    _, run, tokens = max(found, key=lambda one: one[0])
    return run, tokens


def _session(shapes: Sequence[tuple[int, int]], fused: bool, threads: int) -> Any:
    """A session over a graph of a product for each of ``shapes``, with random weights."""
    import numpy as np
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    constants = [numpy_helper.from_array(np.array(128, np.uint8), "zero")]
    if fused:
        constants.append(numpy_helper.from_array(np.array(1 / 127, np.float32), "scale"))
    nodes, outputs = [], []
    for number, (k, n) in enumerate(shapes):
        name, made = f"w{number}", f"y{number}"
        constants.append(numpy_helper.from_array(random.integers(-127, 127, (k, n), np.int8), name))
        if fused:
            inputs = [f"x{k}", name, "scale", "scale", "zero"]
            nodes.append(helper.make_node("MatMulIntegerToFloat", inputs, [made], domain="com.microsoft"))
        else:
            nodes.append(helper.make_node("MatMulInteger", [f"x{k}", name, "zero"], [made]))
        kind = TensorProto.FLOAT if fused else TensorProto.INT32
        outputs.append(helper.make_tensor_value_info(made, kind, ["T", n]))
    taken = [
        helper.make_tensor_value_info(f"x{k}", TensorProto.UINT8, ["T", k]) for k in sorted({k for k, _ in shapes})
    ]
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    graph = helper.make_graph(nodes, "limit", taken, outputs, constants)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(
        helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString(),
        options,
        providers=["CPUExecutionProvider"],
    )


def _products(session: Any, sizes: Sequence[int]) -> Iterator[tuple[float, Callable[[], object], int]]:
    """(tokens a second, run, tokens) in blocks of several sizes."""
    import numpy as np

    random = np.random.default_rng(0)
    for tokens in (256, 512, 1024):
        # Inputs and outputs lie in memory that is used again, so that products alone are measured.
        binding = session.io_binding()
        for k in sizes:
            binding.bind_cpu_input(f"x{k}", random.integers(0, 255, (tokens, k), np.uint8))
        for output in session.get_outputs():
            binding.bind_output(output.name)
        run = partial(session.run_with_iobinding, binding)
        run()
        took = []
        for _ in range(5):
            started = time.perf_counter()
            run()
            took.append(time.perf_counter() - started)
        yield tokens / statistics.median(took), run, tokens
