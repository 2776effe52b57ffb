"""finsent as a wheel, of this checkout or of an earlier commit, and as the command of an environment that has it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

from tests.support.rooms import ROOMS

ROOT = Path(__file__).parents[2]


def checkout(folder: Path) -> Path:
    """A copy of what a wheel is made of: a build leaves files behind."""
    for name in ("pyproject.toml", "README.md", "errors.py", "finsent.py"):
        shutil.copy(ROOT / name, folder)
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    return folder


def commit(name: str, folder: Path) -> Path:
    """The files of a commit."""
    archive = subprocess.run(["git", "archive", name], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


def built(source: Path, out: Path) -> Path:
    """The wheel of ``source``, in the folder ``out``."""
    # An older setuptools than the project asks for, as Python's venv brings it, makes pip fetch one for this build.
    recent = int(version("setuptools").split(".")[0]) >= 77
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out), str(source)]
    done = subprocess.run(
        [*command, *(["--no-build-isolation"] if recent else [])], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = out.glob("*.whl")
    return wheel


def installed(wheel: Path, folder: Path) -> Path:
    """The command of a virtual environment in ``folder`` that has the wheel, and sees what this one has but for the
    checkout."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, str(wheel)], check=True, timeout=120)
    (packages,) = folder.glob("lib/*/site-packages")
    # Folders named in a .pth file have no .pth files read: the checkout's own is not followed.
    shared = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "shared.pth").write_text("\n".join(shared) + "\n")
    return folder / "bin" / "finsent"


def environment(**settings: str) -> dict[str, str]:
    """This process's, without what would lead to the checkout, with ``settings``."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return {**kept, "COLUMNS": "200", "NO_COLOR": "1", **settings}


def run(*command: str | Path, cwd: Path, timeout: float = 240, **settings: str) -> str:
    """What a command prints; it must succeed within ``timeout`` seconds."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environment(**settings), capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
