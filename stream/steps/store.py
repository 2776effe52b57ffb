"""Writes batches to ClickHouse until they are there: waits while it is away, asks the ledger before a retry."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from clickhouse_driver import Client
from kafka.errors import KafkaError, UnknownTopicOrPartitionError

from documents import LABEL_TOPIC, BadRecord, Document, Label, Row
from storage import StorageUnavailable, positions, write_documents, write_labels
from storage.reads import recent_documents
from stream.upkeep.metrics import Metrics

log = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R", bound=Row)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0


class TopicReplaced(RuntimeError):
    """A topic was deleted and made again while its records were on their way."""


class GaveUp(RuntimeError):
    """The store did not come back in time, or the worker is stopping: the batch is not stored."""


class Store:
    """One connection and its retries. For use by one thread at a time."""

    def __init__(
        self,
        connect: Callable[[], Client],
        topic_ids: Callable[[], Mapping[str, str]],
        patience_s: float,
        metrics: Metrics,
    ) -> None:
        self._connect = connect
        self._topic_ids = topic_ids
        self._patience_s = patience_s
        self._metrics = metrics
        self._client: Client | None = None
        self._gave_up = False
        self.waiting = False
        self.stopping = threading.Event()

    def next_offsets(self, topic_ids: Mapping[str, str]) -> dict[tuple[str, int], int]:
        """The offset after the last one stored, for each (topic, partition) with anything stored."""
        last = self._until_it_works(lambda client: positions(client, topic_ids))
        return {partition: offset + 1 for partition, offset in last.items()}

    def recent(self, after: Mapping[tuple[str, str, int], int], limit: int) -> list[Document | BadRecord]:
        """See ``storage.recent_documents``; raises ``GaveUp``."""
        return self._until_it_works(lambda client: recent_documents(client, after, limit))

    def write(self, rows: Sequence[Row], topic_ids: Mapping[str, str]) -> None:
        """Return when every row is stored.

        Raises ``TopicReplaced`` if a topic is no longer the one that ``topic_ids`` names (asked after the
        records were fetched, so an unchanged id proves that they are of this topic), and ``GaveUp``, from then on
        always: what came after a batch that is not stored would hide it, for the ledger is a maximum.
        """
        if self._gave_up:
            raise GaveUp("a batch before this one is not stored")
        try:
            self._write(rows, topic_ids)
        except GaveUp:
            self._gave_up = True
            raise

    def _write(self, rows: Sequence[Row], topic_ids: Mapping[str, str]) -> None:
        documents = [row for row in rows if not isinstance(row, Label) and row.position.topic != LABEL_TOPIC]
        labels = [row for row in rows if not isinstance(row, Document) and row.position.topic == LABEL_TOPIC]
        if documents:
            self._insert(documents, write_documents, topic_ids)
        if labels:
            self._insert(labels, write_labels, topic_ids)

    def _insert(
        self, rows: Sequence[R], insert: Callable[[Client, Sequence[R]], None], topic_ids: Mapping[str, str]
    ) -> None:
        current = self._until_it_works(lambda client: self._topic_ids())
        if current != topic_ids:
            raise TopicReplaced(f"topics were made anew: {dict(topic_ids)} became {dict(current)}")
        pending = list(rows)
        attempts = 0

        def attempt(client: Client) -> None:
            nonlocal pending, attempts
            attempts += 1
            if attempts > 1:
                # The insert that failed may have been applied: what is in the ledger is not sent again.
                last = positions(client, topic_ids)
                pending = [row for row in pending if _is_missing(row, last)]
            insert(client, pending)

        started = time.monotonic()
        self._until_it_works(attempt)
        self._metrics.insert_seconds.observe(time.monotonic() - started)

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.disconnect()
            self._client = None

    def _until_it_works(self, action: Callable[[Client], T]) -> T:
        started, pause = time.monotonic(), FIRST_PAUSE_S
        while True:
            try:
                if self._client is None:
                    self._client = self._connect()
                result = action(self._client)
            except UnknownTopicOrPartitionError as error:
                raise TopicReplaced(f"a topic is gone: {error}") from error
            except (StorageUnavailable, KafkaError) as error:
                self.waiting = True
                self.close()
                self._metrics.insert_failures.inc()
                waited = time.monotonic() - started
                if waited > self._patience_s:
                    raise GaveUp(f"after {waited:.0f} s (STREAM_STORE_PATIENCE_S): {error}") from error
                log.warning("waiting for the store: %s", error, extra={"waited_s": round(waited, 1)})
                if self.stopping.wait(pause):
                    raise GaveUp("the worker is stopping") from error
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                self.waiting = False
                return result


def _is_missing(row: Row, last: Mapping[tuple[str, int], int]) -> bool:
    """Whether the row is after the last offset that is stored of its partition."""
    at = row.position
    return at.offset > last.get((at.topic, at.partition), -1)
