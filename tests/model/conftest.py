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


@pytest.fixture(scope="session")
def kernel() -> None:
    """Skips only where the processor cannot run it or there is no compiler; a kernel that does not compile fails."""
    if find_spec("model.engine._kernel") is None and shutil.which("cc"):
        build = [sys.executable, "-c", "import setuptools; setuptools.setup()", "build_ext", "--inplace"]
        subprocess.run(build, cwd=Path(native.__file__).parents[2], check=True, timeout=240, capture_output=True)
        importlib.invalidate_caches()
        assert find_spec("model.engine._kernel"), "the kernel was not compiled"
    if reason := native.kernel_problem():
        assert "install finsent again" not in reason or not shutil.which("cc"), reason
        pytest.skip(reason)
