"""The scorer beside what users run today, on the same texts in the same run:

``python -m benchmarks.scorer --texts FILE --json OUT [--count N] [--threads 1] [--device cuda]``

Contenders: finsent as its workers call it, and with ONNX Runtime in the place of its own engine; a Hugging Face
pipeline on the very same weights (batch 1 and 32) and one on a BERT-base of FinBERT's shape (its weights are random:
the time does not depend on them); ONNX Runtime used plainly (the same weights exported as they are, float32, padded,
batches of 32 in the order of arrival); and the machine's int8 limit, which is the time of the network's matrix products
alone, on as many tokens, by ONNX Runtime.

Slow contenders score a sample with the same lengths. Rounds are interleaved, so that a busy machine is busy for all;
figures are medians over the rounds.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import logging
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any

HEADLINES = (
    "Profit of company {n} rose by {n} percent in the third quarter",
    "Company {n} warns of lower sales in year {n}",
)
BATCH = 32
MAX_TOKENS = 256
RECORDS = 512
"""A full batch of a worker."""

NAMES = {
    "finsent": "finsent",
    "finsent_onnxruntime": "finsent with MODEL_ENGINE=onnxruntime",
    "hf_batch_1": "Hugging Face pipeline, same weights, batch 1",
    "hf_batch_32": "Hugging Face pipeline, same weights, batch 32",
    "bert_base_hf_batch_1": "Hugging Face pipeline, BERT-base, batch 1",
    "bert_base_hf_batch_32": "Hugging Face pipeline, BERT-base, batch 32",
    "ort_plain": "ONNX Runtime, float32, padded, batch 32",
}


@dataclass
class Contender:
    """``run`` scores ``texts`` texts; seconds on the wall and of CPU, a round each."""

    run: Callable[[], object]
    texts: int
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def round(self) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        self.run()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)

    @property
    def rate(self) -> float:
        return self.texts / statistics.median(self.wall)

    @property
    def cpu_ms(self) -> float:
        return 1000 * statistics.median(self.cpu) / self.texts


def read(path: Path) -> list[str]:
    """The column ``text`` of a CSV (gzipped or not), or the lines of any other file."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        if ".csv" in path.suffixes:
            rows = csv.DictReader(file)
            if "text" not in (rows.fieldnames or ()):
                raise SystemExit(f"{path} has no column 'text'; it has {', '.join(rows.fieldnames or ())}")
            found = [row["text"] for row in rows]
        else:
            found = file.read().splitlines()
    return [text for text in map(str.strip, found) if text]


def gather(paths: Sequence[Path], count: int) -> list[str]:
    """``count`` different texts, taken from the files in turn; headlines made here without files."""
    if not paths:
        return [HEADLINES[n % 2].format(n=n) for n in range(count)]
    mixed = chain.from_iterable(zip_longest(*(dict.fromkeys(read(path)) for path in paths)))
    return list(islice(dict.fromkeys(text for text in mixed if text), count))


