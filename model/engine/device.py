"""Chooses the device: CUDA if it can be used, else the CPU."""

from __future__ import annotations

import ctypes
from typing import Literal

import onnxruntime

from model.engine.backend import Device, NoDevice

CUDA = "CUDAExecutionProvider"


def choose_device(wanted: Literal["auto", "cpu", "cuda"]) -> tuple[Device, str]:
    """(the device to use, why). Raises ``NoDevice`` if CUDA is wanted and cannot be used."""
    if wanted == "cpu":
        return "cpu", "as asked for"
    problem = cuda_problem()
    if not problem:
        return "cuda", "as asked for" if wanted == "cuda" else "there is a CUDA device"
    if wanted == "cuda":
        raise NoDevice(f"MODEL_DEVICE=cuda, but {problem}; mend that, or use MODEL_DEVICE=auto or cpu")
    return "cpu", problem


def cuda_problem() -> str:
    """Why CUDA cannot be used here, or an empty string.

    The driver is asked, because ONNX Runtime lists its CUDA provider also on machines without a GPU.
    """
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
