"""The scorer beside what users run today, on the same texts in the same run:

``python -m benchmarks.scorer --texts FILE --json OUT [--count N] [--threads 1] [--device cuda] [--cpu avx2]``

Contenders: finsent as its workers call it, and with ONNX Runtime in the place of its own engine; a Hugging Face
pipeline on the very same weights (batch 1 and 32) and one on a BERT-base of FinBERT's shape (its weights are random:
the time does not depend on them); ONNX Runtime used plainly (the same weights exported as they are, float32, padded,
batches of 32 in the order of arrival); and the machine's int8 limit, which is the time of the network's matrix products
alone, on as many tokens, by ONNX Runtime.

With ``--cpu``, finsent uses that instruction set (``FINSENT_CPU``); the other contenders use what they find.

Slow contenders score a sample with the same lengths. Rounds are interleaved, so that a busy machine is busy for all;
figures are medians over the rounds.
"""

from __future__ import annotations

import argparse
import csv
import gzip
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
from typing import TYPE_CHECKING, Any

from benchmarks.scorer_peers import BATCH, int8_limit, plain_session, run_plain, same_network

if TYPE_CHECKING:  # the libraries are loaded when the threads are set
    from model import Scorer

HEADLINES = (
    "Profit of company {n} rose by {n} percent in the third quarter",
    "Company {n} warns of lower sales in year {n}",
)
INSTRUCTION_SETS = ("avx2", "avxvnni", "avx512", "neon")
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
    import torch
    import transformers

    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("no CUDA device that torch can use; measure with --device cpu")
    torch.set_num_threads(arguments.threads)
    transformers.logging.set_verbosity(logging.CRITICAL)  # it complains of networks that it does not know by name
    texts = gather(arguments.texts, arguments.count)
    if not texts:
        raise SystemExit("the files hold no text")
    scorer, adapter, other = shipped(arguments)
    lengths = scorer.score(texts, languages=["en"] * len(texts)).tokens.tolist()
    contenders, agreement = contend(texts, lengths, scorer, other, adapter, arguments)
    load_before = os.getloadavg()[0]
    for number in range(arguments.rounds + 1):
        for name, contender in contenders.items():
            contender.round()
            if not number:  # the first round warms up
                contender.wall.clear()
                contender.cpu.clear()
                print(f"warm: {name}", file=sys.stderr)
        print(f"round {number} of {arguments.rounds}", file=sys.stderr)
    return report(arguments, lengths, scorer, contenders) | {
        "label_agreement_with_float32": agreement,
        "machine": {
            "cores": os.cpu_count(),
            "processor": processor(),
            "load_before": load_before,
            "load_after": os.getloadavg()[0],
        },
    }


def shipped(arguments: argparse.Namespace) -> tuple[Scorer, Path, Scorer | None]:
    """The English model's scorer, the folder of its weights, and where it is native the one with ONNX Runtime."""
    import model
    from model.encoder import default_folders, merged
    from model.registry import publish
    from settings import ModelSettings

    adapter = next(folder for folder in default_folders() if "en" in merged(folder)[1].get("languages", ["en"]))
    with tempfile.TemporaryDirectory() as registry:
        folder = model.version_folder(registry, publish(registry, adapter))
        settings = ModelSettings(device=arguments.device, threads=arguments.threads, repeats=0)
        scorer = model.load(folder, settings)
        native = scorer.running.engine == "native"
        other = model.load(folder, replace(scorer.running, engine="onnxruntime")) if native else None
    if arguments.device == "cuda" and "CUDAExecutionProvider" not in scorer.providers:
        raise SystemExit(f"finsent does not run on CUDA here but on {scorer.providers}; see MODEL_DEVICE")
    return scorer, adapter, other