def sample(texts: Sequence[str], lengths: Sequence[int], count: int) -> list[str]:
    """``count`` of the texts, spread evenly over their lengths, in their order."""
    count = min(count, len(texts))
    by_length = sorted(range(len(texts)), key=lambda i: lengths[i])
    return [texts[i] for i in sorted(by_length[int((n + 0.5) * len(texts) / count)] for n in range(count))]


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
    written = io.BytesIO()
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
    import numpy as np
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    best: tuple[float, Callable[[], object], int] | None = None
    for fused in (False, True):
        nodes, outputs, constants = [], [], []
        if fused:
            constants += [numpy_helper.from_array(np.float32(1 / 127), "scale")]
        constants += [numpy_helper.from_array(np.uint8(128), "zero")]
        for number, (k, n) in enumerate(tuple(shapes) * layers):
            name = f"w{number}"
            constants.append(numpy_helper.from_array(random.integers(-127, 127, (k, n), np.int8), name))
            inputs = [f"x{k}", name, "scale", "scale", "zero"] if fused else [f"x{k}", name, "zero"]
            nodes.append(
                helper.make_node(
                    "MatMulIntegerToFloat" if fused else "MatMulInteger",
                    inputs,
                    [f"y{number}"],
                    domain="com.microsoft" if fused else "",
                )
            )
            kind = TensorProto.FLOAT if fused else TensorProto.INT32
            outputs.append(helper.make_tensor_value_info(f"y{number}", kind, ["T", n]))
        sizes = sorted({k for k, _ in shapes})
        inputs = [helper.make_tensor_value_info(f"x{k}", TensorProto.UINT8, ["T", k]) for k in sizes]
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
        graph = helper.make_graph(nodes, "limit", inputs, outputs, constants)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(
            helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
        )
        for tokens in (256, 512, 1024):
            # Inputs and outputs lie in memory that is used again, so that products alone are measured.
            binding = session.io_binding()
            for k in sizes:
                binding.bind_cpu_input(f"x{k}", random.integers(0, 255, (tokens, k), np.uint8))
            for output in outputs:
                binding.bind_output(output.name)

            def run(session: Any = session, binding: Any = binding) -> None:
                session.run_with_iobinding(binding)

            run()
            took = []
            for _ in range(5):
                started = time.perf_counter()
                run()
                took.append(time.perf_counter() - started)
            speed = tokens / statistics.median(took)
            if best is None or speed > best[0]:
                best = (speed, run, tokens)
    assert best is not None
    return best[1], best[2]


