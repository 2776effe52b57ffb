"""The steps a worker's records go through: in order, each once, bounded, whatever is slow and whatever fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from documents import Document, Position, Row
from stream.flow import INSERT_SHARE, UNSTORED, Flow, Steps

BATCH = 8


class Bench:
    """Steps over numbers that note what they are given, and that can be held or made to fail."""

    def __init__(self) -> None:
        self.held = {name: asyncio.Event() for name in ("read", "score", "store")}
        for gate in self.held.values():
            gate.set()
        self.calls: dict[str, list[list[int]]] = {name: [] for name in ("read", "score", "link", "publish", "store")}
        self.acknowledged: list[int] = []
        self.failing: dict[str, Exception] = {}
        self.flow: Flow[int] = Flow(
            Steps(self.read, *map(self.step, list(self.calls)[1:]), self.acknowledge), BATCH, 0.001
        )

    async def read(self, taken: Sequence[int]) -> list[Row]:
        await self.note("read", list(taken))
        return [Document(Position("news", "id", 0, n)) for n in taken if n >= 0]

    def step(self, name: str) -> Callable[[Sequence[Row]], Coroutine[Any, Any, None]]:
        async def run(rows: Sequence[Row]) -> None:
            await self.note(name, [row.position.offset for row in rows])

        return run

    async def note(self, name: str, numbers: list[int]) -> None:
        self.calls[name].append(numbers)
        if name in self.failing:
            raise self.failing[name]
        if name in self.held:
            await self.held[name].wait()

    async def acknowledge(self, taken: Sequence[int], rows: Sequence[Row]) -> None:
        stored = {n for batch in self.calls["store"] for n in batch}
        assert {row.position.offset for row in rows} <= stored
        self.acknowledged += taken

    async def give(self, numbers: range, partition: str = "") -> None:
        for n in numbers:
            await self.flow.room(partition)
            self.flow.put(n, partition)

    def seen(self, name: str) -> list[int]:
        return [n for batch in self.calls[name] for n in batch]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


def flowing(scene: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        bench = Bench()
        running = asyncio.create_task(bench.flow.run())
        try:
            await scene(bench)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(whole())


def test_every_step_sees_every_record_once_and_in_order():
    async def scene(bench: Bench) -> None:
        await bench.give(range(100))
        await until(lambda: len(bench.acknowledged) == 100)
        assert bench.acknowledged == list(range(100))
        for name in bench.calls:
            assert bench.seen(name) == list(range(100))
        assert max(map(len, bench.calls["score"])) <= BATCH
        assert bench.flow.under_way == 0

    flowing(scene)


def test_records_that_make_no_rows_are_acknowledged():
    async def scene(bench: Bench) -> None:
        await bench.give(range(-5, 0))
        await until(lambda: len(bench.acknowledged) == 5)
        assert not bench.seen("store")

    flowing(scene)


def test_what_comes_while_an_insert_is_slow_is_stored_in_one_insert():
    async def scene(bench: Bench) -> None:
        bench.held["store"].clear()
        await bench.give(range(1))
        await until(lambda: bench.calls["store"] == [[0]])
        await bench.give(range(1, 21))
        await until(lambda: len(bench.seen("publish")) == 21)
        bench.held["store"].set()
        await until(lambda: len(bench.acknowledged) == 21)
        assert bench.calls["store"] == [[0], list(range(1, 21))]

    flowing(scene)


def test_with_the_store_away_the_records_stay_where_they_are():
    async def scene(bench: Bench) -> None:
        bench.held["store"].clear()
        giving = asyncio.create_task(bench.give(range(3_000)))
        await until(lambda: bench.flow.full(""))
        before = -1
        while before != (before := len(bench.seen("read"))):  # until nothing moves any more
            await asyncio.sleep(0.1)
        assert not giving.done()
        # Each of the four places between steps holds its bound and one batch more, and each step one.
        assert before <= (UNSTORED + 3 + 8) * BATCH
        bench.held["store"].set()
        await until(lambda: len(bench.acknowledged) == 3_000)
        assert bench.acknowledged == list(range(3_000))

    flowing(scene)


def test_a_partition_with_many_records_keeps_no_other_waiting():
    async def scene(bench: Bench) -> None:
        bench.held["read"].clear()
        flow, many, few = bench.flow, range(100, 200), range(3)
        giving = asyncio.create_task(bench.give(many, "many"))
        await until(lambda: flow.full("many"))
        assert not flow.full("few")
        await bench.give(few, "few")
        bench.held["read"].set()
        await until(lambda: len(bench.acknowledged) == len(many) + len(few))
        assert giving.done()
        assert [n for n in bench.acknowledged if n in many] == list(many)
        at = [bench.acknowledged.index(n) for n in few]
        assert at == sorted(at) and at[-1] < BATCH + 2 * len(few)

    flowing(scene)


def test_what_is_forgotten_is_not_stored_and_what_is_being_scored_is():
    async def scene(bench: Bench) -> None:
        bench.held["score"].clear()
        giving = asyncio.create_task(bench.give(range(200)))
        await until(lambda: bool(bench.calls["score"]) and bench.flow.full(""))
        giving.cancel()
        scoring = bench.calls["score"][0]
        bench.flow.forget()
        bench.held["score"].set()
        await bench.flow.settle()
        assert bench.seen("store") == scoring and bench.flow.under_way == 0
        await bench.give(range(len(scoring), 200))
        await until(lambda: len(bench.seen("store")) == 200)
        assert bench.seen("store") == list(range(200))

    flowing(scene)


@pytest.mark.parametrize("name", ["read", "score", "link", "publish", "store"])
def test_a_step_that_fails_ends_everything_and_nothing_after_it_is_acknowledged(name: str):
    async def scene() -> None:
        bench = Bench()
        running = asyncio.create_task(bench.flow.run())
        await bench.give(range(10))
        await until(lambda: len(bench.acknowledged) == 10)
        bench.failing[name] = RuntimeError(name)
        await bench.give(range(10, 15))
        with pytest.raises(RuntimeError, match=name):
            await running
        await asyncio.wait_for(bench.flow.settle(), 5)
        assert bench.acknowledged == list(range(10))

    asyncio.run(scene())


def test_a_slow_database_is_asked_less_often():
    async def scene(bench: Bench) -> None:
        loop, took = asyncio.get_running_loop(), 0.1
        bench.held["store"].clear()
        await bench.give(range(1))
        await until(lambda: len(bench.calls["store"]) == 1)
        started = loop.time()
        await asyncio.sleep(took)
        bench.held["store"].set()
        await bench.give(range(1, 3))
        await until(lambda: len(bench.calls["store"]) == 2)
        assert loop.time() - started >= 0.9 * took / INSERT_SHARE

    flowing(scene)


def test_one_slow_insert_does_not_put_off_the_next():
    async def scene(bench: Bench) -> None:
        loop, slow = asyncio.get_running_loop(), 0.19
        await bench.give(range(1))
        await until(lambda: bench.acknowledged == [0])
        bench.held["store"].clear()
        await bench.give(range(1, 2))
        await until(lambda: len(bench.calls["store"]) == 2)
        started = loop.time()
        await asyncio.sleep(slow)
        bench.held["store"].set()
        await bench.give(range(2, 3))
        await until(lambda: len(bench.calls["store"]) == 3)
        assert loop.time() - started < 0.9 * slow / INSERT_SHARE

    flowing(scene)
