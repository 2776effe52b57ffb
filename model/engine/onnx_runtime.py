"""The backend for ONNX Runtime, on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Encoding

from model.encoder.graph import OUTPUTS
from model.engine.backend import Device, NoDevice
from model.engine.device import CUDA
from model.engine.exact import signed_weights, unsigned
from model.engine.exact_padding import exact_multiple
from model.engine.packing import Inputs, pack


class OnnxRuntime:
    """A backend (see ``Backend``) on a CPU or a GPU."""

    def __init__(self, graph: Path | bytes, device: Device = "cpu", threads: int = 1) -> None:
        """Raises ``NoDevice`` if CUDA is asked for and its provider cannot be loaded. The CPU is not used instead."""
        if device == "cpu" and not signed_weights():
            graph = unsigned(graph)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # a pattern serves one shape, and shapes differ from batch to batch
        providers: list[str | tuple[str, dict[str, str]]] = ["CPUExecutionProvider"]
        if device == "cuda":
            onnxruntime.preload_dlls()  # from the wheels with CUDA and cuDNN
            providers.insert(0, (CUDA, {"arena_extend_strategy": "kSameAsRequested"}))
        self._session = onnxruntime.InferenceSession(
            graph if isinstance(graph, bytes) else str(graph),
            options,
            providers=providers,
            # On a CPU the fused operators are slower than their parts.
            disabled_optimizers=["BiasGeluFusion", "SkipLayerNormFusion"] if device == "cpu" else [],
        )
        self.providers: list[str] = self._session.get_providers()
        if device == "cuda" and self.providers[0] != CUDA:
            raise NoDevice(
                "ONNX Runtime could not load its CUDA provider (its log above says what is missing; "
                "finsent[gpu] brings CUDA and cuDNN)"
            )
        self.width = int(self._session.get_outputs()[1].shape[1])
        self._device = device
        self._multiple = exact_multiple() if device == "cpu" else 1

    def run(self, encodings: Sequence[Encoding]) -> Sequence[np.ndarray]:
        """See ``Backend.run``."""
        if self._device == "cpu":
            return self._session.run(OUTPUTS, pack(encodings, self._multiple))
        return self.run_bound(pack(encodings, bucketed=True), self._device)

    def run_bound(self, inputs: Inputs, device: Device) -> Sequence[np.ndarray]:
        """Run with inputs and outputs in the memory of ``device``. Each is copied once, and nothing in between is."""
        binding = self._session.io_binding()
        for name, value in inputs.items():
            binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(value, device, 0))
        for name in OUTPUTS:
            binding.bind_output(name, device, 0)
        self._session.run_with_iobinding(binding)
        return binding.copy_outputs_to_cpu()
