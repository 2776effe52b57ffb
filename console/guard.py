"""What holds for every request and answer: sign-in, tokens, rate limits, host names, security headers, errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlsplit

from clickhouse_driver.errors import ServerException
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from console.access import Access
from errors import FinsentError
from settings import ConsoleSettings

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
MOST_FAULTS = 5
"""At most so many faults of a request are told."""

WITHOUT_SIGN_IN = ("/static/", "/sign-in", "/api/sign-in", "/healthz", "/favicon.ico")
"""Paths that are answered before signing in."""

NOT_COUNTED = ("/static/", "/sign-in", "/api/sign-in")
"""Paths without the limit of an address: one who floods must not keep others behind the same proxy from signing in.
What is dear there waits in a ``Lane``."""


def add_guard(app: FastAPI, access: Access, settings: ConsoleSettings) -> None:
    """Add the checks. Of the middlewares, the one that is added last sees a request first."""

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await _checked(request, access, call_next)
        response.headers.update(HEADERS)
        if settings.secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        if not request.url.path.startswith("/static/"):
            response.headers["Cache-Control"] = "no-store"
        return response

    app.add_middleware(
        SessionMiddleware,
        secret_key=access.secret,
        session_cookie="finsent",
        max_age=access.seconds,
        same_site="strict",
        https_only=settings.secure,
    )
    names = [name.strip() for name in settings.names.split(",") if name.strip()]
    if settings.public_url:
        names.append(urlsplit(settings.public_url).hostname or "")
    here = ["127.0.0.1", "localhost", "[::1]"] if settings.loopback else [settings.host]
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*here, *names])


async def _checked(request: Request, access: Access, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """The answer, or a refusal."""
    path = request.url.path
    try:
        if not path.startswith(NOT_COUNTED):
            access.count(request)
    except HTTPException as error:
        return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
    # Another site's page can send forms here, but it can neither read the token nor set this header.
    if request.method not in ("GET", "HEAD") and not access.is_page(request):
        return JSONResponse({"detail": "reload the page: its token is not this console's"}, 403)
    if path.startswith(WITHOUT_SIGN_IN) or access.user(request):
        return await call_next(request)
    if path.startswith("/api/"):
        return JSONResponse({"detail": "sign in first"}, 401)
    return RedirectResponse(f"/sign-in?next={quote(path)}", 303)


def add_error_answers(app: FastAPI) -> None:
    """What is wrong with a request, or which of the services behind the console failed, in words."""

    @app.exception_handler(RequestValidationError)
    async def wrong(_: Request, error: RequestValidationError) -> Response:
        # Without the input: it may be what JSON cannot carry, such as half a character or a number that is none.
        told = [
            f"{'.'.join(map(str, one['loc'][1:])) or 'the body'}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors()[:MOST_FAULTS]
        ]
        return JSONResponse({"detail": "; ".join(told)}, 422)

    @app.exception_handler(FinsentError)
    async def unavailable(_: Request, error: FinsentError) -> Response:
        return JSONResponse({"detail": str(error)}, 503)

    @app.exception_handler(ServerException)
    async def refused(_: Request, error: ServerException) -> Response:
        return JSONResponse({"detail": f"ClickHouse: {str(error).split('Stack trace')[0].strip()}"}, 502)
