"""Live updates: the pages keep one request open, and get the state every two seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
from fastapi import APIRouter, Request
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from console.context import Context

POLL_S = 2.0


def routes(context: Context) -> APIRouter:
    """``/api/events``."""
    api = APIRouter(prefix="/api")

    @api.get("/events")
    async def events(request: Request) -> EventSourceResponse:
        """Server-sent events: the state, every two seconds."""

        async def states() -> AsyncIterator[dict[str, str]]:
            while not await request.is_disconnected():
                if context.access.user(request) is None:
                    return
                try:
                    state = await run_in_threadpool(context.state)
                    yield {"event": "state", "data": msgspec.json.encode(state, enc_hook=str).decode()}
                except Exception as error:  # the page shows it, and the stream goes on
                    yield {"event": "away", "data": type(error).__name__}
                await asyncio.sleep(POLL_S)

        return EventSourceResponse(states())

    return api
