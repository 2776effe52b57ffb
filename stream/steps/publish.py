"""The fourth step: scored documents and dead letters are sent on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from documents import BadRecord, Document, Row
from documents.messages import dead_letter, scored

Send = Callable[[str, Sequence[tuple[bytes, int]]], Awaitable[None]]
"""Sends messages (value, number that chooses the partition) to a topic, and waits for the acknowledgements."""


class Publish:
    """In: rows as ``Link`` leaves them, unchanged. Documents are sent to ``scored``, bad records to ``dead-letters``.

    It comes before the insert, so that no stored row is left out. After a crash in between, some rows are sent twice.
    Their position is in the message, so that consumers can drop repeats.
    """

    def __init__(self, send: Send) -> None:
        self._send = send

    async def run(self, rows: Sequence[Row]) -> None:
        """Send ``rows``, and wait until the broker has them."""
        documents = [(scored(row), row.position.partition) for row in rows if isinstance(row, Document)]
        bad = [(dead_letter(row), row.position.partition) for row in rows if isinstance(row, BadRecord)]
        await self._send("scored", documents)
        await self._send("dead-letters", bad)
