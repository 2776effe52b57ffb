"""finsent as a wheel: all its files are in, and it runs where there is no checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support import wheels
from tests.support.rooms import ROOMS
from tests.support.wheels import ROOT, run

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
    return wheels.built(wheels.checkout(tmp_path_factory.mktemp("source")), tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheels.installed(wheel, tmp_path_factory.mktemp("environment"))


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