def padding_shares(lengths: Sequence[int], batch_tokens: int, multiple: int) -> dict[str, float]:
    """Share of the places in attention that no token stands in (linear layers compute none), where lengths are rounded
    up to ``multiple``; and what padding batches of 32 in the order of arrival wastes, in every layer."""
    from model.engine import padding_share

    held = sum(lengths)
    worker = [lengths[start : start + RECORDS] for start in range(0, len(lengths), RECORDS)]
    # The places of a call follow from its tokens and its share of padding.
    places = sum(sum(part) / (1 - padding_share(part, batch_tokens, multiple)) for part in worker)
    arrival = [lengths[start : start + BATCH] for start in range(0, len(lengths), BATCH)]
    plain = sum(len(batch) * max(batch) for batch in arrival)
    return {"finsent": 1 - held / places, "ort_plain": 1 - held / plain}


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures, as they are written to ``--json``."""
    import numpy as np
    import onnxruntime
    import torch
    import transformers

    import model
    from model.encoder import default_folders, merged
    from model.engine import exact_multiple
    from model.registry import publish
    from settings import ModelSettings

    cuda = arguments.device == "cuda"
    if cuda and not torch.cuda.is_available():
        raise SystemExit("no CUDA device that torch can use; measure with --device cpu")
    torch.set_num_threads(arguments.threads)
    transformers.logging.set_verbosity(logging.CRITICAL)  # it complains of networks that it does not know by name
    texts = gather(arguments.texts, arguments.count)
    if not texts:
        raise SystemExit("the files hold no text")
    adapter = next(folder for folder in default_folders() if "en" in merged(folder)[1].get("languages", ["en"]))
    with tempfile.TemporaryDirectory() as registry:
        folder = model.version_folder(registry, publish(registry, adapter))
        settings = ModelSettings(device=arguments.device, threads=arguments.threads, repeats=0)
        scorer = model.load(folder, settings)
        native = scorer.running.engine == "native"
        other = model.load(folder, replace(scorer.running, engine="onnxruntime")) if native else None
    if cuda and "CUDAExecutionProvider" not in scorer.providers:
        raise SystemExit(f"finsent does not run on CUDA here but on {scorer.providers}; see MODEL_DEVICE")

    def score(given: Sequence[str], scorer: model.Scorer = scorer) -> Any:
        return scorer.score(given, languages=["en"] * len(given))

    lengths = score(texts).tokens.tolist()
    mean_tokens = statistics.fmean(lengths)

    same, tokenizer = same_network(adapter)
    session = plain_session(same, arguments.threads, cuda)
    larger = transformers.BertConfig(num_labels=3, vocab_size=max(30522, len(tokenizer)))
    base = transformers.BertForSequenceClassification(larger).eval()

    def piped(network: Any, size: int, count: int) -> Contender:
        pipe = transformers.pipeline(
            "text-classification", model=network, tokenizer=tokenizer, device=0 if cuda else -1
        )
        chosen = sample(texts, lengths, count)
        return Contender(lambda: pipe(chosen, batch_size=size, truncation=True), len(chosen))

    def finsent(scorer: model.Scorer) -> None:
        for start in range(0, len(texts), RECORDS):
            score(texts[start : start + RECORDS], scorer)

    plain = sample(texts, lengths, arguments.count // 4)
    contenders = {
        "finsent": Contender(lambda: finsent(scorer), len(texts)),
        "hf_batch_1": piped(same, 1, arguments.count // 8),
        "hf_batch_32": piped(same, BATCH, arguments.count // 8),
        "bert_base_hf_batch_1": piped(base, 1, arguments.count // 64),
        "bert_base_hf_batch_32": piped(base, BATCH, arguments.count // 32),
        "ort_plain": Contender(lambda: run_plain(session, tokenizer, plain), len(plain)),
    }
    if other:
        contenders["finsent_onnxruntime"] = Contender(lambda: finsent(other), len(texts))
    if not cuda:
        hidden, inner = same.config.hidden_size, same.config.intermediate_size
        shapes = ((hidden, 3 * hidden), (hidden, hidden), (hidden, inner), (inner, hidden))
        run, tokens = int8_limit(shapes, same.config.num_hidden_layers, arguments.threads)
        repeats = max(1, round(sum(lengths) / 4 / tokens))
        contenders["int8_limit"] = Contender(
            lambda: [run() for _ in range(repeats)], max(1, round(repeats * tokens / mean_tokens))
        )

    # The contenders on the same weights must come to the same labels, or they are not the same network.
    ours = score(plain).logits.argmax(axis=1)
    theirs = run_plain(session, tokenizer, plain).argmax(axis=1)
    if (agreement := float(np.mean(ours == theirs))) < 0.97:
        raise SystemExit(f"finsent and the plain network agree on {agreement:.1%} of the labels only")

    load_before = os.getloadavg()[0]
    for number in range(arguments.rounds + 1):
        for name, contender in contenders.items():
            contender.round()
            if not number:  # the first round warms up
                contender.wall.clear()
                contender.cpu.clear()
                print(f"warm: {name}", file=sys.stderr)
        print(f"round {number} of {arguments.rounds}", file=sys.stderr)

    rates = {name: contender.rate for name, contender in contenders.items()}
    ours_rate = rates["finsent"]
    limit = rates.get("int8_limit")
    # The native engine pads no text to the length of another.
    multiple = 1 if native else exact_multiple()
    shares = padding_shares(lengths, 1 if native else scorer.running.batch_tokens, multiple)
    return {
        "texts": {"files": [path.name for path in arguments.texts], "count": len(texts), "mean_tokens": mean_tokens},
        "device": arguments.device,
        "threads": arguments.threads,
        "engine": scorer.running.engine,
        "batch_tokens": scorer.running.batch_tokens,
        "rounds": arguments.rounds,
        "texts_per_second": rates,
        "cpu_ms_per_text": {name: contender.cpu_ms for name, contender in contenders.items()},
        "sampled_texts": {name: contender.texts for name, contender in contenders.items()},
        "ratio": {
            "hf_batch_1": ours_rate / rates["hf_batch_1"],
            "hf_batch_32": ours_rate / rates["hf_batch_32"],
            # against its faster batch size
            "bert_base_hf": ours_rate / max(rates["bert_base_hf_batch_1"], rates["bert_base_hf_batch_32"]),
            "ort_plain": ours_rate / rates["ort_plain"],
        },
        # The same of CPU time, which a busy machine disturbs less.
        "cpu_ratio": {
            name: contender.cpu_ms / contenders["finsent"].cpu_ms
            for name, contender in contenders.items()
            if name != "finsent"
        },
        "fraction_of_int8_limit": ours_rate / limit if limit else None,
        "padding_share": shares["finsent"],
        "padding_share_plain": shares["ort_plain"],
        "label_agreement_with_float32": agreement,
        "machine": {
            "cores": os.cpu_count(),
            "processor": processor(),
            "load_before": load_before,
            "load_after": os.getloadavg()[0],
        },
        "libraries": {
            "onnxruntime": onnxruntime.__version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    }


def processor() -> str:
    """What the processor calls itself."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def table(result: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    rates, cpu = result["texts_per_second"], result["cpu_ms_per_text"]
    lines = ["| | texts/s | CPU ms a text | finsent is faster by |", "| --- | ---: | ---: | ---: |"]
    for name, title in (NAMES | {"int8_limit": "int8 matrix products alone (the limit)"}).items():
        if name in rates:
            factor = "" if name == "finsent" else f"{rates['finsent'] / rates[name]:.2f}"
            lines.append(f"| {title} | {rates[name]:,.1f} | {cpu[name]:.2f} | {factor} |")
    return "\n".join(lines)


