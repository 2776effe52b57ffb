"""Chooses the number of threads and the batch size for this machine, in a short run that is stored."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import onnx
import onnxruntime
from tokenizers import Encoding

from model.engine.backend import EngineName, Running
from model.engine.engine import Engine
from model.engine.exact import signed_weights
from model.engine.native import kernel_digest, kernel_set
from model.engine.packing import BATCH_TOKENS

BATCHES = (256, 512, 1024, 2048)
WORTH = 1.5
"""Twice as many threads must be this much faster. Otherwise more processes with fewer threads do more.

It is measured at the load of that moment. That does no harm where it was quiet: beside other programs, our kernel's two
threads took as long for a text as one (7.7 and 7.7 ms at a load of 6; 4.2 and 4.2 ms beside two of niceness 10)."""

SECONDS = 0.2
"""How long one candidate is measured, once at least. All together take about 1 s, and no new one begins after 9 s."""

WORDS = "The quarterly profit of the group rose by 12 percent and its board raised the forecast".split()  # noqa: SIM905


class Tuned(msgspec.Struct, frozen=True):
    """The choice, and its speed in tokens a second."""

    threads: int
    batch_tokens: int
    tokens_per_second: float


class Scoring(Protocol):
    """What is measured; an ``Engine`` is one."""

    def score(self, encodings: Sequence[Encoding], batch_tokens: int) -> object:
        """Score the texts in batches of ``batch_tokens`` tokens."""


def sample(texts: int = 48) -> list[str]:
    """Texts of 4 to 42 words, which is about as long as headlines and posts."""
    return [" ".join((WORDS * 3)[: 4 + i * 7 % 39]) for i in range(texts)]


def tuned(graph: Path, encodings: Sequence[Encoding], folder: Path, engine: EngineName) -> Tuned:
    """The fastest number of threads and batch size for ``graph`` by ``engine`` on this machine.

    They are measured on ``encodings``, unless ``folder`` holds an earlier choice. Of several processes of a machine one
    measures and the others wait for it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{tuning_key(graph, engine)}.json"
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return msgspec.json.decode(path.read_bytes(), type=Tuned)
        except (FileNotFoundError, msgspec.DecodeError):
            found = measure(
                lambda threads: Engine(graph, Running(threads=threads, engine=engine)), encodings, os.cpu_count() or 1
            )
        new = path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(found) + b"\n")
        new.replace(path)
    return found


def measure(opened: Callable[[int], Scoring], encodings: Sequence[Encoding], cores: int) -> Tuned:
    """Choose 1, 2, 4 to ``cores`` threads, then one of ``BATCHES``. ``opened`` gives an engine with so many threads."""
    ends = time.monotonic() + 9
    threads, scoring = 1, opened(1)
    speed = _speed(scoring, encodings, BATCH_TOKENS)
    while threads * 2 <= cores and time.monotonic() < ends:
        with_more = opened(2 * threads)
        faster = _speed(with_more, encodings, BATCH_TOKENS)
        if faster < WORTH * speed:
            break
        threads, speed, scoring = 2 * threads, faster, with_more
    speeds = {BATCH_TOKENS: speed}
    for tokens in BATCHES:
        if tokens not in speeds and time.monotonic() < ends:
            speeds[tokens] = _speed(scoring, encodings, tokens)
    best = max(speeds, key=lambda tokens: speeds[tokens])
    return Tuned(threads, best, speeds[best])


def _speed(scoring: Scoring, encodings: Sequence[Encoding], tokens: int) -> float:
    """Tokens a second: the best of several runs, because other processes use the machine too."""
    scoring.score(encodings[:8], tokens)
    ends, best = time.perf_counter() + SECONDS, 0.0
    while time.perf_counter() < ends or not best:
        started = time.perf_counter()
        scoring.score(encodings, tokens)
        best = max(best, sum(len(encoding) for encoding in encodings) / (time.perf_counter() - started))
    return best


def tuning_key(graph: Path, engine: EngineName) -> str:
    """A digest of everything that the choice depends on: the machine, the engine and the graph's shape.

    The weights are left out. A version that was only trained further is just as fast, and a hot swap should not wait
    for a measurement.
    """
    model = onnx.load(graph, load_external_data=False)
    digest = hashlib.sha256()
    for node in model.graph.node:
        digest.update(node.op_type.encode())
    for tensor in model.graph.initializer:
        digest.update(repr((tensor.data_type, tuple(tensor.dims))).encode())
    kernel = kernel_digest(), kernel_set()
    for fact in (_processor(), os.cpu_count(), onnxruntime.__version__, *kernel, signed_weights(), engine):
        digest.update(repr(fact).encode())
    return digest.hexdigest()[:24]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
