"""Engines that run a graph: ONNX Runtime on a CPU or a GPU, and our own kernel for CPUs."""

from model.engine.engine import Engine
from model.engine.exact import NoDevice
from model.engine.native import NoKernel, kernel_problem
from model.engine.packing import padding_share
from model.engine.session import Running, exact_multiple

__all__ = [
    "Engine",
    "NoDevice",
    "NoKernel",
    "Running",
    "exact_multiple",
    "kernel_problem",
    "padding_share",
]
