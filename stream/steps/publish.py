"""The fourth step: scored documents and dead letters are sent on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from documents import BadRecord, Document, Row
from documents.messages import dead_letter, scored
from stream.kafka.message import Message
from stream.steps.isolation import Isolation, because
from stream.tracing import Headers, Place

Send = Callable[[str, Sequence[Message]], Awaitable[list[Message]]]
"""Sends messages to a topic, and waits for the acknowledgements. Returns those that the topic refuses as too large."""


class Publish:
    """In: rows as ``Link`` leaves them. Documents are sent to ``scored``, bad records to ``dead-letters``.

    It comes before the insert, so that no stored row is left out. After a crash in between, some rows are sent twice.
    Their position is in the message, so that consumers can drop repeats.

    A document that cannot be sent becomes a bad record. ``check`` is called with the rows after the documents are sent
    and before the dead letters are: it raises if too many rows are bad. ``headers`` gives the headers of a record's
    message.
    """

    def __init__(
        self,
        send: Send,
        isolation: Isolation,
        check: Callable[[Sequence[Row]], None],
        headers: Callable[[Place], Headers] = lambda place: (),
    ) -> None:
        self._send, self._isolation, self._check, self._headers = send, isolation, check, headers

    async def run(self, rows: list[Row]) -> None:
        """Send ``rows``, and wait until the broker has them."""
        await self._send_documents(rows)
        self._check(rows)
        bad = [row for row in rows if isinstance(row, BadRecord)]
        # A dead letter that is refused at any length is in the table all the same.
        await self._send(
            "dead-letters",
            [Message(dead_letter(row), row.position.partition, partial(dead_letter, row)) for row in bad],
        )

    async def _send_documents(self, rows: list[Row]) -> None:
        messages: dict[int, Message] = {}
        reasons: dict[int, str] = {}
        for number, row in enumerate(rows):
            if isinstance(row, Document):
                try:
                    at = row.position
                    headers = self._headers((at.topic, at.partition, at.offset))
                    messages[number] = Message(scored(row), at.partition, None, headers)
                except Exception as error:
                    reasons[number] = because("encoding", error)
        refused = {id(message) for message in await self._send("scored", list(messages.values()))}
        for number, message in messages.items():
            if id(message) in refused:
                reasons[number] = f"the topic scored refuses its message of {len(message.value)} bytes as too large"
        for number, reason in reasons.items():
            rows[number] = await asyncio.to_thread(self._isolation.dead_letter, rows[number].position, "failed", reason)
