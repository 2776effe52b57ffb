"""A few connections to ClickHouse that all requests share."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from settings import ClickHouseSettings
from storage import UNAVAILABLE, StorageUnavailable, connect

T = TypeVar("T")
WAIT_S = 10.0
LIMITS = {"max_execution_time": 30, "max_memory_usage": 1_000_000_000, "max_result_rows": 100_000, "max_threads": 2}
"""The limits of every query of the console: a query that asks for more fails, and the workers are not disturbed."""

READ_ONLY = LIMITS | {"readonly": 1}


class Pool:
    """Up to ``size`` connections. All methods raise ``StorageUnavailable`` if ClickHouse does not answer."""

    def __init__(self, settings: ClickHouseSettings | None = None, size: int = 4) -> None:
        self._settings = settings
        self._free: queue.LifoQueue[Client] = queue.LifoQueue()
        self._slots = threading.BoundedSemaphore(size)
        self._own: dict[str, Any] = {}
        """The settings that every connection has from its start."""

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A connection for the caller alone. It reads alone, within the limits."""
        if not self._slots.acquire(timeout=WAIT_S):
            raise StorageUnavailable(f"all connections were busy for {WAIT_S:g} s")
        try:
            try:
                client = self._free.get_nowait()
            except queue.Empty:
                client = connect(self._settings)
                self._own = dict(client.settings)
            client.settings = {**self._own, **READ_ONLY}
            try:
                yield client
            except ServerException:
                self._free.put(client)
                raise
            except BaseException:
                with suppress(*UNAVAILABLE):
                    client.disconnect()
                raise
            self._free.put(client)
        finally:
            self._slots.release()

    def read(self, query: Callable[[Client], T]) -> T:
        """The answer of ``query``, which may write nothing. On a lost connection it is asked once more: the server may
        have restarted."""
        return self._ask(query, READ_ONLY)

    def write(self, query: Callable[[Client], T]) -> T:
        """The answer of ``query``, which may write. On a lost connection it is done once more, so doing it twice must
        do no harm."""
        return self._ask(query, LIMITS)

    def _ask(self, query: Callable[[Client], T], limits: dict[str, int]) -> T:
        for attempt in (1, 2):
            try:
                with self.client() as client:
                    client.settings = {**self._own, **limits}
                    return query(client)
            except ServerException:
                raise
            except UNAVAILABLE as error:
                if attempt == 2:
                    raise StorageUnavailable(f"ClickHouse does not answer: {error}") from error
        raise AssertionError

    def rows(self, sql: str, parameters: dict[str, Any] | None = None) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Columns and rows of one SELECT, with the limits ``READ_ONLY``."""

        def ask(client: Client) -> tuple[list[str], list[tuple[Any, ...]]]:
            found, columns = client.execute(sql, parameters or {}, with_column_types=True)
            return [name for name, _ in columns], found

        return self.read(ask)

    def spelled_out(self, sql: str, parameters: dict[str, Any]) -> str:
        """``sql`` with its parameters filled in, so that a person can run it."""
        with self.client() as client:
            return str(client.substitute_params(sql, parameters, client.connection.context)).strip()

    def close(self) -> None:
        """Close the connections that are free."""
        with suppress(queue.Empty):
            while True:
                self._free.get_nowait().disconnect()
