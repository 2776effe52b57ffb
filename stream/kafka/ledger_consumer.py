"""A Faust application whose consumer continues from ClickHouse's ledger, whatever the consumer group has committed.

Faust's commits may be ahead of the rows that were written, or stay behind for ever; the table cannot. So at every
assignment each partition is positioned at the record after the last one that is stored for this topic's identity, or at
its earliest record where nothing is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import faust
from faust.transport.drivers import aiokafka as driver
from faust.types import TP


class Ledger(Protocol):
    """Knows where partitions continue."""

    async def positions(self, assigned: frozenset[TP]) -> Mapping[TP, int]:
        """The next offset of each assigned partition that has stored rows. Awaited before the first fetch."""
        ...

    async def positioned(self, positions: Mapping[TP, int]) -> None:
        """The consumer stands at ``positions``, those of all assigned partitions. Awaited before the first fetch."""
        ...


class LedgerConsumerThread(driver.AIOKafkaConsumerThread):
    """Lets the broker hold a fetch for ``fetch_wait_s`` at most.

    There is one fetch at a time to a broker. While it waits for partitions without records, partitions whose buffer has
    just become empty get none.
    """

    def _create_consumer(self, loop: Any) -> Any:
        consumer = super()._create_consumer(loop=loop)
        transport: Any = self.consumer.transport  # type: ignore[attr-defined]
        consumer._fetch_max_wait_ms = int(transport.fetch_wait_s * 1000)
        return consumer


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

    def __init__(self, urls: Any, app: faust.App, ledger: Ledger, fetch_wait_s: float) -> None:
        super().__init__(urls, app)
        self.ledger, self.fetch_wait_s = ledger, fetch_wait_s


class LedgerApp(faust.App):
    """A Faust application that starts where ``ledger`` says, and whose fetches wait ``fetch_wait_s`` at most."""

    def __init__(self, id: str, ledger: Ledger, fetch_wait_s: float, **settings: Any) -> None:
        self._ledger, self._fetch_wait_s = ledger, fetch_wait_s
        super().__init__(id, **settings)

    def _new_transport(self) -> Any:
        return LedgerTransport(self.conf.broker_consumer, self, self._ledger, self._fetch_wait_s)
