"""Sends messages for a worker, as whole batches, and waits until the broker has them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder

from settings import KafkaSettings
from stream.kafka.clients import async_producer
from stream.kafka.message import Message

log = logging.getLogger(__name__)

MAX_REQUEST_BYTES, MAX_BATCH_BYTES = 8_000_000, 262_144
THREAD_TIMEOUT_S = 60

LARGEST_BYTES = 4_000_000
"""No batch is larger than this."""

BATCH_HEAD_BYTES, RECORD_HEAD_BYTES = 61, 36
"""What Kafka's format adds at most to a batch, and to each record in it that has no key and no headers."""


class Sender:
    """The worker's producer. It sends between ``start`` and ``stop``.

    The largest batch that a topic takes is learned from what it refuses, in steps of an eighth. To read the topic's
    ``max.message.bytes``, a worker would need a further permission, and the broker may have another limit.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._producer: AIOKafkaProducer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._largest: dict[str, int] = {}
        """The size of a batch that a topic is believed to take."""

    async def start(self) -> None:
        """Connect. Raises ``aiokafka.errors.KafkaError``."""
        self._loop = asyncio.get_running_loop()
        self._producer = async_producer(self._kafka, max_request_size=MAX_REQUEST_BYTES, max_batch_size=MAX_BATCH_BYTES)
        await self._producer.start()

    async def stop(self) -> None:
        """Close the connection, if there is one."""
        if self._producer is not None:
            await self._producer.stop()

    async def send(self, topic: str, messages: Sequence[Message]) -> list[Message]:
        """Send ``messages``, and wait for the acknowledgements.

        Returns those that were not sent, because the topic refuses them as too large and they have no shorter form.
        """
        topic = self._kafka.topic(topic)
        refused: list[Message] = []
        waiting = list(messages)
        while waiting:
            again: list[Message] = []
            for batch in await self._once(topic, self._fitting(topic, waiting, refused)):
                again += batch
            waiting = again
        for message in refused:
            log.error("%s refuses a message of %d bytes as too large; it is left out", topic, len(message.value))
        return refused

    def _fitting(self, topic: str, messages: Sequence[Message], refused: list[Message]) -> Iterator[Message]:
        """``messages``, shortened where the topic takes less; those that cannot be shortened go to ``refused``."""
        most = self._largest.get(topic, LARGEST_BYTES) - BATCH_HEAD_BYTES - RECORD_HEAD_BYTES
        for message in messages:
            if message.size <= most:
                yield message
                continue
            try:
                if message.shorter is None:
                    raise ValueError
                yield message._replace(value=message.shorter(most - message.size + len(message.value)))
            except ValueError:
                refused.append(message)

    async def _once(self, topic: str, messages: Iterator[Message]) -> list[list[Message]]:
        """Send ``messages``; returns the batches that the topic refuses as too large."""
        producer = self._producer
        assert producer is not None, "messages are sent only after start"
        partitions = sorted(await producer.partitions_for(topic))
        by_partition: dict[int, list[Message]] = {}
        for message in messages:
            by_partition.setdefault(partitions[message.number % len(partitions)], []).append(message)
        sent = []
        for number, of_partition in by_partition.items():
            for batch in _batches(of_partition, min(MAX_BATCH_BYTES, self._largest.get(topic, LARGEST_BYTES))):
                builder = producer.create_batch()
                for message in batch:
                    builder.append(key=None, value=message.value, timestamp=None, headers=list(message.headers))
                sent.append((batch, builder, await producer.send_batch(builder, topic, partition=number)))
        return [batch for batch, builder, future in sent if not await self._taken(topic, builder, future)]

    async def _taken(self, topic: str, builder: BatchBuilder, future: asyncio.Future) -> bool:
        """Whether the broker has the batch, and not refused it as too large."""
        try:
            await future
        except (MessageSizeTooLargeError, RecordListTooLargeError):
            size = builder.size()
            self._largest[topic] = min(self._largest.get(topic, LARGEST_BYTES), size * 7 // 8)
            log.warning("%s refuses a batch of %d bytes as too large; smaller ones are tried", topic, size)
            return False
        return True

    def send_from_thread(self, topic: str, messages: Sequence[Message]) -> None:
        """``send``, for threads other than the event loop's."""
        assert self._loop is not None, "messages are sent only after start"
        asyncio.run_coroutine_threadsafe(self.send(topic, messages), self._loop).result(THREAD_TIMEOUT_S)


def _batches(messages: Sequence[Message], most: int) -> Iterator[list[Message]]:
    """``messages`` in their order, in batches of at most ``most`` bytes; a larger message is a batch by itself."""
    batch: list[Message] = []
    size = BATCH_HEAD_BYTES
    for message in messages:
        more = message.size + RECORD_HEAD_BYTES
        if batch and size + more > most:
            yield batch
            batch, size = [], BATCH_HEAD_BYTES
        batch.append(message)
        size += more
    if batch:
        yield batch
