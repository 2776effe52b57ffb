"""ONNX Runtime's session for a graph, on the device that is wanted and there."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from model.engine.exact import NoDevice, signed_weights, unsigned
from model.engine.packing import BATCH_TOKENS, Inputs

CUDA = "CUDAExecutionProvider"
OUTPUTS = ("logits", "sentence_embedding")
Device = Literal["cpu", "cuda"]
EngineName = Literal["onnxruntime", "native"]


@dataclass(frozen=True, slots=True)
class Running:
    """How a scorer runs: with ``engine`` on ``device``, ``threads`` at once, batches of ``batch_tokens``, and the last
    ``repeats`` scores kept for texts that come again (0: none). The native engine is for CPUs."""

    device: Device = "cpu"
    threads: int = 1
    batch_tokens: int = BATCH_TOKENS
    repeats: int = 0
    engine: EngineName = "onnxruntime"


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
        if device == "cpu" and not signed_weights():
            graph = unsigned(graph)
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