def draw(result: dict[str, Any], path: Path) -> None:
    """A picture of the texts a second, on a logarithmic axis."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    rates = result["texts_per_second"]
    names = [name for name in reversed(NAMES) if name in rates]
    figure, axes = pyplot.subplots(figsize=(8, 2.8), dpi=90)
    colours = ["#c0392b" if name == "finsent" else "#7f8c8d" for name in names]
    bars = axes.barh([NAMES[name] for name in names], [rates[name] for name in names], color=colours)
    axes.bar_label(bars, [f"{rates[name]:,.0f}" for name in names], padding=3)
    if limit := rates.get("int8_limit"):
        axes.axvline(limit, color="black", linestyle=":")
        axes.annotate("int8 limit", (limit, -0.3), ha="right", xytext=(-3, 0), textcoords="offset points")
    axes.set_xscale("log")
    axes.set_xlim(right=3 * max(rates.values()))
    axes.set_xlabel(f"texts a second, {result['threads']} thread, {result['device']}")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, pil_kwargs={"optimize": True})


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scorer", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=Path, nargs="+", default=[], metavar="FILE", help="CSV[.gz] or lines of text")
    parser.add_argument("--json", metavar="OUT", help="write the figures to a file; - is stdout")
    parser.add_argument("--chart", type=Path, metavar="PNG")
    parser.add_argument("--count", type=int, default=1024, help="texts that finsent scores a round (%(default)s)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    if min(arguments.count // 64, arguments.threads, arguments.rounds) < 1:
        parser.error("--count is at least 64; --threads and --rounds at least 1")
    for path in arguments.texts:
        if not path.is_file():
            parser.error(f"{path} is not a file")
    # Read when the tokenizers and the networks start: nobody gets more threads than asked for.
    os.environ["RAYON_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    os.environ["MODEL_DEVICE"] = arguments.device
    result = measure(arguments)
    text = json.dumps(result, indent=1)
    if arguments.json == "-":
        print(text)
    else:
        print(table(result))
        if arguments.json:
            Path(arguments.json).parent.mkdir(parents=True, exist_ok=True)
            Path(arguments.json).write_text(text + "\n", encoding="utf-8")
    if arguments.chart:
        draw(result, arguments.chart)


if __name__ == "__main__":
    main()