def contend(
    texts: Sequence[str],
    lengths: Sequence[int],
    scorer: Scorer,
    other: Scorer | None,
    adapter: Path,
    arguments: argparse.Namespace,
) -> tuple[dict[str, Contender], float]:
    """All contenders, and the share of labels on which the scorer and the plain network agree."""
    import numpy as np
    import transformers

    cuda, threads, count = arguments.device == "cuda", arguments.threads, arguments.count
    same, tokenizer = same_network(adapter)
    session = plain_session(same, threads, cuda)
    larger = transformers.BertConfig(vocab_size=max(30522, len(tokenizer)))
    larger.num_labels = 3
    base = transformers.BertForSequenceClassification(larger).eval()

    def piped(network: Any, size: int, count: int) -> Contender:
        pipe = transformers.pipeline(
            "text-classification", model=network, tokenizer=tokenizer, device=0 if cuda else -1
        )
        chosen = sample(texts, lengths, count)
        return Contender(lambda: pipe(chosen, batch_size=size, truncation=True), len(chosen))

    def finsent(scorer: Scorer) -> None:
        for start in range(0, len(texts), RECORDS):
            part = texts[start : start + RECORDS]
            scorer.score(part, languages=["en"] * len(part))

    plain = sample(texts, lengths, count // 4)
    contenders = {
        "finsent": Contender(lambda: finsent(scorer), len(texts)),
        "hf_batch_1": piped(same, 1, count // 8),
        "hf_batch_32": piped(same, BATCH, count // 8),
        "bert_base_hf_batch_1": piped(base, 1, count // 64),
        "bert_base_hf_batch_32": piped(base, BATCH, count // 32),
        "ort_plain": Contender(lambda: run_plain(session, tokenizer, plain), len(plain)),
    }
    if other:
        contenders["finsent_onnxruntime"] = Contender(lambda: finsent(other), len(texts))
    if not cuda:
        hidden, inner = same.config.hidden_size, same.config.intermediate_size
        shapes = ((hidden, 3 * hidden), (hidden, hidden), (hidden, inner), (inner, hidden))
        run, tokens = int8_limit(shapes, same.config.num_hidden_layers, threads)
        repeats = max(1, round(sum(lengths) / 4 / tokens))
        equal_texts = max(1, round(repeats * tokens / statistics.fmean(lengths)))
        contenders["int8_limit"] = Contender(lambda: [run() for _ in range(repeats)], equal_texts)

    # The contenders on the same weights must come to the same labels, or they are not the same network.
    ours = scorer.score(plain, languages=["en"] * len(plain)).logits.argmax(axis=1)
    theirs = run_plain(session, tokenizer, plain).argmax(axis=1)
    if (agreement := float(np.mean(ours == theirs))) < 0.97:
        raise SystemExit(f"finsent and the plain network agree on {agreement:.1%} of the labels only")
    return contenders, agreement


def report(
    arguments: argparse.Namespace, lengths: Sequence[int], scorer: Scorer, contenders: dict[str, Contender]
) -> dict[str, Any]:
    """What was measured, and the ratios."""
    import onnxruntime
    import torch
    import transformers

    from model.engine import exact_multiple

    rates = {name: contender.rate for name, contender in contenders.items()}
    ours = rates["finsent"]
    limit = rates.get("int8_limit")
    # The native engine pads no text to the length of another.
    native = scorer.running.engine == "native"
    shares = padding_shares(lengths, 1 if native else scorer.running.batch_tokens, 1 if native else exact_multiple())
    return {
        "texts": {
            "files": [path.name for path in arguments.texts],
            "count": len(lengths),
            "mean_tokens": statistics.fmean(lengths),
        },
        "device": arguments.device,
        "processor_features": processor_features(),
        "threads": arguments.threads,
        "engine": scorer.running.engine,
        "providers": scorer.providers,
        "cascade": None,  # there is one stage
        "stage_share": scorer.stage_share,
        "batch_tokens": scorer.running.batch_tokens,
        "rounds": arguments.rounds,
        "texts_per_second": rates,
        "cpu_ms_per_text": {name: contender.cpu_ms for name, contender in contenders.items()},
        "sampled_texts": {name: contender.texts for name, contender in contenders.items()},
        "ratio": {
            "hf_batch_1": ours / rates["hf_batch_1"],
            "hf_batch_32": ours / rates["hf_batch_32"],
            # against its faster batch size
            "bert_base_hf": ours / max(rates["bert_base_hf_batch_1"], rates["bert_base_hf_batch_32"]),
            "ort_plain": ours / rates["ort_plain"],
        },
        # The same of CPU time, which a busy machine disturbs less.
        "cpu_ratio": {
            name: contender.cpu_ms / contenders["finsent"].cpu_ms
            for name, contender in contenders.items()
            if name != "finsent"
        },
        "fraction_of_int8_limit": ours / limit if limit else None,
        "padding_share": shares["finsent"],
        "padding_share_plain": shares["ort_plain"],
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


def processor_features() -> list[str]:
    """The instruction sets for numbers that the processor has, as Linux names them; none elsewhere."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = next((line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features"))), [])
    return sorted(
        name for name in named if name.startswith(("amx", "asimd", "avx", "bf16", "fma", "i8mm", "sse", "sve"))
    )


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
    parser.add_argument("--cpu", choices=INSTRUCTION_SETS, help="of finsent; avx2 holds for PyTorch, too")
    arguments = parser.parse_args()
    if min(arguments.count // 64, arguments.threads, arguments.rounds) < 1:
        parser.error("--count is at least 64; --threads and --rounds at least 1")
    for path in arguments.texts:
        if not path.is_file():
            parser.error(f"{path} is not a file")
    # Read when the tokenizers and the networks start: nobody gets more threads than asked for.
    os.environ["RAYON_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    os.environ["MODEL_DEVICE"] = arguments.device
    if arguments.cpu:
        os.environ["FINSENT_CPU"] = arguments.cpu
    if arguments.cpu == "avx2":
        # PyTorch and the libraries below it obey these; ONNX Runtime has no such setting.
        os.environ |= {"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
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
