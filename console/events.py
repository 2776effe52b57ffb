"""Live updates: the pages keep one request open, and get the state every two seconds.

However many pages are open, the state is asked for once, and all of them are sent the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
from fastapi import APIRouter, HTTPException, Request
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from console.answers import ALWAYS, EVENTS
from console.context import Context

POLL_S = 2.0


class Live:
    """The state as an event, every ``POLL_S`` seconds for as long as somebody awaits it. Of one event loop."""

    def __init__(self, state: Callable[[], dict[str, Any]]) -> None:
        self._state = state
        self._turn: asyncio.Task[dict[str, str]] | None = None
        self._latest: dict[str, str] | None = None
        self._at = float("-inf")

    async def first(self) -> dict[str, str]:
        """The latest event if it is new, else the next one: a page that opens does not wait."""
        if self._latest is not None and asyncio.get_running_loop().time() - self._at < POLL_S:
            return self._latest
        return await self.next()

    async def next(self) -> dict[str, str]:
        """The next event: the same one for all who await it."""
        if self._turn is None or self._turn.done():
            self._turn = asyncio.create_task(self._ask())
        return await asyncio.shield(self._turn)  # a page that closes must not end it for the others

    async def _ask(self) -> dict[str, str]:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._at + POLL_S - loop.time()))
        try:
            state = await run_in_threadpool(self._state)
            event = {"event": "state", "data": msgspec.json.encode(state, enc_hook=str).decode()}
        except Exception as error:  # the page shows it, and the stream goes on
            event = {"event": "away", "data": type(error).__name__}
        self._latest, self._at = event, loop.time()
        return event


def routes(context: Context, most_pages: int) -> APIRouter:
    """``/api/events``, for ``most_pages`` at once."""
    api, live = APIRouter(prefix="/api", responses=ALWAYS), Live(context.state)
    open_pages: set[object] = set()

    @api.get("/events", response_class=EventSourceResponse, responses=EVENTS)
    async def events(request: Request) -> EventSourceResponse:
        """Server-sent events: the state, every two seconds."""
        if len(open_pages) >= most_pages:
            raise HTTPException(503, f"{most_pages} pages are open (CONSOLE_PAGES)", {"Retry-After": "30"})

        async def states() -> AsyncIterator[dict[str, str]]:
            page = object()
            open_pages.add(page)
            try:
                event = await live.first()
                while not await request.is_disconnected() and context.access.user(request) is not None:
                    yield event
                    event = await live.next()
            finally:
                open_pages.discard(page)

        return EventSourceResponse(states())

    return api
