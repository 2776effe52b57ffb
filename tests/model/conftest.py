"""The native engine, compiled where it was not yet."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from model.engine import native
from model.engine.backend import EngineName


@pytest.fixture(scope="session")
def kernel(engines: list[EngineName]) -> None:
    """Skips where the native engine cannot run."""
    if "native" not in engines:
        pytest.skip(native.kernel_problem())


@pytest.fixture(scope="session")
def engines() -> list[EngineName]:
    """Those that run here. The native one is missing only where the processor cannot run it, or FINSENT_CPU says so, or
    there is no compiler; a kernel that does not compile fails."""
    if find_spec("model.engine._kernel") is None and shutil.which("cc"):
        build = [sys.executable, "-c", "import setuptools; setuptools.setup()", "build_ext", "--inplace"]
        subprocess.run(build, cwd=Path(native.__file__).parents[2], check=True, timeout=240, capture_output=True)
        importlib.invalidate_caches()
        assert find_spec("model.engine._kernel"), "the kernel was not compiled"
    reason = native.kernel_problem()
    assert "install finsent again" not in reason or not shutil.which("cc"), reason
    return ["onnxruntime"] if reason else ["onnxruntime", "native"]
