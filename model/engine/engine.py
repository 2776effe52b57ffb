"""Runs a graph with one of the backends: makes batches, and spreads them over threads where the backend has none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tokenizers import Encoding

from model.engine.backend import Backend, Running
from model.engine.native import Native
from model.engine.onnx_runtime import OnnxRuntime
from model.engine.packing import batches


def open_backend(graph: Path | bytes, running: Running) -> Backend:
    """The backend that ``running`` names, with ``graph`` loaded. Raises ``NoDevice`` or ``NoKernel`` if it cannot be
    used; no other one is used instead."""
    if running.engine == "native":
        return Native(graph)
    return OnnxRuntime(graph, running.device, running.threads)


class Engine:
    """Runs one graph as ``running`` says. Safe to use from several threads."""

    def __init__(self, graph: Path | bytes, running: Running) -> None:
        """Raises what ``open_backend`` raises."""
        self._backend = open_backend(graph, running)
        self.width, self.providers = self._backend.width, self._backend.providers
        self._threads = running.threads
        # ONNX Runtime has threads of its own.
        own_threads = running.engine == "native" and running.threads > 1
        self._pool = ThreadPoolExecutor(running.threads, "native") if own_threads else None

    def score(self, encodings: Sequence[Encoding], batch_tokens: int) -> tuple[np.ndarray, np.ndarray]:
        """(logits float32 [n, 3], embeddings float32 [n, width]) in the order of the n texts, computed in batches of
        texts of like length."""
        logits = np.empty((len(encodings), 3), np.float32)
        embeddings = np.empty((len(encodings), self.width), np.float32)
        lengths = [len(encoding) for encoding in encodings]
        if self._pool:  # at least one batch for every thread
            batch_tokens = min(batch_tokens, max(1, -(-sum(lengths) // self._threads)))
        parts = list(batches(lengths, batch_tokens))
        for part, outputs in zip(parts, self._outputs([[encodings[i] for i in part] for part in parts]), strict=True):
            logits[part], embeddings[part] = (output[: len(part)] for output in outputs)
        return logits, embeddings

    def _outputs(self, batches: Sequence[Sequence[Encoding]]) -> Iterator[Sequence[np.ndarray]]:
        return self._pool.map(self._backend.run, batches) if self._pool else map(self._backend.run, batches)
