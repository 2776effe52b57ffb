"""Compiles the native engine in the checkout, where its sources are newer than what was compiled."""

from __future__ import annotations

import shutil
import subprocess
import sys

from tests.support.wheels import ROOT

ENGINE = ROOT / "model" / "engine"


def compile_kernel() -> None:
    """Does nothing where there is no C compiler. Raises ``RuntimeError`` if the kernel does not compile."""
    newest = max(path.stat().st_mtime for path in (ENGINE / "kernel").iterdir())
    if not shutil.which("cc") or any(path.stat().st_mtime > newest for path in ENGINE.glob("_kernel*.so")):
        return
    build = [sys.executable, "-c", "import setuptools; setuptools.setup()", "build_ext", "--inplace", "--force"]
    done = subprocess.run(build, cwd=ROOT, timeout=800, capture_output=True, text=True)
    # The extension is optional, so its failure is told by what was not made.
    if done.returncode or not any(path.stat().st_mtime > newest for path in ENGINE.glob("_kernel*.so")):
        raise RuntimeError(f"the kernel was not compiled:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
