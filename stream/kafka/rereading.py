"""Records read once more, straight from the broker and beside Faust's consumer."""

from __future__ import annotations

import time

from kafka import TopicPartition

from settings import KafkaSettings
from stream.kafka.clients import consumer
from stream.kafka.received import Received

REREAD_TIMEOUT_S = 30.0


def reread(kafka: KafkaSettings, topic: str, partition: int, first: int, end: int) -> list[Received]:
    """The records of one partition with ``first <= offset < end`` that the broker holds, in order.

    Raises ``KafkaError``, or ``TimeoutError`` if the broker has not reached ``end`` in ``REREAD_TIMEOUT_S``.
    """
    where = TopicPartition(topic, partition)
    client = consumer(kafka, auto_offset_reset="earliest", isolation_level="read_committed", fetch_max_wait_ms=50)
    try:
        client.assign([where])
        client.seek(where, first)
        found: list[Received] = []
        deadline = time.monotonic() + REREAD_TIMEOUT_S
        while client.position(where) < end:
            for record in client.poll(timeout_ms=200).get(where, []):
                if first <= record.offset < end:
                    found.append(Received(topic, partition, record.offset, record.value))
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic}/{partition}: offset {end} not reached in {REREAD_TIMEOUT_S:g} s")
        return found
    finally:
        client.close(autocommit=False)
