"""A Faust application whose consumer continues from ClickHouse's ledger, whatever the consumer group has committed.

Faust's commits may be ahead of the rows that were written, or stay behind for ever; the table cannot. So at every
assignment each partition is positioned at the record after the last one that is stored for this topic's identity, or at
its earliest record where nothing is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol

import faust
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from faust.app.base import BootStrategy
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from settings import KafkaSettings
from stream.kafka.clients import async_consumer

MAX_POLL_RECORDS = 1000
MAX_POLL_INTERVAL_MS = 1_000_000
"""A worker that waits for ClickHouse takes no records, and is to keep its partitions. One that is stuck is ended by a
watchdog of our own."""

REQUEST_TIMEOUT_MS = 90_000
"""Longer than any session, because a request to join a group may wait for other members."""


class Ledger(Protocol):
    """Knows where partitions continue."""

    async def positions(self, assigned: frozenset[TP]) -> Mapping[TP, int]:
        """The next offset of each assigned partition that has stored rows. Awaited before the first fetch."""
        ...

    async def positioned(self, positions: Mapping[TP, int]) -> None:
        """The consumer stands at ``positions``, those of all assigned partitions. Awaited before the first fetch."""
        ...

    def no_records(self, tp: TP, first: int, end: int) -> None:
        """The log has no records at ``first <= offset < end``. Called from the consumer's thread."""
        ...


class LedgerConsumerThread(driver.AIOKafkaConsumerThread):
    """Its client is ours, in place of the one that Faust would make: it signs in, and reads what was committed only."""

    def _create_consumer(self, loop: Any) -> Any:
        transport: Any = self.consumer.transport  # type: ignore[attr-defined]
        kafka: KafkaSettings = transport.kafka
        return async_consumer(
            kafka,
            group_id=kafka.group_id,
            isolation_level="read_committed",
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=MAX_POLL_RECORDS,
            max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
            # There is one fetch at a time to a broker. While it waits for partitions without records, partitions whose
            # buffer has just become empty get none.
            fetch_max_wait_ms=int(kafka.fetch_wait_s * 1000),
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            session_timeout_ms=int(kafka.session_timeout_s * 1000),
            rebalance_timeout_ms=int(kafka.session_timeout_s * 1000),
            heartbeat_interval_ms=int(kafka.heartbeat_interval_s * 1000),
        )

    async def _fetch_records(
        self, consumer: Any, active_partitions: set[TP], timeout: float | None = None, max_records: int | None = None
    ) -> Any:
        """As Faust's, but the offsets for which the log has no record are passed on to the ledger.

        aiokafka gives records only. It moves its position over markers of transactions, aborted records and what was
        compacted, so what it moves over without giving a record is not missing.
        """
        before = _client_positions(consumer, active_partitions)
        records = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        after = _client_positions(consumer, before)
        given = {(tp.topic, tp.partition): found for tp, found in records.items()}
        transport: Any = self.consumer.transport  # type: ignore[attr-defined]
        for tp, expected in before.items():
            for record in given.get((tp.topic, tp.partition), ()):
                if record.offset > expected:
                    transport.ledger.no_records(tp, expected, record.offset)
                expected = record.offset + 1
            if after.get(tp, 0) > expected:
                transport.ledger.no_records(tp, expected, after[tp])
        return records

    def highwater(self, tp: TP) -> int:
        """The offset up to which records can be read now: those of a transaction that is open cannot."""
        stable = self._ensure_consumer().last_stable_offset(tp)
        return super().highwater(tp) if stable is None or stable < 0 else stable


def _client_positions(consumer: Any, partitions: Iterable[TP]) -> dict[TP, int]:
    """The offsets that aiokafka gives next."""
    subscription = consumer._subscription.subscription
    if subscription is None or subscription.assignment is None:
        return {}
    states = {tp: subscription.assignment.state_value(tp) for tp in partitions}
    return {tp: state.position for tp, state in states.items() if state is not None and state.has_valid_position}


class LedgerConsumer(driver.Consumer):
    """Asks the ledger for the next offset of each assigned partition."""

    def _new_consumer_thread(self) -> LedgerConsumerThread:
        return LedgerConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Position every assigned partition from the ledger. The name is Faust's, which calls it at each assignment."""
        transport: Any = self.transport
        assigned = frozenset(self.assignment())
        positions = dict(await transport.ledger.positions(assigned))
        fresh = assigned - positions.keys()
        if fresh:
            positions.update(await self.earliest_offsets(*fresh))
        thread: Any = self._thread
        await thread.seek_wait(positions)
        await transport.ledger.positioned(positions)
        return positions


class LedgerTransport(driver.Transport):
    """aiokafka's transport with the consumer above."""

    Consumer: ClassVar[type] = LedgerConsumer

    def __init__(self, urls: Any, app: faust.App, ledger: Ledger, kafka: KafkaSettings) -> None:
        super().__init__(urls, app)
        self.ledger, self.kafka = ledger, kafka


class _NoProducer(BootStrategy):
    """Nothing is sent by Faust's own producer, so it need not connect."""

    enable_kafka_producer = False


class LedgerApp(faust.App):
    """A Faust application that starts where ``ledger`` says. ``settings`` are Faust's."""

    BootStrategy = _NoProducer

    def __init__(self, kafka: KafkaSettings, ledger: Ledger, **settings: Any) -> None:
        self._kafka, self._ledger = kafka, ledger
        super().__init__(kafka.group_id, broker=[f"kafka://{server}" for server in kafka.servers], **settings)

    def _new_transport(self) -> Any:
        return LedgerTransport(self.conf.broker_consumer, self, self._ledger, self._kafka)
