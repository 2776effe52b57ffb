"""The web server: pages, sign-in, live events, and the rules that hold for every answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from clickhouse_driver.errors import ServerException
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from console.access import Access, address
from console.data import Backlog, as_json, routes, state
from console.labels import LabelNotSent
from console.people import User
from console.pool import Pool
from settings import ConsoleSettings
from storage import StorageUnavailable
from storage.writes import record_action

HERE = Path(__file__).parent
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
POLL_S = 2.0
PAGES = {"": "Market", "alerts": "Alerts", "label": "Label", "search": "Search", "health": "Health"}
OPEN = ("/static/", "/sign-in", "/api/sign-in", "/healthz", "/favicon.ico")
"""What may be asked for before signing in."""


class Credentials(BaseModel):
    """A name and its password."""

    name: str = Field(max_length=200)
    password: str = Field(max_length=1000)


def create_app(
    pool: Pool | None = None, settings: ConsoleSettings | None = None, backlog: Backlog | None = None
) -> FastAPI:
    """The console over the ClickHouse and Kafka that the environment names.

    Raises ``BadUsers`` and ``OSError`` for a file of users that is none.
    """
    pool, settings = pool or Pool(), settings or ConsoleSettings()
    access = Access(settings)
    anybody, auditor = Depends(access.allow()), Depends(access.allow("auditor"))
    templates = Jinja2Templates(HERE / "templates")
    app = FastAPI(title="finsent console", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        path = request.url.path
        try:
            if not path.startswith("/static/"):
                access.count(request)
        except HTTPException as error:
            response: Response = JSONResponse({"detail": error.detail}, error.status_code, error.headers)
        else:
            # A page of another site can send forms here, but neither read the token nor set this header.
            if request.method not in ("GET", "HEAD") and not access.is_page(request):
                response = JSONResponse({"detail": "reload the page: its token is not this console's"}, 403)
            elif path.startswith(OPEN) or access.user(request):
                response = await call_next(request)
            elif path.startswith("/api/"):
                response = JSONResponse({"detail": "sign in first"}, 401)
            else:
                response = RedirectResponse(f"/sign-in?next={quote(path)}", 303)
        response.headers.update(HEADERS)
        if settings.secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        if not path.startswith("/static/"):
            response.headers["Cache-Control"] = "no-store"
        return response

    # The last one added is the first one asked.
    app.add_middleware(
        SessionMiddleware,
        secret_key=access.secret,
        session_cookie="finsent",
        max_age=access.seconds,
        same_site="strict",
        https_only=settings.secure,
    )
    names = [name.strip() for name in settings.names.split(",") if name.strip()]
    here = ["127.0.0.1", "localhost", "[::1]"] if settings.loopback else [settings.host]
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*here, *names])
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")

    @app.exception_handler(StorageUnavailable)
    async def away(_: Request, error: StorageUnavailable) -> Response:
        return JSONResponse({"detail": str(error)}, 503)

    @app.exception_handler(ServerException)
    async def refused(_: Request, error: ServerException) -> Response:
        return JSONResponse({"detail": f"ClickHouse: {str(error).split('Stack trace')[0].strip()}"}, 502)

    @app.exception_handler(LabelNotSent)
    async def unsent(_: Request, error: LabelNotSent) -> Response:
        return JSONResponse({"detail": str(error)}, 503)

    app.include_router(routes(pool, access, backlog))

    def note(request: Request, name: str, action: str) -> None:
        with suppress(StorageUnavailable, ServerException):  # who signs in must also see that ClickHouse is away
            pool.read(lambda client: record_action(client, name, action, via="console", address=address(request)))

    @app.post("/api/sign-in")
    def sign_in(body: Credentials, request: Request) -> Response:
        """Begin a session."""
        if access.people is None:
            raise HTTPException(404, "nobody signs in here")
        user = access.sign_in(request, body.name, body.password)
        note(request, body.name, "signed in" if user else "sign-in refused")
        if user is None:
            raise HTTPException(401, "the name or the password is wrong")
        return as_json({"name": user.name, "roles": user.roles})

    @app.post("/api/sign-out")
    def sign_out(request: Request, user: User = anybody) -> Response:
        """End the session."""
        request.session.clear()
        note(request, user.name, "signed out")
        return as_json({})

    @app.get("/api/events")
    async def events(request: Request) -> EventSourceResponse:
        """Server-sent events: the state, every two seconds."""

        async def told() -> AsyncIterator[dict[str, str]]:
            while not await request.is_disconnected():
                if access.user(request) is None:
                    return
                try:
                    found = await run_in_threadpool(state, pool)
                    yield {"event": "state", "data": msgspec.json.encode(found, enc_hook=str).decode()}
                except Exception as error:  # the page shall say so, and the stream go on
                    yield {"event": "away", "data": type(error).__name__}
                await asyncio.sleep(POLL_S)

        return EventSourceResponse(told())

    @app.get("/healthz")
    def healthz() -> Response:
        """200 if ClickHouse answers, else 503."""
        pool.rows("SELECT 1")
        return as_json({"ok": True})

    def page(request: Request, template: str, title: str, **more: Any) -> Response:
        user = access.user(request)
        shown = PAGES | ({"audit": "Audit"} if user and user.may("auditor") else {})
        context = {"title": title, "pages": shown if user else {}, "token": access.token(request), "user": user,
                   "signs_in": access.people is not None, **more}  # fmt: skip
        return templates.TemplateResponse(request, f"{template}.html", context)

    @app.get("/sign-in", include_in_schema=False)
    def show_sign_in(request: Request) -> Response:
        return page(request, "page", "Sign in", name="signin") if access.people else RedirectResponse("/")

    @app.get("/", include_in_schema=False)
    def show_market(request: Request) -> Response:
        return page(request, "page", "Market", name="market")

    @app.get("/entity/{entity}", include_in_schema=False)
    def show_entity(request: Request, entity: str) -> Response:
        return page(request, "page", entity, name="entity", entity=entity)

    @app.get("/alerts/{identity}", include_in_schema=False)
    def show_alert(request: Request, identity: str) -> Response:
        return page(request, "page", "Alert", name="alerts", entity=identity)

    @app.get("/api", include_in_schema=False)
    def show_api(request: Request) -> Response:
        described = [
            (", ".join(method.upper() for method in methods), path, next(iter(methods.values())).get("description", ""))
            for path, methods in app.openapi()["paths"].items()
        ]
        return page(request, "api", "API", routes=described)

    @app.get("/favicon.ico", include_in_schema=False)
    def icon() -> Response:
        return RedirectResponse("/static/icon.svg")

    @app.get("/audit", include_in_schema=False)
    def show_audit(request: Request, user: User = auditor) -> Response:
        return page(request, "page", "Audit", name="audit")

    @app.get("/{name}", include_in_schema=False)
    def show(request: Request, name: str) -> Response:
        if name not in PAGES or not name:
            raise HTTPException(404)
        return page(request, "page", PAGES[name], name=name)

    return app


def serve(
    settings: ConsoleSettings, backlog: Backlog | None = None, ready: Callable[[str], None] = lambda url: None
) -> None:
    """Serve until SIGINT or SIGTERM; port 0 is any free one. ``ready`` is told the address."""
    import uvicorn

    app = create_app(settings=settings, backlog=backlog)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen()  # so that the address can be opened once it is told
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        scheme = "https" if settings.tls_certificate else "http"
        ready(f"{scheme}://{host}:{listening.getsockname()[1]}/")
        config = uvicorn.Config(
            app,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=3,
            proxy_headers=settings.behind_tls,
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
        )
        with suppress(KeyboardInterrupt):  # raised again by uvicorn when it has ended
            uvicorn.Server(config).run([listening])
