"""Sends records for ``finsent feeds``, and finds out after a failure which of them are there."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from errors import FinsentError
from settings import KafkaSettings
from stream.kafka.clients import producer
from stream.kafka.refusals import KafkaRefused
from stream.kafka.rereading import to_the_end
from stream.kafka.topics import MAX_MESSAGE_BYTES, watermarks

TIMEOUT_S = 60.0


class KafkaAway(FinsentError, ConnectionError):
    """Kafka did not take records, or does not answer; the text says why."""


class RecordOutlet:
    """One producer, made for the first records, and made anew after a failure: so that none of the failed ones arrives
    later. Raises ``KafkaAway``, and ``KafkaRefused`` where a person is needed."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._producer: KafkaProducer | None = None

    def send(self, topic: str, records: Sequence[tuple[bytes, bytes]]) -> None:
        """Send (key, value) of each record, and wait until the broker has them all."""
        try:
            if self._producer is None:
                self._producer = producer(
                    self._kafka,
                    max_block_ms=int(TIMEOUT_S * 1000),
                    delivery_timeout_ms=int(TIMEOUT_S * 1000),
                    request_timeout_ms=int(TIMEOUT_S * 500),
                    max_request_size=MAX_MESSAGE_BYTES,
                )
            name = self._kafka.topic(topic)
            futures = [self._producer.send(name, value=value, key=key) for key, value in records]
            for future in futures:
                future.get(timeout=TIMEOUT_S)
        except KafkaRefused:
            raise
        except KafkaError as error:
            self.close()
            raise KafkaAway(f"Kafka did not take the records: {error}") from error

    def positions(self, topic: str) -> Mapping[str, int]:
        """The next offset of each partition."""
        name = self._kafka.topic(topic)
        try:
            return {str(partition): high for (_, partition), (_, high) in watermarks(self._kafka, [name]).items()}
        except KafkaRefused:
            raise
        except KafkaError as error:
            raise KafkaAway(f"Kafka does not say how far {name} is: {error}") from error

    def keys_since(self, topic: str, positions: Mapping[str, int]) -> set[bytes]:
        """The keys of the records from ``positions`` on, in each partition up to its present end."""
        name, found = self._kafka.topic(topic), set[bytes]()
        starts = {int(partition): offset for partition, offset in positions.items()}
        try:
            deadline = time.monotonic() + TIMEOUT_S
            for records in to_the_end(self._kafka, name, starts):
                found.update(record.key for record in records if record.key is not None)
                if time.monotonic() > deadline:
                    raise KafkaTimeoutError(f"{name} could not be read to its end")
            return found
        except KafkaRefused:
            raise
        except KafkaError as error:
            raise KafkaAway(f"Kafka does not say what is in {name}: {error}") from error

    def close(self) -> None:
        """Give up the producer, with what it still holds."""
        if self._producer is not None:
            self._producer.close(timeout=0)
            self._producer = None
