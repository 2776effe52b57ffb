"""A Faust application whose consumer continues from ClickHouse's ledger, whatever the consumer group has committed.

Faust's commits may be ahead of the rows that were written, or stay behind for ever; the table cannot. So at every
assignment each partition is positioned at the record after the last one that is stored for this topic's identity, or at
its earliest record where nothing is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, ClassVar, Protocol

import faust
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import ConsumerStoppedError, NoOffsetForPartitionError, OffsetOutOfRangeError
from faust.app.base import BootStrategy
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service

from settings import KafkaSettings
from stream.kafka.clients import async_consumer
from stream.kafka.handing_over import HandingOver
from stream.kafka.membership import Place

MAX_POLL_RECORDS = 1000
MAX_POLL_INTERVAL_MS = 1_000_000
"""A worker that waits for ClickHouse takes no records, and is to keep its partitions. One that is stuck is ended by a
watchdog of our own."""

REQUEST_TIMEOUT_MS = 90_000
"""Longer than any session, because a request to join a group may wait for other members."""

LOSS_WAIT_S = 1.0
"""A fetch waits this long for a loss to be stored. Then the consumer serves Faust, and the next fetch waits on."""


LOOK_AT_GROUP_S = 2.0
"""How often the client is asked whether it is kept out of its group."""


class Ledger(Protocol):
    """Knows where partitions continue."""

    async def positions(self, assigned: frozenset[TP]) -> Mapping[TP, int]:
        """The next offset of each assigned partition that has stored rows. Awaited before the first fetch."""
        ...

    async def positioned(self, positions: Mapping[TP, int]) -> None:
        """The consumer stands at ``positions``, those of all assigned partitions. Awaited before the first fetch."""
        ...

    def committable(self) -> Mapping[TP, int]:
        """The next offset of each partition that is positioned, for the consumer group's offsets."""
        ...

    def no_records(self, tp: TP, first: int, end: int) -> None:
        """The log has no records at ``first <= offset < end``. Called from the consumer's thread."""
        ...

    async def expired(self, tp: TP, first: int, end: int) -> None:
        """The broker deleted what was at ``first <= offset < end`` before it was read. Awaited before what follows is
        read."""
        ...

    def beyond_end(self, tp: TP, offset: int) -> None:
        """The log ends before ``offset``, which was to be read next. Called from the consumer's thread."""
        ...

    def unreadable(self, tp: TP, offset: int, error: Exception) -> None:
        """The batch at ``offset`` cannot be decoded. Called from the consumer's thread."""
        ...

    def kept_out(self, error: Exception) -> None:
        """The consumer is not in its group, and tries again. Called from its thread."""
        ...


