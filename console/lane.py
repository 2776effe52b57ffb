"""A place where few are served at a time and some may wait, for work that takes long and that anybody may ask for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from errors import FinsentError

MOST_WAITING, MOST_OF_ONE = 16, 8
"""The most who are served or wait, and of these the most of one address. They are fewer than the threads that serve
requests, so pages are served meanwhile."""


class Busy(FinsentError, RuntimeError):
    """Too many ask at the same time."""


class Lane:
    """Serves ``at_once`` at a time, in the order in which they come. Safe for threads."""

    def __init__(self, at_once: int, why: str = "many people sign in just now") -> None:
        """``why`` is what those are told for whom there is no place."""
        self._at_once, self._why = at_once, why
        self._places: dict[object, str] = {}
        """Who is served or waits, in order."""

        self._changed = threading.Condition()

    @contextmanager
    def turn(self, address: str) -> Iterator[None]:
        """Wait for one's turn. Raises ``Busy`` if too many wait, in all or of ``address``."""
        place = object()
        with self._changed:
            of_one = sum(other == address for other in self._places.values())
            if len(self._places) >= MOST_WAITING or of_one >= MOST_OF_ONE:
                raise Busy(f"{self._why}: try again in a moment")
            self._places[place] = address
            self._changed.wait_for(lambda: place in list(self._places)[: self._at_once])
        try:
            yield
        finally:
            with self._changed:
                del self._places[place]
                self._changed.notify_all()
