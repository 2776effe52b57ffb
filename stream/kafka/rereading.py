"""Records read once more, straight from the broker and beside Faust's consumer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from kafka import TopicPartition

from settings import KafkaSettings
from stream.kafka.clients import consumer
from stream.kafka.received import Received
from stream.kafka.topics import watermarks

REREAD_TIMEOUT_S, QUIET_S = 30.0, 5.0


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


def waiting(kafka: KafkaSettings, positions: Mapping[tuple[str, int], int], most: int) -> list[Received]:
    """The records that can be read now of each (topic, partition) in ``positions``, from the offset there on: at most
    ``most`` of each, in order. Raises ``KafkaError``."""
    client = consumer(kafka, auto_offset_reset="earliest", isolation_level="read_committed", fetch_max_wait_ms=50)
    found: dict[TopicPartition, list[Received]] = {TopicPartition(*one): [] for one in positions}
    try:
        client.assign(list(found))
        for (topic, number), offset in positions.items():
            client.seek(TopicPartition(topic, number), offset)
        left, quiet_since = set(found), time.monotonic()
        # A transaction that is open keeps a partition from its end: then nothing more comes for a while.
        while left and time.monotonic() - quiet_since < QUIET_S:
            for where, records in client.poll(timeout_ms=100).items():
                found[where] += [Received(where.topic, where.partition, one.offset, one.value) for one in records]
                quiet_since = time.monotonic()
            ends = {where: client.highwater(where) for where in left}
            done = {
                where
                for where, end in ends.items()
                if len(found[where]) >= most or (end is not None and client.position(where) >= end)
            }
            client.pause(*done)
            left -= done
        return [record for records in found.values() for record in records[:most]]
    finally:
        client.close(autocommit=False)


def to_the_end(kafka: KafkaSettings, topic: str, positions: Mapping[int, int] | None = None) -> Iterator[list[Any]]:
    """The records of ``topic``, as the client gives them, up to its present end; of each partition from the offset in
    ``positions`` on, or from its beginning. They come poll by poll, in lists that may be empty: whoever asks decides
    how long to wait. Raises ``KafkaError``."""
    starts = positions or {}
    bounds = {TopicPartition(*where): reach for where, reach in watermarks(kafka, [topic]).items()}
    first = {where: max(low, starts.get(where.partition, 0)) for where, (low, _) in bounds.items()}
    left = {where for where, (_, high) in bounds.items() if first[where] < high}
    client = consumer(kafka, auto_offset_reset="earliest")
    try:
        client.assign(list(left))
        for where in left:
            client.seek(where, first[where])
        while left:
            yield [record for records in client.poll(timeout_ms=100).values() for record in records]
            done = {where for where in left if client.position(where) >= bounds[where][1]}
            client.pause(*done)
            left -= done
    finally:
        client.close(autocommit=False)
