"""Why a text got its score, by the present champion."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import lru_cache
from multiprocessing import active_children, get_context, parent_process
from typing import Any

import msgspec

from errors import FinsentError

MOST_WAITING = 8
"""Each takes a thread of the server while it waits, and the other pages need some, too."""

NICE = 10


class Busy(FinsentError):
    """More is asked for than can be computed."""


class Explainer:
    """Explains in a process of its own, which yields the processor to live scoring.

    It starts at the first question. It loads the champion then, and when another version has been promoted.
    """

    def __init__(self) -> None:
        self._process: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One text after the other. Raises ``Busy`` if too many wait already."""
        if not self._waiting.acquire(blocking=False):
            raise Busy("too many texts wait to be explained; try again in some seconds")
        try:
            with self._lock:
                yield
        finally:
            self._waiting.release()

    def explain(self, text: str, entity: str | None) -> dict[str, Any]:
        """The answer of ``model.explain``, for JSON. Raises ``Busy``, ``ValueError``, ``OSError``, ``RuntimeError``."""
        with self._turn():
            if self._process is None:
                self._process = ProcessPoolExecutor(1, get_context("spawn"), _yield)
            try:
                return self._process.submit(_explain, text, entity).result()
            except BrokenProcessPool:
                self._process = None  # the next question starts another
                raise RuntimeError("its process was ended; ask again") from None

    def close(self) -> None:
        """End the process at once: a console that ends waits for no explanation. Who waits for one gets an error."""
        if self._process is not None:
            for child in active_children():
                child.kill()


def _yield() -> None:
    import model

    threading.Thread(target=_end_with_the_console, daemon=True).start()
    with suppress(OSError):  # refused to a process that leads a session already
        os.setsid()  # Linux looks at niceness only within a session
    model.yield_processor(NICE)


def _end_with_the_console() -> None:
    # A console that a signal ends tells its processes nothing, and this one is in a session of its own.
    console = parent_process()
    if console is not None:
        console.join()
        os._exit(0)


def _explain(text: str, entity: str | None) -> dict[str, Any]:
    import model
    from settings import ModelSettings

    registry = ModelSettings().registry
    model.ensure_default(registry)
    scorer = _champion(model.version_folder(registry, model.champion_name(registry)))
    return msgspec.to_builtins(model.explain(scorer, text, entity, samples=0))  # type: ignore[no-any-return]


@lru_cache(maxsize=1)
def _champion(folder: Any) -> Any:
    import model
    from settings import ModelSettings

    return model.load(folder, ModelSettings())
