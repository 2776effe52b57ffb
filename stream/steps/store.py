"""The last step: rows into ClickHouse, each position once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from clickhouse_driver import Client

from documents import LABEL_TOPIC, Document, Label, Row
from storage import positions, write_documents, write_labels
from stream.upkeep.metrics import Metrics
from stream.upkeep.patient_client import GaveUp, PatientClient, TopicReplaced

R = TypeVar("R", bound=Row)


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
    """

    def __init__(self, client: PatientClient, topic_ids: TopicIds, metrics: Metrics) -> None:
        self._client, self._topic_ids, self._metrics = client, topic_ids, metrics
        self._gave_up = False

    def run(self, rows: Sequence[Row]) -> None:
        """Store ``rows``.

        Raises ``TopicReplaced`` if a topic is no longer the one whose partitions were assigned. The ids are asked for
        after the records were fetched, so an unchanged id proves that they are of this topic. Raises ``GaveUp``, and
        then at every call: what comes after a batch that is not stored would hide the gap, as the ledger is a maximum.
        """
        if self._gave_up:
            raise GaveUp("a batch before this one is not stored")
        documents = [row for row in rows if not isinstance(row, Label) and row.position.topic != LABEL_TOPIC]
        labels = [row for row in rows if not isinstance(row, Document) and row.position.topic == LABEL_TOPIC]
        try:
            if documents:
                self._insert(documents, write_documents)
            if labels:
                self._insert(labels, write_labels)
        except GaveUp:
            self._gave_up = True
            raise

    def _insert(self, rows: Sequence[R], write: Callable[[Client, Sequence[R]], None]) -> None:
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
        self._metrics.insert_seconds.observe(time.monotonic() - started)


def _is_missing(row: Row, last: Mapping[tuple[str, int], int]) -> bool:
    """Whether the row is after the last offset that is stored of its partition."""
    at = row.position
    return at.offset > last.get((at.topic, at.partition), -1)
