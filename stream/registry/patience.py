"""Waits while the schema registry is away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from documents import Row
from stream.registry.client import SchemaUnavailable
from stream.upkeep.metrics import Metrics

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0


class RegistryPatience:
    """Tries a batch again until its schemas can be had. The pauses are on the event loop, so the thread that reads is
    free meanwhile. All methods are for the event loop; ``waiting`` is for any thread."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._forgotten = asyncio.Event()
        self.waiting = False
        """Whether a batch waits for the registry."""

    async def call(self, read: Callable[[], Awaitable[list[Row]]]) -> list[Row]:
        """The rows that ``read`` makes. It is called again after each ``SchemaUnavailable``.

        Answers no rows if the batch is forgotten meanwhile.
        """
        started, pause = time.monotonic(), FIRST_PAUSE_S
        try:
            while True:
                try:
                    return await read()
                except SchemaUnavailable as error:
                    self._waits(True)
                    self._metrics.registry_failures.inc()
                    waited = round(time.monotonic() - started, 1)
                    log.warning("waiting for the schema registry: %s", error, extra={"waited_s": waited})
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._forgotten.wait(), pause)
                if self._forgotten.is_set():
                    return []
                pause = min(2 * pause, LONGEST_PAUSE_S)
        finally:
            self._waits(False)

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """Inside this context no batch waits: a waiting one is forgotten. Records that follow it must not be admitted
        any more."""
        self._forgotten.set()
        try:
            yield
        finally:
            self._forgotten.clear()

    def _waits(self, waiting: bool) -> None:
        if self.waiting and not waiting:
            log.info("the wait for the schema registry is over")
        self.waiting = waiting
        self._metrics.registry_waiting.set(waiting)
