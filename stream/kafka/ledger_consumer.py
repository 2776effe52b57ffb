"""A Faust transport whose consumer continues from ClickHouse's ledger, whatever the group had committed.

Faust's commits may run ahead of the rows that were written, or stay behind for ever; the table cannot. So
at every assignment each partition is positioned at the record after the last one stored for this topic's
identity, or at its earliest record where nothing is stored.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from faust.transport.drivers import aiokafka as driver
from faust.types import TP

Positions = Callable[[frozenset[TP]], Awaitable[Mapping[TP, int]]]


class LedgerConsumerThread(driver.AIOKafkaConsumerThread):
    """Lets the broker hold a fetch for ``app.fetch_wait_s`` only: there is one fetch at a time to a broker, and while
    it waits for partitions without records, those whose buffer was empty a moment ago get none."""

    def _create_consumer(self, loop: Any) -> Any:
        consumer = super()._create_consumer(loop=loop)
        app: Any = self.app
        consumer._fetch_max_wait_ms = int(app.fetch_wait_s * 1000)
        return consumer


class LedgerConsumer(driver.Consumer):
    """Asks the application's ``ledger_positions`` for the next offset of each assigned partition."""

    def _new_consumer_thread(self) -> LedgerConsumerThread:
        return LedgerConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Position every assigned partition from the ledger; the name is Faust's, called at each assignment."""
        assigned = frozenset(self.assignment())
        app: Any = self.app
        positions = dict(await app.ledger_positions(assigned))
        fresh = assigned - positions.keys()
        if fresh:
            positions.update(await self.earliest_offsets(*fresh))
        thread: Any = self._thread
        await thread.seek_wait(positions)
        await app.positioned(positions)
        return positions


class LedgerTransport(driver.Transport):
    """aiokafka's transport with the consumer above."""

    Consumer: ClassVar[type] = LedgerConsumer


def use_ledger(
    app: Any,
    positions: Positions,
    positioned: Callable[[Mapping[TP, int]], Awaitable[None]],
    fetch_wait_s: float,
) -> None:
    """Give ``app`` a consumer that starts where ``positions`` says (partitions it leaves out: the earliest), that
    awaits ``positioned`` with all of them before the first fetch, and whose fetches wait ``fetch_wait_s`` at most."""
    app.ledger_positions, app.positioned, app.fetch_wait_s = positions, positioned, fetch_wait_s
    app.transport = LedgerTransport(app.conf.broker_consumer, app)
