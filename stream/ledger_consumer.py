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


class LedgerConsumer(driver.Consumer):
    """Asks the application's ``ledger_positions`` for the next offset of each assigned partition."""

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


def use_ledger(app: Any, positions: Positions, positioned: Callable[[Mapping[TP, int]], Awaitable[None]]) -> None:
    """Give ``app`` a consumer that starts where ``positions`` says (partitions it leaves out: the earliest) and
    that awaits ``positioned`` with all of them before the first fetch."""
    app.ledger_positions, app.positioned = positions, positioned
    app.transport = LedgerTransport(app.conf.broker_consumer, app)
