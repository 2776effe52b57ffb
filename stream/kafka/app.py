"""The Faust application of a worker: what it is configured with, and the agents that hand its records over."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import faust
from faust.tables import TableManager

from settings import KafkaSettings, StreamSettings
from stream.kafka.ledger_consumer import Ledger, LedgerApp
from stream.upkeep.ending import end_unless_stopped


class WorkerApp(LedgerApp):
    """A ``LedgerApp`` that stops within ``stop_within_s`` seconds."""

    def __init__(self, kafka: KafkaSettings, ledger: Ledger, stop_within_s: float, **settings: Any) -> None:
        self._stop_within_s = stop_within_s
        super().__init__(kafka, ledger, **settings)

    async def on_stop(self) -> None:
        """Called by Faust when it stops."""
        end_unless_stopped(self._stop_within_s)
        await super().on_stop()


class NoTables(TableManager):
    """Faust's manager of tables where there are none: it does not wait a second for tables that may yet be declared."""

    async def on_start(self) -> None:
        """Called by Faust when it starts."""
        await self._update_channels()
        await self.recovery.start()


DATA = Path(tempfile.gettempdir()) / f"finsent-faust-{os.getuid()}"
"""Where Faust would keep its tables. There are none: all workers may share the folder, and none leaves one behind."""


def make_app(kafka: KafkaSettings, settings: StreamSettings, ledger: Ledger) -> WorkerApp:
    """An application whose consumer continues where ``ledger`` says."""
    return WorkerApp(
        kafka,
        ledger,
        settings.stop_within_s,
        store="memory://",
        TableManager=NoTables,
        datadir=DATA,
        topic_disable_leader=True,
        topic_allow_declare=False,
        broker_session_timeout=kafka.session_timeout_s,
        stream_wait_empty=False,  # what is not stored is read again: the ledger decides
        table_standby_replicas=0,  # there are no tables; with standbys a third worker of 4 partitions gets none
        web_bind=settings.web_host,
        web_host=settings.web_host,
        web_port=settings.web_port,
        web_cors_options=None,
        autodiscover=False,
    )


def add_agents(app: faust.App, topics: Iterable[str], take: Callable[[Any, Any], Awaitable[None]]) -> None:
    """Hand every record of ``topics`` to ``take``, which must not raise.

    Faust does not acknowledge the records: that happens after the insert, and not after an agent's turn.
    """
    for name in topics:
        topic = app.topic(name, value_type=bytes, value_serializer="raw", key_serializer="raw")
        app.agent(topic, name=f"finsent.{name}", concurrency=1)(_agent(take))


def _agent(take: Callable[[Any, Any], Awaitable[None]]) -> Callable[[Any], Any]:
    async def agent(stream: Any) -> None:
        stream.enable_acks = False
        async for event in stream.events():
            await take(stream, event)

    return agent
