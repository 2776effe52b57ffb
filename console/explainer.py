"""Why a text got its score, by the present champion."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from errors import FinsentError

MOST_WAITING = 8
"""Each takes a thread of the server while it waits, and the other pages need some, too."""


class Busy(FinsentError):
    """More is asked for than can be computed."""


class Explainer:
    """Loads the champion at the first question, and again when another version has been promoted."""

    def __init__(self) -> None:
        self._scorer: Any = None
        self._name = ""
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
        import model
        from settings import ModelSettings

        with self._turn():
            registry = ModelSettings().registry
            model.ensure_default(registry)
            name = model.champion_name(registry)
            if name != self._name:
                folder = model.version_folder(registry, name)
                self._scorer = model.load(folder, ModelSettings())
                self._name = name
            return msgspec.to_builtins(model.explain(self._scorer, text, entity, samples=0))  # type: ignore[no-any-return]
