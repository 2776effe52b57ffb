"""ONNX Runtime's session for a graph, on the device that is wanted and there."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime

from model.packing import BATCH_TOKENS, Inputs

CUDA = "CUDAExecutionProvider"
OUTPUTS = ("logits", "sentence_embedding")
Device = Literal["cpu", "cuda"]


class NoDevice(RuntimeError):
    """CUDA was asked for and cannot be used; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Running:
    """How a scorer runs: ``threads`` intra-op, batches of ``batch_tokens``, and the last ``repeats`` scores kept for
    texts that come again (0: none)."""

    device: Device = "cpu"
    threads: int = 1
    batch_tokens: int = BATCH_TOKENS
    repeats: int = 0


def choose(wanted: Literal["auto", "cpu", "cuda"]) -> tuple[Device, str]:
    """(the device to take, why). Raises ``NoDevice`` if CUDA is wanted and there is none."""
    if wanted == "cpu":
        return "cpu", "as asked for"
    problem = cuda_problem()
    if not problem:
        return "cuda", "as asked for" if wanted == "cuda" else "there is a CUDA device"
    if wanted == "cuda":
        raise NoDevice(f"MODEL_DEVICE=cuda, but {problem}; mend that, or use MODEL_DEVICE=auto or cpu")
    return "cpu", problem


def cuda_problem() -> str:
    """Why CUDA cannot be used here, empty where nothing speaks against it. The driver is asked, because ONNX Runtime
    lists its CUDA provider on machines without a GPU, too."""
    if CUDA not in onnxruntime.get_available_providers():
        return "this build of ONNX Runtime has no CUDA provider (install finsent[gpu])"
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "there is no NVIDIA driver on this machine (libcuda.so.1)"
    count = ctypes.c_int()
    if error := driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return f"the NVIDIA driver answers with error {error}"
    return "" if count.value else "the NVIDIA driver knows no device"


class Session:
    """Runs one graph. Safe to use from several threads."""

    def __init__(self, graph: Path | bytes, device: Device = "cpu", threads: int = 1) -> None:
        """Raises ``NoDevice`` if the CUDA provider cannot be loaded; then nothing runs on the CPU instead."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # shapes differ from batch to batch
        providers: list[str | tuple[str, dict[str, str]]] = ["CPUExecutionProvider"]
        if device == "cuda":
            onnxruntime.preload_dlls()  # those of the wheels with CUDA and cuDNN
            providers.insert(0, (CUDA, {"arena_extend_strategy": "kSameAsRequested"}))
        self._session = onnxruntime.InferenceSession(
            graph if isinstance(graph, bytes) else str(graph),
            options,
            providers=providers,
            # Slower than their parts on a CPU.
            disabled_optimizers=["BiasGeluFusion", "SkipLayerNormFusion"] if device == "cpu" else [],
        )
        self.providers: list[str] = self._session.get_providers()
        if device == "cuda" and self.providers[0] != CUDA:
            raise NoDevice(
                "ONNX Runtime could not load its CUDA provider (its log above says what is missing; "
                "finsent[gpu] brings CUDA and cuDNN)"
            )
        self.width = int(self._session.get_outputs()[1].shape[1])

    def run(self, inputs: Inputs) -> Sequence[np.ndarray]:
        """(logits, embeddings) of a packed batch."""
        return self._session.run(OUTPUTS, inputs)

    def run_bound(self, inputs: Inputs, device: Device) -> Sequence[np.ndarray]:
        """As ``run``, with inputs and outputs in the memory of ``device``: one copy each way, none in between."""
        binding = self._session.io_binding()
        for name, value in inputs.items():
            binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(value, device, 0))
        for name in OUTPUTS:
            binding.bind_output(name, device, 0)
        self._session.run_with_iobinding(binding)
        return binding.copy_outputs_to_cpu()
