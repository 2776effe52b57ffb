"""finsent as a wheel: all its files are in, and it runs where there is no checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.rooms import ROOMS

ROOT = Path(__file__).parent.parent
NOT_IN_IT = (
    "deploy/grafana/",
    "deploy/feeds/",
    "deploy/alert_rules.yaml",
    "deploy/helm/",
    "deploy/compose",
    "deploy/images/",
    "deploy/systemd/",
)
"""What people take from the repository."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: a build leaves files behind."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "errors.py", "finsent.py"):
        shutil.copy(ROOT / name, source)
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    # An older setuptools than the project asks for, as Python's venv brings it, makes pip fetch one for this build.
    recent = int(version("setuptools").split(".")[0]) >= 77
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out), str(source)]
    done = subprocess.run(
        [*command, *(["--no-build-isolation"] if recent else [])], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a virtual environment that has the wheel, and sees what this one has but for the checkout."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, str(wheel)], check=True, timeout=120)
    (packages,) = folder.glob("lib/*/site-packages")
    # Folders named in a .pth file have no .pth files read: the checkout's own is not followed.
    shared = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "shared.pth").write_text("\n".join(shared) + "\n")
    return folder / "bin" / "finsent"


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**kept, "COLUMNS": "200", "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_file_is_in_the_wheel(wheel: Path) -> None:
    held = set(ZipFile(wheel).namelist())
    files = subprocess.run(["git", "ls-files", *ROOMS], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    missing = {name for name in files.splitlines() if not name.startswith(NOT_IN_IT) and (ROOT / name).exists()} - held
    assert not missing
    assert not [name for name in held if name.startswith(("tests/", "benchmarks/"))]


def test_it_runs_without_the_checkout(installed: Path, tmp_path: Path) -> None:
    python = installed.parent / "python"
    where = run(python, "-c", "import finsent, model; print(finsent.__file__, model.__file__)", cwd=tmp_path)
    assert all(Path(path).is_relative_to(installed.parents[1]) for path in where.split()), where
    assert "finsent demo" in run(installed, "--help", cwd=tmp_path)
    scored = run(
        installed,
        *("score", "Profit fell by a third, and the dividend is gone"),
        cwd=tmp_path,
        MODEL_REGISTRY=str(tmp_path / "models"),
    )
    assert "negative" in scored
