"""Engines that run a graph: ONNX Runtime on a CPU or a GPU, and our own kernel for CPUs."""

from model.engine.backend import Backend, NoDevice, Running
from model.engine.engine import Engine
from model.engine.exact_padding import exact_multiple
from model.engine.native import NoKernel, kernel_problem
from model.engine.packing import padding_share

__all__ = [
    # running a graph
    "Backend",
    "Engine",
    "Running",
    # what this machine can run
    "NoDevice",
    "NoKernel",
    "kernel_problem",
    # padding
    "exact_multiple",
    "padding_share",
]
