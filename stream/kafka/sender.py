"""Sends messages for a worker, as whole batches, and waits until the broker has them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from settings import KafkaSettings
from stream.kafka.clients import async_producer

MAX_REQUEST_BYTES, MAX_BATCH_BYTES = 8_000_000, 262_144
THREAD_TIMEOUT_S = 60


class Sender:
    """The worker's producer. It sends between ``start`` and ``stop``."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._producer: AIOKafkaProducer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Connect. Raises ``aiokafka.errors.KafkaError``."""
        self._loop = asyncio.get_running_loop()
        self._producer = async_producer(self._kafka, max_request_size=MAX_REQUEST_BYTES, max_batch_size=MAX_BATCH_BYTES)
        await self._producer.start()

    async def stop(self) -> None:
        """Close the connection, if there is one."""
        if self._producer is not None:
            await self._producer.stop()

    async def send(self, topic: str, messages: Sequence[tuple[bytes, int]]) -> None:
        """Send ``messages`` (value, number that chooses the partition), and wait for the acknowledgements."""
        producer = self._producer
        if not messages:
            return
        assert producer is not None, "messages are sent only after start"
        partitions = sorted(await producer.partitions_for(topic))
        sent = []
        by_partition: dict[int, list[bytes]] = {}
        for value, number in messages:
            by_partition.setdefault(partitions[number % len(partitions)], []).append(value)
        for number, values in by_partition.items():
            batch = producer.create_batch()
            for value in values:
                if batch.append(key=None, value=value, timestamp=None) is None:
                    sent.append(await producer.send_batch(batch, topic, partition=number))
                    batch = producer.create_batch()
                    batch.append(key=None, value=value, timestamp=None)
            sent.append(await producer.send_batch(batch, topic, partition=number))
        for future in sent:
            await future

    def send_from_thread(self, topic: str, messages: Sequence[tuple[bytes, int]]) -> None:
        """``send``, for threads other than the event loop's."""
        assert self._loop is not None, "messages are sent only after start"
        asyncio.run_coroutine_threadsafe(self.send(topic, messages), self._loop).result(THREAD_TIMEOUT_S)
