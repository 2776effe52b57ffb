"""Threads and batch size for this machine, from a short run that is remembered."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from tokenizers import Encoding

from model.packing import BATCH_TOKENS, Inputs, batches, pack
from model.session import Session

BATCHES = (256, 512, 1024, 2048)
WORTH = 1.5
"""Twice the threads must bring this much, or more processes of fewer threads do more."""

SECONDS = 0.25
"""For one candidate, three times over; with both choices together some 4 s, of which no more than 10 are used."""

WORDS = "The quarterly profit of the group rose by 12 percent and its board raised the forecast".split()  # noqa: SIM905


class Tuned(msgspec.Struct, frozen=True):
    """What was chosen, and the speed that it had (tokens a second)."""

    threads: int
    batch_tokens: int
    tokens_per_second: float


def sample(texts: int = 96) -> list[str]:
    """Texts of 4 to 42 words, about the lengths of headlines and posts."""
    return [" ".join((WORDS * 3)[: 4 + i * 7 % 39]) for i in range(texts)]


def tuned(graph: Path, encodings: Sequence[Encoding], folder: Path) -> Tuned:
    """The best threads and batch size for ``graph`` on this machine, measured on ``encodings`` unless ``folder`` holds
    what was chosen before. One process of a machine measures, others wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{fingerprint(graph)}.json"
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return msgspec.json.decode(path.read_bytes(), type=Tuned)
        except (FileNotFoundError, msgspec.DecodeError):
            found = measure(lambda threads: Session(graph, threads=threads).run, encodings, os.cpu_count() or 1)
        new = path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(found) + b"\n")
        new.replace(path)
    return found


def measure(opened: Callable[[int], Callable[[Inputs], object]], encodings: Sequence[Encoding], cores: int) -> Tuned:
    """The choice between 1, 2, 4 ... ``cores`` threads, then between ``BATCHES``. ``opened(threads)`` runs a batch."""
    ends = time.monotonic() + 9
    run, threads = opened(1), 1
    speed = _speed(run, encodings, BATCH_TOKENS)
    while threads * 2 <= cores and time.monotonic() < ends:
        more = opened(threads * 2)
        faster = _speed(more, encodings, BATCH_TOKENS)
        if faster < WORTH * speed:
            break
        run, threads, speed = more, threads * 2, faster
    speeds = {BATCH_TOKENS: speed}
    for tokens in BATCHES:
        if tokens not in speeds and time.monotonic() < ends:
            speeds[tokens] = _speed(run, encodings, tokens)
    best = max(speeds, key=lambda tokens: speeds[tokens])
    return Tuned(threads, best, speeds[best])


def _speed(run: Callable[[Inputs], object], encodings: Sequence[Encoding], tokens: int) -> float:
    """Tokens a second, the best of three, for others use the machine too."""
    chosen = [pack([encodings[i] for i in part]) for part in batches([len(e) for e in encodings], tokens)]
    run(chosen[-1])
    best = 0.0
    for _ in range(3):
        started, done, spent = time.perf_counter(), 0, 0.0
        while spent < SECONDS:
            # From long to short and again, so that every size of text has its share.
            inputs = chosen[-1 - done % len(chosen)] if done < len(chosen) else chosen[done % len(chosen)]
            run(inputs)
            done += 1
            spent = time.perf_counter() - started
            if done % len(chosen) == 0:
                best = max(best, done / len(chosen) * sum(len(e) for e in encodings) / spent)
    return best


def fingerprint(graph: Path) -> str:
    """Of the machine, ONNX Runtime and the graph's shape. Not of its weights: a version that was only trained further
    is as fast, and a hot swap should not wait for a measurement."""
    model = onnx.load(graph, load_external_data=False)
    digest = hashlib.sha256()
    for node in model.graph.node:
        digest.update(node.op_type.encode())
    for tensor in model.graph.initializer:
        digest.update(repr((tensor.data_type, tuple(tensor.dims))).encode())
    for fact in (_processor(), os.cpu_count(), onnxruntime.__version__):
        digest.update(repr(fact).encode())
    return digest.hexdigest()[:24]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


@cache
def exact_multiple() -> int:
    """The least multiple that lengths in attention must be rounded up to on this machine, so that a text scores the
    same bits whatever it is padded to: kernels may add up the last few numbers of a row in another order."""

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
        """Of the first of ``texts``, ``length`` long in ``padded`` places."""
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
