"""The threads of a worker. Each runs one thing at a time, so what is used in one thread only needs no lock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class WorkerThread:
    """A thread that runs functions for the event loop, one after the other."""

    def __init__(self, name: str, initializer: Callable[[], None] = lambda: None) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name, initializer=initializer)

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """The result of ``function``. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)

    def call(self, function: Callable[..., T], *arguments: object) -> T:
        """``run`` for another thread, which waits."""
        return self.begin(function, *arguments).result()

    def begin(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        """``run`` for another thread, which may wait later."""
        return self._executor.submit(function, *arguments)


class Threads:
    """One thread for each step that computes or waits for ClickHouse. They work beside each other on different batches.

    ``read`` also owns the intake, ``score`` the champion, ``link`` the stories, ``store`` the connection to ClickHouse.
    """

    def __init__(self) -> None:
        self.read, self.score = WorkerThread("read"), WorkerThread("score")
        self.link, self.store = WorkerThread("link"), WorkerThread("store")
