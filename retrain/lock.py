"""One process at a time on a folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from errors import FinsentError


class Busy(FinsentError, RuntimeError):
    """Another run is under way."""


@contextmanager
def exclusive(folder: Path) -> Iterator[IO[str]]:
    """Hold the lock of ``folder``; the kernel frees it when the process ends.

    Raises ``Busy`` at once if another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Busy(f"a run is under way (process {file.read().strip() or '?'}, lock {file.name})") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield file