class LedgerConsumerThread(driver.AIOKafkaConsumerThread):
    """Uses our own client in place of Faust's: it signs in, and reads only records of committed transactions."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._losing: dict[tuple[TP, int], tuple[int, Future[None]]] = {}
        """Losses that are being stored: by partition and first offset, where they end."""

    def _create_consumer(self, loop: Any) -> Any:
        kafka = self._kafka
        return async_consumer(
            kafka,
            group_id=kafka.group_id,
            group_instance_id=kafka.group_instance_id or None,
            client_rack=kafka.client_rack or None,
            isolation_level="read_committed",
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            enable_auto_commit=False,
            # aiokafka must not move to another offset by itself where the log does not have the one that is asked for:
            # what lies in between is lost, and that has to be said first.
            auto_offset_reset="none",
            metadata_max_age_ms=int(kafka.metadata_max_age_s * 1000),
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
        active = set(active_partitions)  # Faust's own set is changed by another thread meanwhile
        if not active:
            return {}  # to aiokafka, none would mean all
        before = _client_positions(consumer, active)
        try:
            records = await super()._fetch_records(consumer, active, timeout, max_records)
        except OffsetOutOfRangeError as error:
            await self._out_of_range(consumer, error.args[0])
            return {}
        except NoOffsetForPartitionError:
            return {}  # the partition is new, and about to be positioned from the ledger
        except (ConsumerStoppedError, asyncio.CancelledError):
            raise
        except Exception as error:
            for tp in _buffered(consumer, before):
                self._ledger.unreadable(tp, before[tp], error)
            raise
        after = _client_positions(consumer, before)
        given = {(tp.topic, tp.partition): found for tp, found in records.items()}
        for tp, expected in before.items():
            for record in given.get((tp.topic, tp.partition), ()):
                if record.offset > expected:
                    self._ledger.no_records(tp, expected, record.offset)
                expected = record.offset + 1
            if after.get(tp, 0) > expected:
                self._ledger.no_records(tp, expected, after[tp])
        return records

    async def _out_of_range(self, consumer: Any, offsets: Mapping[Any, int]) -> None:
        """The broker does not have ``offsets``, which were to be read next: tell the ledger, and go on behind the gap.

        The ledger may have to wait for ClickHouse. Meanwhile aiokafka asks for the offset again, and this is called
        again.
        """
        for tp, offset in offsets.items():
            first_held = (await consumer.beginning_offsets([tp]))[tp]
            if offset >= first_held:
                self._ledger.beyond_end(tp, offset)
                continue
            if (tp, offset) not in self._losing:
                telling = self._ledger.expired(TP(*tp), offset, first_held)
                self._losing[tp, offset] = first_held, asyncio.run_coroutine_threadsafe(telling, self.parent_loop)
            end, told = self._losing[tp, offset]
            done, _ = await asyncio.wait({asyncio.wrap_future(told)}, timeout=LOSS_WAIT_S)
            if done:
                del self._losing[tp, offset]
                told.result()
                if _client_positions(consumer, [tp]).get(tp) == offset:  # not assigned anew meanwhile
                    consumer.seek(tp, end)

    @Service.task
    async def _watch_group(self) -> None:
        """Pass on what keeps the client out of its group. aiokafka stops trying to get in until somebody has asked it
        for the error, and Faust never does."""
        place = Place() if self._kafka.group_instance_id else None
        while not self.should_stop:
            await self.sleep(LOOK_AT_GROUP_S)
            coordinator: Any = self._ensure_consumer()._coordinator
            try:
                coordinator.check_errors()
                if place:
                    place.look(coordinator.member_id)
            except Exception as error:
                self._ledger.kept_out(error)
                if place:
                    # Another process may have taken the name while this one was joining. aiokafka would ask for ever
                    # with the id that the broker has forgotten.
                    coordinator.reset_generation()

    @property
    def _kafka(self) -> KafkaSettings:
        transport: Any = self.consumer.transport  # type: ignore[attr-defined]
        kafka: KafkaSettings = transport.kafka
        return kafka

    @property
    def _ledger(self) -> Ledger:
        transport: Any = self.consumer.transport  # type: ignore[attr-defined]
        ledger: Ledger = transport.ledger
        return ledger

    def highwater(self, tp: TP) -> int | None:  # type: ignore[override]
        """The offset up to which records can be read now: those of a transaction that is open cannot. None if it is
        unknown, as of a partition that the group has taken away: aiokafka knows that before Faust and the intake."""
        consumer = self._ensure_consumer()
        try:
            stable = consumer.last_stable_offset(tp)
            known: int | None = consumer.highwater(tp) if stable is None or stable < 0 else stable
        except (AssertionError, AttributeError):  # it is not assigned, or was taken away within the call
            return None
        return known


def _client_positions(consumer: Any, partitions: Iterable[TP]) -> dict[TP, int]:
    """The offsets that aiokafka gives next."""
    subscription = consumer._subscription.subscription
    if subscription is None or subscription.assignment is None:
        return {}
    states = {tp: subscription.assignment.state_value(tp) for tp in partitions}
    return {tp: state.position for tp, state in states.items() if state is not None and state.has_valid_position}


def _buffered(consumer: Any, partitions: Iterable[TP]) -> list[TP]:
    """The partition whose batch could not be decoded, as a list of one or none. It is the first that aiokafka still
    buffers: aiokafka takes partitions in order, and drops those that it has read to the end."""
    wanted = set(partitions)
    return [tp for tp, found in consumer._fetcher._records.items() if tp in wanted and hasattr(found, "getall")][:1]


class LedgerConsumer(HandingOver, driver.Consumer):
    """Asks the ledger for the next offset of each assigned partition, and commits what the ledger has.

    The methods with an underscore are Faust's, which calls them every ``broker_commit_interval`` and at a stop.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._told: dict[TP, int] = {}
        """What was committed since the last assignment."""

    def _new_consumer_thread(self) -> LedgerConsumerThread:
        return LedgerConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        """All partitions: the ledger may be ahead of the committed offset even where this worker has stored nothing."""
        transport: Any = self.transport
        return (tp for tp in transport.ledger.committable() if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        for kept in (self._acked, self._acked_index, self._gap):  # Faust's own bookkeeping: we have the ledger
            kept[tp].clear()
        transport: Any = self.transport
        offset: int | None = transport.ledger.committable().get(tp)
        return offset

    def _should_commit(self, tp: TP, offset: int) -> bool:
        return self._told.get(tp) != offset

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        done: bool = await super()._commit(offsets)
        if done:
            self._told.update(offsets)
        return done

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Position every assigned partition from the ledger. The name is Faust's, which calls it at each assignment."""
        transport: Any = self.transport
        self._told.clear()
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
