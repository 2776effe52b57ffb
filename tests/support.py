"""Helpers of the tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], timeout: float, message: str) -> T:
    """The first truthy answer of ``condition``; fails the test after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {message}; last answer: {found!r}")
        time.sleep(0.05)
    return found
