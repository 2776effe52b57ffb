"""The versions in the registry, as a worker loads them."""

from __future__ import annotations

from collections.abc import Callable

import model
from model.events import EventReader, load_event_reader
from model.registry import Shadow, current_shadow
from settings import ModelSettings


class Models:
    """The registry that the settings name, in which the default version is published if it is empty.

    ``load`` makes the scorer of the champion at the start, for benchmarks; by default it is the version itself.
    """

    def __init__(self, load: Callable[[str], model.Scorer] | None = None) -> None:
        self._settings = ModelSettings()
        self._load_first = load or self.load
        model.ensure_default(self._settings.registry)

    def champion_name(self) -> str:
        """The champion's version. Raises ``OSError``."""
        return model.champion_name(self._settings.registry)

    def champion(self) -> model.Scorer:
        """The champion's scorer."""
        return self._load_first(self.champion_name())

    def event_reader(self) -> EventReader | None:
        """The reader of events, None where the settings want none. Raises ``BadEventWeights`` and ``BadEventTypes``."""
        return load_event_reader() if self._settings.events else None

    def shadow(self) -> Shadow | None:
        """The version in the shadow. Raises ``OSError`` and ``model.BadVersion``."""
        return current_shadow(self._settings.registry)

    def load(self, version: str) -> model.Scorer:
        """A scorer of ``version``. Raises ``OSError`` and ``model.BadVersion``."""
        return model.load(model.version_folder(self._settings.registry, version), self._settings)

    def load_without_repeats(self, version: str) -> model.Scorer:
        """``load``, but the scorer remembers no texts: it is for comparing times, and a remembered text takes none."""
        settings = self._settings.model_copy(update={"repeats": 0})
        return model.load(model.version_folder(settings.registry, version), settings)
