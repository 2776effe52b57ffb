"""The contract of an engine's backend, and the settings it runs with.

There are two backends: ``onnx_runtime.py`` and ``native.py``. ``engine.py`` chooses one and makes the batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from tokenizers import Encoding

from errors import FinsentError
from model.engine.packing import BATCH_TOKENS

Device = Literal["cpu", "cuda"]
EngineName = Literal["onnxruntime", "native"]


class NoDevice(FinsentError, RuntimeError):
    """The device or processor that was asked for cannot be used on this machine. The text says why."""


@dataclass(frozen=True, slots=True)
class Running:
    """How a scorer runs: with ``engine`` on ``device``, on ``threads`` threads, in batches of ``batch_tokens`` tokens.

    The last ``repeats`` scores are kept for texts that come again (0: none). The native engine is only for CPUs.
    """

    device: Device = "cpu"
    threads: int = 1
    batch_tokens: int = BATCH_TOKENS
    repeats: int = 0
    engine: EngineName = "onnxruntime"


class Backend(Protocol):
    """Runs one graph. Safe to use from several threads."""

    width: int
    """The length of an embedding."""

    providers: list[str]
    """What computes, the preferred one first."""

    def run(self, encodings: Sequence[Encoding]) -> Sequence[np.ndarray]:
        """(logits float32 [m, 3], embeddings float32 [m, width]) of one batch of n texts.

        The first n rows are those of the texts, in their order. A backend may pad the batch, so m can be above n.
        """
