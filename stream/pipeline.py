"""The way of records through a worker: read, scored, linked, sent on, stored, acknowledged; in order, and each once.

Every step takes what the step before it has ready and works beside the others, so under a light load a batch is small
and soon in the table, and under a heavy one large and cheap. What waits between two steps is bounded: where one
stands still, those before it stop soon and the records stay in Kafka.

Knows neither Kafka nor ClickHouse: a record is whatever ``put`` was given until ``read`` makes rows of it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from documents import Row

T = TypeVar("T")

READ_S = 0.1
"""Read at once: what is scored in so many seconds."""

SHORT_S, LONG_S = 0.1, 1.0
"""Scored at once: half of what waits, but what is scored in so many seconds at the least and at the most."""

INSERT_EVERY_S, INSERT_EVERY_BEHIND_S = 0.2, 1.0
INSERT_SHARE = 0.2
"""An insert costs the database about the same for one row as for hundreds: no more often than every
``INSERT_EVERY_S``, nor so often that inserts take more than this share of the time, but every
``INSERT_EVERY_BEHIND_S`` at the least; not more often than that while more waits than is scored in ``LONG_S``."""

UNSTORED = 4
"""Batches that wait to be stored before scoring stops."""

FIRST_COST_S = 0.01
"""What a record is expected to take to score before any was."""


@dataclass(slots=True)
class Piece(Generic[T]):
    """Records with the rows made of them: fewer where some were stored before, more where some had to be read again."""

    taken: list[T]
    rows: list[Row]
    epoch: int

    def __len__(self) -> int:
        return max(len(self.taken), len(self.rows))


class Steps(NamedTuple):
    """What is done to records. ``read`` makes their rows; ``done`` is told of rows in the table, with their records."""

    read: Callable[[Sequence[Any]], Awaitable[list[Row]]]
    score: Callable[[Sequence[Row]], Awaitable[None]]
    link: Callable[[Sequence[Row]], Awaitable[None]]
    publish: Callable[[Sequence[Row]], Awaitable[None]]
    store: Callable[[Sequence[Row]], Awaitable[None]]
    done: Callable[[Sequence[Any], Sequence[Row]], Awaitable[None]]


@dataclass(slots=True)
class Between(Generic[T]):
    """Pieces that wait between two steps; ``put`` waits while there are ``most`` records or more."""

    most: int
    _pieces: deque[Piece[T]] = field(default_factory=deque)
    _records: int = 0
    _filled: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)

    def __len__(self) -> int:
        return self._records

    async def put(self, piece: Piece[T]) -> None:
        while self._records >= self.most:
            self._room.clear()
            await self._room.wait()
        self._pieces.append(piece)
        self._records += len(piece)
        self._filled.set()

    async def wait(self) -> None:
        """Until there is a piece."""
        while not self._pieces:
            self._filled.clear()
            await self._filled.wait()

    async def get(self, most: float) -> list[Piece[T]]:
        """The first piece and those after it, as long as they are ``most`` records together."""
        await self.wait()
        found: list[Piece[T]] = []
        records = 0
        while self._pieces and (not found or records + len(self._pieces[0]) <= most):
            piece = self._pieces.popleft()
            records += len(piece)
            found.append(piece)
        self._records -= records
        self._room.set()
        return found


class Flow(Generic[T]):
    """Carries records through ``steps``, at most ``batch`` of them at once before they are stored.

    A record on its own waits ``batch_seconds`` for others. All methods are for one event loop.
    """

    def __init__(self, steps: Steps, batch: int, batch_seconds: float) -> None:
        self._steps, self._batch, self._batch_seconds = steps, batch, batch_seconds
        self._taken: deque[T] = deque()
        self._first_at = 0.0
        self._arrived, self._room = asyncio.Event(), asyncio.Event()
        self._read: Between[T] = Between(batch)
        self._scored: Between[T] = Between(batch)
        self._linked: Between[T] = Between(UNSTORED * batch)
        self._cost = FIRST_COST_S
        self._epoch = self._under_way = 0
        self._settling = False
        self._settled, self._insert_now = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def under_way(self) -> int:
        """Records that are read and not yet acknowledged."""
        return self._under_way

    @property
    def full(self) -> bool:
        """Whether ``room`` has to be awaited before ``put``."""
        return len(self._taken) >= 2 * self._batch

    async def room(self) -> None:
        """Until there is room for a record."""
        while self.full:
            self._room.clear()
            await self._room.wait()

    def put(self, record: T) -> None:
        """Take one record."""
        if not self._taken:
            self._first_at = time.monotonic()
        self._taken.append(record)
        self._arrived.set()

    def forget(self) -> None:
        """Drop what is not being scored yet. ``read`` must make no rows of what comes after it, until it is given
        again from where the table ends."""
        self._epoch += 1
        self._taken.clear()
        self._room.set()

    async def settle(self) -> None:
        """Until nothing is under way any more, or nothing moves any more because a step failed."""
        self._settling = True
        self._insert_now.set()
        try:
            while self._under_way and not any(task.done() for task in self._tasks):
                self._settled.clear()
                await self._settled.wait()
        finally:
            self._settling = False

    async def run(self) -> None:
        """Until cancelled; raises what a step raises, and then nothing that was not stored is acknowledged."""
        steps: list[Coroutine[Any, Any, None]] = [self._reading(), self._scoring(), self._linking(), self._storing()]
        self._tasks = [asyncio.create_task(step) for step in steps]
        try:
            done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in self._tasks:
                task.cancel()
            self._settled.set()

    async def _reading(self) -> None:
        while True:
            while not self._taken:
                self._arrived.clear()
                await self._arrived.wait()
            wait = self._first_at + self._batch_seconds - time.monotonic()
            if wait > 0 and len(self._taken) < self._batch:
                await asyncio.sleep(wait)
            count = min(len(self._taken), self._batch, max(8, int(READ_S / self._cost)))
            taken, epoch = [self._taken.popleft() for _ in range(count)], self._epoch
            if not taken:  # forgotten meanwhile
                continue
            self._room.set()
            self._under_way += count
            rows = await self._steps.read(taken)
            await self._read.put(Piece(taken, rows, epoch))

    async def _scoring(self) -> None:
        while True:
            waiting = len(self._taken) + len(self._read)
            most = min(max(waiting / 2, SHORT_S / self._cost), LONG_S / self._cost, self._batch)
            piece = await self._merged(self._read, most)
            if piece.rows:
                started = time.monotonic()
                await self._steps.score(piece.rows)
                cost = (time.monotonic() - started) / len(piece.rows)
                self._cost += 0.3 * (max(cost, 1e-6) - self._cost)
            await self._scored.put(piece)

    async def _linking(self) -> None:
        while True:
            piece = await self._merged(self._scored, self._batch)
            if piece.rows:
                await self._steps.link(piece.rows)
                await self._steps.publish(piece.rows)
            await self._linked.put(piece)
            if len(self._linked) >= self._linked.most:
                self._insert_now.set()

    async def _storing(self) -> None:
        started = took = 0.0
        while True:
            await self._linked.wait()
            behind = (len(self._taken) + len(self._read)) * self._cost > LONG_S
            every = INSERT_EVERY_BEHIND_S if behind else max(INSERT_EVERY_S, took / INSERT_SHARE)
            pause = started + min(every, INSERT_EVERY_BEHIND_S) - time.monotonic()
            if pause > 0 and not self._settling:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._insert_now.wait(), pause)
            self._insert_now.clear()
            started = time.monotonic()
            piece = await self._merged(self._linked, self._linked.most)
            if piece.rows:
                await self._steps.store(piece.rows)
                took = time.monotonic() - started
            await self._steps.done(piece.taken, piece.rows)
            self._under_way -= len(piece.taken)
            if not self._under_way:
                self._settled.set()

    async def _merged(self, waiting: Between[T], most: float) -> Piece[T]:
        """What waits, as one piece. What was forgotten while it was read is left out; once it is being scored, it
        goes all the way."""
        found = await waiting.get(most)
        if waiting is self._read:
            for piece in found:
                if piece.epoch != self._epoch:
                    piece.rows = []
        return Piece([t for piece in found for t in piece.taken], [r for piece in found for r in piece.rows], 0)
