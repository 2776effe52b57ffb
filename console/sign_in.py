"""Signing in and out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from clickhouse_driver.errors import ServerException
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from console.access import address
from console.answers import ALWAYS, FORBIDDEN, UNKNOWN, Done, SignedIn
from console.context import Context, as_json
from console.people import User
from storage import StorageUnavailable
from storage.reads import SignInAttempt, sign_in_attempts
from storage.writes import record_action


class Credentials(BaseModel):
    """A name and its password."""

    name: str = Field(max_length=200)
    password: str = Field(max_length=1000)


def record(context: Context, request: Request, name: str, action: str, detail: str = "") -> None:
    """Add to the log that ``name`` signed in or out. Without ClickHouse, people can still sign in to see why."""
    with suppress(StorageUnavailable, ServerException):
        context.pool.write(
            lambda client: record_action(client, name, action, detail=detail, via="console", address=address(request))
        )


def routes(context: Context) -> APIRouter:
    """``/api/sign-in`` and ``/api/sign-out``; both are recorded in the log of people's actions."""
    api, access = APIRouter(prefix="/api", responses=ALWAYS | FORBIDDEN), context.access
    anybody = Depends(access.allow())

    def attempts(name: str, since: datetime) -> Sequence[SignInAttempt]:
        """At all consoles. None are known while ClickHouse is away: people can still sign in to see why."""
        try:
            return context.pool.read(lambda client: sign_in_attempts(client, name, since))
        except (StorageUnavailable, ServerException):
            return ()

    @api.post("/sign-in", response_model=SignedIn, responses=UNKNOWN)
    def sign_in(body: Credentials, request: Request) -> Response:
        """Begin a session."""
        if access.people is None:
            raise HTTPException(404, "nobody signs in here with a password")
        browser = access.known_browser(request, body.name)
        user = access.sign_in(request, body.name, body.password, attempts)
        record(context, request, body.name, "signed in" if user else "sign-in refused", browser)
        if user is None:
            raise HTTPException(401, "the name or the password is wrong")
        answer = as_json({"name": user.name, "roles": user.roles})
        access.remember(answer, user)
        return answer

    @api.post("/sign-out", response_model=Done)
    def sign_out(request: Request, user: User = anybody) -> Response:
        """End all sessions of the user."""
        access.sign_out(request, user)
        record(context, request, user.name, "signed out")
        return as_json({})

    return api
