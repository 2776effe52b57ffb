"""Why a text got its score, by the present champion."""

from __future__ import annotations

import threading
from typing import Any

import msgspec


class Explainer:
    """Loads the champion at the first question, and again when another version has been promoted."""

    def __init__(self) -> None:
        self._scorer: Any = None
        self._name = ""
        self._lock = threading.Lock()

    def explain(self, text: str, entity: str | None) -> dict[str, Any]:
        """The answer of ``model.explain``, for JSON. Raises ``ValueError``, ``OSError`` and ``RuntimeError``."""
        import model
        from settings import ModelSettings

        with self._lock:
            registry = ModelSettings().registry
            model.ensure_default(registry)
            name = model.champion_name(registry)
            if name != self._name:
                folder = model.version_folder(registry, name)
                self._scorer = model.load(folder, ModelSettings())
                self._name = name
            return msgspec.to_builtins(model.explain(self._scorer, text, entity, samples=0))  # type: ignore[no-any-return]
