"""Live updates: the pages keep one request open, and get the state every two seconds.

However many pages are open, the state is asked for once, and all of them are sent the same.

A client that reads nothing cannot be told from one that does: its system takes the short events of a quarter of an
hour. So each request ends within ``OPEN_S``, and who still reads sends the next one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Request
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from console.answers import ALWAYS, EVENTS
from console.context import Context
from settings import ConsoleSettings

POLL_S = 2.0

OPEN_S = 60.0
"""The longest that a request for events stays open."""

AGAIN = {"event": "again", "data": "", "retry": 1000}
"""The last event: the page is to ask anew. Other clients of such events do so by themselves, after the milliseconds."""


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


def routes(context: Context, settings: ConsoleSettings) -> APIRouter:
    """``/api/events``, for so many pages at once as the settings say, in all and of each person."""
    api, live, access = APIRouter(prefix="/api", responses=ALWAYS), Live(context.state), context.access
    open_pages: dict[object, str] = {}
    """Who looks at each."""

    async def place(request: Request) -> AsyncIterator[object]:
        """Taken before the answer begins, so that many who come at once find no more places than there are."""
        user = access.user(request)
        name = user.name if user else ""
        # Without sign-in all who come are the owner, and the places are theirs.
        if access.signs_in and list(open_pages.values()).count(name) >= settings.pages_of_person:
            told = f"{name} has {settings.pages_of_person} pages open (CONSOLE_PAGES_OF_PERSON)"
            raise HTTPException(429, told, {"Retry-After": "30"})
        if len(open_pages) >= settings.pages:
            raise HTTPException(503, f"{settings.pages} pages are open (CONSOLE_PAGES)", {"Retry-After": "30"})
        page = object()
        open_pages[page] = name
        try:
            yield page
        finally:
            open_pages.pop(page, None)

    held = Depends(place)

    @api.get("/events", response_class=EventSourceResponse, responses=EVENTS)
    async def events(request: Request, page: object = held) -> EventSourceResponse:
        """Server-sent events: the state, every two seconds. They end within a minute with `again`: ask anew."""

        async def states() -> AsyncIterator[dict[str, Any]]:
            loop = asyncio.get_running_loop()
            # Not all at the same moment, if they came at the same one.
            until = loop.time() + random.uniform(OPEN_S / 2, OPEN_S)
            event = await live.first()
            while not await request.is_disconnected() and access.user(request) is not None:
                yield event
                if loop.time() > until:
                    del open_pages[page]  # first, so that the page finds its place free
                    yield AGAIN
                    return
                event = await live.next()

        return EventSourceResponse(states())

    return api
