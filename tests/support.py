"""Helpers of the tests."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from model.weights import default_folders

T = TypeVar("T")


def eventually(condition: Callable[[], T], timeout: float, message: str) -> T:
    """The first truthy answer of ``condition``; fails the test after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {message}; last answer: {found!r}")
        time.sleep(0.05)
    return found


def cooled(folder: Path, temperature: float) -> Path:
    """A copy of the shipped English adapter in ``folder`` that is another version: of other temperatures."""
    shutil.copytree(default_folders()[0], folder)
    config = json.loads((folder / "config.json").read_text())
    config["calibration"] = {kind: {"temperature": temperature} for kind in ("alone", "pair")}
    (folder / "config.json").write_text(json.dumps(config))
    return folder
