"""What computes: ONNX Runtime on a CPU or a GPU, or the native engine, behind one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tokenizers import Encoding

from model.engine.native import Native
from model.engine.packing import batches, pack
from model.engine.session import Running, Session, exact_multiple

_Outputs = Sequence[np.ndarray]


class Engine:
    """Runs one graph as ``running`` says. Safe to use from several threads."""

    def __init__(self, graph: Path | bytes, running: Running) -> None:
        """Raises ``NoDevice`` or ``NoKernel`` if what ``running`` names cannot be used; nothing else is then taken."""
        self._threads, self._pool = running.threads, None
        self._run: Callable[[Sequence[Encoding]], _Outputs]
        if running.engine == "native":
            native = Native(graph)
            self._run, self.width, self.providers = native.run, native.width, ["native"]
            if running.threads > 1:
                self._pool = ThreadPoolExecutor(running.threads, "native")
        else:
            session = Session(graph, running.device, running.threads)
            self.width, self.providers = session.width, session.providers
            if running.device == "cpu":
                multiple = exact_multiple()
                self._run = lambda encodings: session.run(pack(encodings, multiple))
            else:
                self._run = lambda encodings: session.run_bound(pack(encodings, bucketed=True), running.device)

    def score(self, encodings: Sequence[Encoding], batch_tokens: int) -> tuple[np.ndarray, np.ndarray]:
        """(logits, embeddings) in the order of the texts, computed in batches of like length."""
        logits = np.empty((len(encodings), 3), np.float32)
        embeddings = np.empty((len(encodings), self.width), np.float32)
        lengths = [len(encoding) for encoding in encodings]
        if self._pool:  # a share for every thread
            batch_tokens = min(batch_tokens, max(1, -(-sum(lengths) // self._threads)))
        parts = list(batches(lengths, batch_tokens))
        for part, outputs in zip(parts, self._outputs([[encodings[i] for i in part] for part in parts]), strict=True):
            logits[part], embeddings[part] = (output[: len(part)] for output in outputs)
        return logits, embeddings

    def _outputs(self, batches: Sequence[Sequence[Encoding]]) -> Iterator[_Outputs]:
        return self._pool.map(self._run, batches) if self._pool else map(self._run, batches)
