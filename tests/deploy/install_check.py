"""``make install-check``: the wheel, installed from PyPI's packages by pipx and by uv, each in folders of its own.

The command that each of them makes must know its version, show its help and score a text, away from the checkout; and
it must be gone when it is uninstalled. The exit code is 1 on a fault. It downloads some hundred MB, twice.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.support import wheels
from tests.support.wheels import ROOT, run

TOOLS = ROOT / "build/tools/installers/bin"
CONSTRAINTS = ROOT / "constraints.txt"
INSTALL_S, RUN_S = 1500, 900
BAD_NEWS = "Profit fell by a third, and the dividend is gone"


class Installer(NamedTuple):
    """How a program installs and removes a wheel's command."""

    install: tuple[str, ...]
    uninstall: tuple[str, ...]
    settings: Mapping[str, str]
    """Where it puts everything."""

    command: Path


def installers(wheel: Path, folder: Path) -> dict[str, Installer]:
    """Both, in empty folders below ``folder``."""
    python = ("--python", sys.executable)
    pipx, uv = folder / "pipx", folder / "uv"
    return {
        "pipx": Installer(
            (*("pipx", "install", *python, "--pip-args", f"--constraint {CONSTRAINTS}"), str(wheel)),
            ("pipx", "uninstall", "finsent"),
            {"PIPX_HOME": str(pipx / "home"), "PIPX_BIN_DIR": str(pipx / "bin"), "PIPX_MAN_DIR": str(pipx / "man")},
            pipx / "bin/finsent",
        ),
        "uv": Installer(
            (*("uv", "tool", "install", *python, "--constraints", str(CONSTRAINTS)), str(wheel)),
            ("uv", "tool", "uninstall", "finsent"),
            {
                "UV_TOOL_DIR": str(uv / "tools"),
                "UV_TOOL_BIN_DIR": str(uv / "bin"),
                "UV_CACHE_DIR": str(uv / "cache"),
                "UV_PYTHON_DOWNLOADS": "never",
            },
            uv / "bin/finsent",
        ),
    }


def faults(installer: Installer, version: str, folder: Path) -> Iterator[str]:
    """What is wrong with the command that ``installer`` makes of a wheel of ``version``."""
    told = wheels.environment(**installer.settings)
    for words in (installer.install, installer.uninstall):
        command = [str(TOOLS / words[0]), *words[1:]]
        done = subprocess.run(command, cwd=folder, env=told, capture_output=True, text=True, timeout=INSTALL_S)
        if done.returncode:
            yield f"{' '.join(words)}: {done.stdout}{done.stderr}"
            return
        if words is installer.install:
            yield from _faults_of_command(installer.command, version, folder)
    if installer.command.exists():
        yield f"{installer.command.name} is still there after: {' '.join(installer.uninstall)}"


def _faults_of_command(command: Path, version: str, folder: Path) -> Iterator[str]:
    asked = {
        ("--version",): version,
        ("--help",): "finsent demo",
        ("score", BAD_NEWS): "negative",
    }
    for words, wanted in asked.items():
        try:
            said = run(command, *words, cwd=folder, timeout=RUN_S, MODEL_REGISTRY=str(folder / "models"))
        except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
            yield f"finsent {words[0]}: {error}"
            continue
        if wanted not in said:
            yield f"finsent {words[0]} does not say {wanted!r} but: {said}"


def main() -> int:
    """The exit code."""
    found = 0
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    with tempfile.TemporaryDirectory(prefix="finsent-install-") as made:
        folder = Path(made)
        (folder / "source").mkdir()
        (folder / "away").mkdir()
        wheel = wheels.built(wheels.checkout(folder / "source"), folder / "wheel")
        print(f"built {wheel.name}", flush=True)
        for name, installer in installers(wheel, folder).items():
            wrong = list(faults(installer, version, folder / "away"))
            found += len(wrong)
            for one in wrong:
                print(f"FAULT: {name}: {one}", flush=True)
            if not wrong:
                print(f"{name}: installed, --version, --help and score work, uninstalled", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
