"""Engines that run a graph: ONNX Runtime on a CPU or a GPU, and our own kernel for CPUs."""

from model.engine.backend import Backend, NoDevice, Running
from model.engine.device import choose_device
from model.engine.engine import Engine
from model.engine.exact_padding import exact_multiple
from model.engine.native import NAMES, NoKernel, kernel_is_stale, kernel_problem, kernel_set
from model.engine.packing import padding_share

__all__ = [
    # running a graph
    "Backend",
    "Engine",
    "Running",
    # what this machine can run
    "NAMES",
    "NoDevice",
    "NoKernel",
    "choose_device",
    "kernel_is_stale",
    "kernel_problem",
    "kernel_set",
    # padding
    "exact_multiple",
    "padding_share",
]
