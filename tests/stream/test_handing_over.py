"""A record is handed to an agent at once where it has room, and otherwise as Faust does it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from stream.kafka.handing_over import HandingOver

Scene = Callable[[HandingOver, asyncio.Event, asyncio.Event], Coroutine[Any, Any, None]]


def playing(scene: Scene) -> None:
    async def whole() -> None:
        async with asyncio.timeout(5):
            await scene(HandingOver(), asyncio.Event(), asyncio.Event())

    asyncio.run(whole())


def test_where_there_is_room_no_task_is_made():
    async def scene(consumer: HandingOver, room: asyncio.Event, suspended: asyncio.Event) -> None:
        room.set()
        made: list[asyncio.Task[Any]] = []

        def noting(loop: asyncio.AbstractEventLoop, coroutine: Any, **named: Any) -> asyncio.Task[Any]:
            made.append(asyncio.Task(coroutine, loop=loop, **named))
            return made[-1]

        asyncio.get_running_loop().set_task_factory(noting)
        waited = await consumer.wait_first(room.wait(), suspended.wait())
        assert waited.results == [True] and not waited.stopped and not made
        room.clear()
        handing = asyncio.create_task(consumer.wait_first(room.wait(), suspended.wait()))
        await asyncio.sleep(0)
        room.set()
        await handing
        assert len(made) > 1

    playing(scene)


@pytest.mark.parametrize("waits", [1, 3])
def test_where_there_is_none_it_waits_until_there_is(waits: int):
    async def scene(consumer: HandingOver, room: asyncio.Event, suspended: asyncio.Event) -> None:
        async def hand_over() -> str:
            for _ in range(waits):
                await room.wait()
                await asyncio.sleep(0)
            return "handed over"

        handing = asyncio.create_task(consumer.wait_first(hand_over(), suspended.wait()))
        await asyncio.sleep(0)
        assert not handing.done()
        room.set()
        assert (await handing).results == ["handed over"]

    playing(scene)


def test_a_suspension_or_a_stop_ends_the_wait_and_the_record_is_not_handed_over():
    async def scene(consumer: HandingOver, room: asyncio.Event, suspended: asyncio.Event) -> None:
        given_up = 0

        async def hand_over() -> None:
            nonlocal given_up
            try:
                await room.wait()
            except asyncio.CancelledError:
                given_up += 1
                raise

        for number, end in enumerate((suspended.set, consumer._stopped.set), start=1):
            handing = asyncio.create_task(consumer.wait_first(hand_over(), suspended.wait()))
            await asyncio.sleep(0)
            assert not handing.done()
            end()
            assert (await handing).stopped is (number == 2)
            while given_up < number:
                await asyncio.sleep(0)
            suspended.clear()

    playing(scene)


@pytest.mark.parametrize("first_waits", [False, True])
def test_an_error_is_raised(first_waits: bool):
    async def scene(consumer: HandingOver, room: asyncio.Event, suspended: asyncio.Event) -> None:
        async def hand_over() -> None:
            if first_waits:
                await asyncio.sleep(0)
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await consumer.wait_first(hand_over(), suspended.wait())

    playing(scene)


def test_what_else_faust_waits_for_is_left_to_it():
    async def scene(consumer: HandingOver, room: asyncio.Event, resumed: asyncio.Event) -> None:
        waiting = asyncio.create_task(consumer.wait(resumed))  # an event, as when no partition may be read
        await asyncio.sleep(0)
        resumed.set()
        assert (await waiting).stopped is False
        room.set()
        assert (await consumer.wait(room.wait())).result is True

    playing(scene)
