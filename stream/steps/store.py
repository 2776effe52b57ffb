"""The last step: rows into ClickHouse, each position once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from clickhouse_driver import Client

from documents import FEEDS, KINDS, LABEL_TOPIC, BadRecord, Row
from documents.messages import dead_letter
from storage import positions, write_documents, write_labels
from stream.kafka.message import Message
from stream.steps.isolation import Isolation
from stream.upkeep.metrics import Metrics
from stream.upkeep.patient_client import GaveUp, PatientClient, TopicReplaced

Write = Callable[[Client, Sequence[Any]], None]
"""Inserts rows of one table."""


class TopicIds(Protocol):
    """The identities (UUID) of the topics, see ``stream.kafka.TopicIdentity``."""

    assigned: Mapping[str, str]
    """The ids when the partitions were assigned: those of all records on their way."""

    def __call__(self) -> Mapping[str, str]:
        """The ids now."""
        ...


class Store:
    """In: rows as ``Publish`` leaves them; ``ingested_at`` is filled in. They are in their tables when ``run`` returns.

    Documents and the bad records of their topics are one insert, labels and those of theirs another: each is stored
    whole or not at all. While ClickHouse is away, ``run`` waits. For one thread.

    A row with a value that its column cannot hold becomes a bad record; ``send`` is called with its dead letter. The
    batch is then stored in several inserts, in the order of the offsets all the same. ``check`` is called with what was
    stored, and raises if so many are bad that no more are to become dead letters. ``on_stored`` is called after each
    insert with its rows and its table.
    """

    def __init__(
        self,
        client: PatientClient,
        topic_ids: TopicIds,
        metrics: Metrics,
        isolation: Isolation,
        send: Callable[[str, Sequence[Message]], None],
        check: Callable[[Sequence[Row]], None],
        feeds: Mapping[str, str] = FEEDS,
        on_stored: Callable[[Sequence[Row], str], None] = lambda rows, table: None,
    ) -> None:
        self._client, self._topic_ids, self._metrics = client, topic_ids, metrics
        self._isolation, self._send, self._check = isolation, send, check
        self._feeds, self._on_stored = feeds, on_stored
        self._write_documents = partial(
            write_documents, kinds={topic: KINDS[brings] for topic, brings in feeds.items() if brings in KINDS}
        )
        self._gave_up = False

    def run(self, rows: list[Row]) -> None:
        """Store ``rows``.

        Raises ``TopicReplaced`` if a topic is no longer the one whose partitions were assigned. The ids are asked for
        after the records were fetched, so an unchanged id proves that they are of this topic. Raises ``GaveUp``, and
        from then on at every call: the ledger is a maximum, so a later batch would hide the gap.
        """
        if self._gave_up:
            raise GaveUp("a batch before this one is not stored")
        labels = [number for number, row in enumerate(rows) if self._feeds.get(row.position.topic) == LABEL_TOPIC]
        others = [number for number, row in enumerate(rows) if self._feeds.get(row.position.topic) != LABEL_TOPIC]
        try:
            self._insert_some(rows, others, self._write_documents)
            self._insert_some(rows, labels, write_labels)
        except GaveUp:
            self._gave_up = True
            raise
        self._check(rows)

    def _insert_some(self, rows: list[Row], numbers: Sequence[int], write: Write) -> None:
        """Insert the rows with these numbers; those that cannot be stored are replaced in ``rows``."""
        some = [rows[number] for number in numbers]

        def found(bad: BadRecord) -> None:
            self._send("dead-letters", [Message(dead_letter(bad), bad.position.partition, partial(dead_letter, bad))])
            self._insert([bad], write)

        if some:
            self._isolation.run("storing", lambda part: self._insert(part, write), some, found=found)
        for number, row in zip(numbers, some, strict=True):
            rows[number] = row

    def _insert(self, rows: Sequence[Row], write: Write) -> None:
        assigned = self._topic_ids.assigned
        current = self._client.call(lambda client: self._topic_ids())
        if current != assigned:
            raise TopicReplaced(f"topics were made anew: {dict(assigned)} became {dict(current)}")
        pending = list(rows)
        attempts = 0

        def attempt(client: Client) -> None:
            nonlocal pending, attempts
            attempts += 1
            if attempts > 1:
                # The insert that failed may have been applied: what is in the ledger is not sent again.
                last = positions(client, assigned)
                pending = [row for row in pending if _is_missing(row, last)]
            if pending:
                write(client, pending)

        started = time.monotonic()
        self._client.call(attempt)
        self._on_stored(rows, "label_log" if write is write_labels else "record_log")
        self._metrics.insert_seconds.observe(time.monotonic() - started)


def _is_missing(row: Row, last: Mapping[tuple[str, int], int]) -> bool:
    """Whether the row is after the last offset that is stored of its partition."""
    at = row.position
    return at.offset > last.get((at.topic, at.partition), -1)
