"""The native engine, with each instruction set of this processor."""

from __future__ import annotations

import shutil

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
    reason = native.kernel_problem()
    assert "install finsent again" not in reason or not shutil.which("cc"), reason
    return ["onnxruntime"] if reason else ["onnxruntime", "native"]


@pytest.fixture(params=native.INSTRUCTION_SETS)
def instruction_set(request: pytest.FixtureRequest, kernel: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """The native engine uses it until the test ends."""
    if request.param not in native.instruction_sets():
        pytest.skip(f"this processor has no {native.NAMES[request.param]}")
    monkeypatch.setenv("FINSENT_CPU", request.param)
    return str(request.param)
