"""The types of events, read from ``event_types.yaml``: their groups, how bad each is, and how long it counts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from errors import FinsentError
from settings import event_types_file, read_replaceable

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*$")]


class EventType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One type of event.

    ``polarity`` is its usual direction for the subject, ``severity`` 1 (routine) to 5 (the company's existence).
    ``half_life_h`` is after how many hours half of its weight is gone. ``pages`` says whether it may wake somebody.
    ``witnesses`` independent stories make it believed while it is no crisis that has happened. ``again`` stories make a
    further alert about a company within a year of one that was as bad.
    """

    name: Name
    group: Name
    polarity: Literal[-1, 0, 1]
    severity: Annotated[int, msgspec.Meta(ge=1, le=5)]
    half_life_h: Annotated[int, msgspec.Meta(ge=1)]
    pages: bool
    definition: str
    witnesses: Annotated[int, msgspec.Meta(ge=1)] = 2
    again: Annotated[int, msgspec.Meta(ge=1)] = 1
    en: list[str] = []
    zh: list[str] = []


class BadEventTypes(FinsentError, ValueError):
    """The file of event types cannot be used. The text says which type is wrong, and why."""


class EventTypes:
    """The types by name, in the file's order. Raises ``BadEventTypes`` for a name that stands twice."""

    def __init__(self, types: Iterable[EventType]) -> None:
        self.by_name: dict[str, EventType] = {}
        for one in types:
            if one.name in self.by_name:
                raise BadEventTypes(f"the type {one.name!r} stands twice")
            self.by_name[one.name] = one

    @property
    def names(self) -> list[str]:
        """All names, in the file's order."""
        return list(self.by_name)


def load_event_types(path: Path | None = None) -> EventTypes:
    """The types in the YAML file ``path``: by default the file that ``FINSENT_EVENT_TYPES`` names, or else those that
    ship with finsent. Raises ``BadEventTypes``.
    """

    def make(text: bytes) -> EventTypes:
        return EventTypes(msgspec.yaml.decode(text, type=list[EventType]))

    path = path or event_types_file()
    return read_replaceable(path, "documents.events", "event_types.yaml", "FINSENT_EVENT_TYPES", make, BadEventTypes)
