"""What every kind of source does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from feeds.item import Item


class BadAnswer(Exception):
    """A source answered, and the answer cannot be read. The text says why."""


MOST_NAMED = 8


def top(document: Any) -> str:
    """What an answer in JSON has at its top, in words."""
    if isinstance(document, list):
        return f"it is a list of {len(document)}"
    names = ", ".join(repr(str(name)[:40]) for name in list(document)[:MOST_NAMED])
    return f"at its top are {names}{', ...' if len(document) > MOST_NAMED else ''}" if names else "it is empty"


@dataclass(slots=True)
class Polled:
    """What a source had. ``remember`` is what it wants to know at the next time; it replaces what it was given.

    ``faults`` are parts of the answer that could not be read. ``more`` says that there is more at once.
    """

    items: list[Item] = field(default_factory=list)
    remember: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    more: bool = False


class Source(Protocol):
    """Reads one source. May be called from any thread, but never by two at a time."""

    def poll(self, remembered: dict[str, Any]) -> Polled:
        """What is published now. Raises ``FetchError`` and ``BadAnswer``; then nothing counts as read."""
        ...
