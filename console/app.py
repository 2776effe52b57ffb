"""The web server: puts the parts of the console together, and serves them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from clickhouse_driver.errors import ServerException
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles

from console import api, events, sign_in
from console.access import Access
from console.answers import ALWAYS, Alive
from console.context import Backlog, Context, SendLabel, as_json
from console.guard import add_error_answers, add_guard
from console.pages import add_pages
from console.pool import Pool
from settings import ConsoleSettings
from storage import StorageUnavailable
from storage.reads import signed_out_since

if TYPE_CHECKING:
    import uvicorn

    from console.connections import Limits

HERE = Path(__file__).parent

SIGN_OUTS_S = 2.0
"""Seconds between two looks at who signed out at another console."""


def create_app(
    pool: Pool | None = None,
    settings: ConsoleSettings | None = None,
    backlog: Backlog | None = None,
    send_label: SendLabel | None = None,
) -> FastAPI:
    """The console over the ClickHouse that the environment names.

    Raises ``BadUsers`` and ``OSError`` if the file of users cannot be read.
    """
    settings = settings or ConsoleSettings()
    context = Context(pool or Pool(), Access(settings), backlog, send_label)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        """Before the first request it is known who has signed out, so that no session of theirs comes back."""
        if not context.access.signs_in:
            yield
        else:
            await run_in_threadpool(_learn_sign_outs, context)
            keeping = asyncio.create_task(_keep_learning(context))
            yield
            keeping.cancel()
        context.explainer.close()

    app = FastAPI(
        title="finsent console",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
    )
    add_guard(app, context.access, settings)
    add_error_answers(app)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    for part in (api, sign_in):
        app.include_router(part.routes(context))
    app.include_router(events.routes(context, settings))

    @app.get("/healthz", response_model=Alive, responses=ALWAYS)
    def healthz() -> Response:
        """200 if ClickHouse answers, else 503."""
        context.pool.rows("SELECT 1")
        return as_json({"ok": True})

    add_pages(app, context)
    return app


def _learn_sign_outs(context: Context) -> None:
    """From the log of people's actions, as far back as a session lasts. Nothing is read while ClickHouse is away."""
    since = datetime.now(UTC) - timedelta(seconds=context.access.seconds)
    with suppress(StorageUnavailable, ServerException):
        context.access.learn(context.pool.read(lambda client: signed_out_since(client, since)))


async def _keep_learning(context: Context) -> None:
    while True:
        await asyncio.sleep(SIGN_OUTS_S)
        await run_in_threadpool(_learn_sign_outs, context)


def serve(
    settings: ConsoleSettings,
    backlog: Backlog | None = None,
    send_label: SendLabel | None = None,
    ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve until SIGINT or SIGTERM. Port 0 is any free one; ``ready`` is called with the address."""
    import uvicorn

    app = create_app(settings=settings, backlog=backlog, send_label=send_label)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen()  # so that the address can be opened as soon as it is known
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        scheme = "https" if settings.tls_certificate else "http"
        ready(f"{scheme}://{host}:{listening.getsockname()[1]}/")
        with suppress(KeyboardInterrupt):  # raised again by uvicorn when it has ended
            uvicorn.Server(server_config(app, settings)).run([listening])


def server_config(app: FastAPI, settings: ConsoleSettings, limits: Limits | None = None) -> uvicorn.Config:
    """How uvicorn serves ``app``."""
    import uvicorn

    from console.connections import Limits, limited

    limits = limits or Limits()
    return uvicorn.Config(
        app,
        http=limited(limits),
        ws="none",  # no page uses it, and it would go around the limits
        loop="console.connections:Loop",
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=3,
        limit_concurrency=settings.pages + limits.connections,
        proxy_headers=settings.behind_tls or bool(settings.proxies),
        forwarded_allow_ips=settings.proxies or None,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
