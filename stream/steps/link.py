"""The third step: the story that each document belongs to, and how new it is."""

from __future__ import annotations

from collections.abc import Sequence

from documents import Label, Row
from documents.stories import Novelty


class Link:
    """In: rows as ``Score`` leaves them. The ``story_id`` and ``novelty`` of the documents are filled in, in place.

    It knows the documents that it has linked and those that it has learned. All methods are for one thread.
    """

    def __init__(self, documents: int) -> None:
        self._novelty = Novelty(documents)

    def run(self, rows: Sequence[Row]) -> None:
        """Fill in the stories of the documents of ``rows``."""
        self._novelty.assign([row for row in rows if not isinstance(row, Label)])

    def learn(self, rows: Sequence[Row]) -> None:
        """Take in the stories of ``rows`` that are stored, by others or before this worker's start."""
        self._novelty.learn(rows)

    @property
    def capacity(self) -> int:
        """How many documents are known at most."""
        return self._novelty.capacity

    @property
    def seen(self) -> dict[tuple[str, str, int], int]:
        """The last offset that is linked or learned, of each (topic, topic id, partition). From any thread."""
        return dict(self._novelty.seen)
