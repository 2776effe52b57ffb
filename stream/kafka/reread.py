"""What a worker asks the broker beside Faust's consumer: the identity of its topics, and records once more."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from stream.kafka.received import Received
from stream.kafka.topics import CONNECT_MS, topic_ids

REREAD_TIMEOUT_S = 30.0


class TopicIdentity:
    """Asks for the ids of ``topics`` over one lasting connection: it is asked before every insert."""

    def __init__(self, bootstrap: str, topics: Sequence[str]) -> None:
        self._bootstrap, self._topics = bootstrap, topics
        self._admin: KafkaAdminClient | None = None
        self.assigned: Mapping[str, str] = {}
        """The ids when the partitions were assigned last: those of the records on their way."""

    def assign(self) -> None:
        """Ask, and keep the answer as ``assigned``. Raises as a call does."""
        self.assigned = self()

    def __call__(self) -> Mapping[str, str]:
        """Topic id by topic. Raises ``KafkaError`` when no broker answers or a topic is gone."""
        try:
            if self._admin is None:
                self._admin = KafkaAdminClient(
                    bootstrap_servers=self._bootstrap.split(","), bootstrap_timeout_ms=CONNECT_MS
                )
            return topic_ids(self._admin, self._topics)
        except KafkaError:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._admin is not None:
            admin, self._admin = self._admin, None
            admin.close()


def reread(bootstrap: str, topic: str, partition: int, first: int, end: int) -> list[Received]:
    """The records of one partition with ``first <= offset < end`` that the broker holds, in order.

    Raises ``KafkaError``, or ``TimeoutError`` if the broker has not reached ``end`` in ``REREAD_TIMEOUT_S``.
    """
    where = TopicPartition(topic, partition)
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap.split(","),
        bootstrap_timeout_ms=CONNECT_MS,
        group_id=None,
        enable_auto_commit=False,
        allow_auto_create_topics=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
    )
    try:
        consumer.assign([where])
        consumer.seek(where, first)
        found: list[Received] = []
        deadline = time.monotonic() + REREAD_TIMEOUT_S
        while consumer.position(where) < end:
            for record in consumer.poll(timeout_ms=200).get(where, []):
                if first <= record.offset < end:
                    found.append(Received(topic, partition, record.offset, record.value))
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic}/{partition}: offset {end} not reached in {REREAD_TIMEOUT_S:g} s")
        return found
    finally:
        consumer.close(autocommit=False)
