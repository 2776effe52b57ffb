"""Alerts: the list, who looks after one, and silences."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from console.answers import FORBIDDEN, UNKNOWN, Acknowledged, Alerts, Silenced
from console.api.as_of import AsOf
from console.api.charts import PAGE_SIZE, Company, Page
from console.context import Context, as_json, encoded
from console.people import User
from documents import AlertKind
from errors import many
from storage.reads import alerts_now, holdings_by_company, silences_at
from storage.writes import acknowledge, add_silence

OF_THE_INCIDENT = """
SELECT DISTINCT id FROM alerts
WHERE id = %(id)s OR incident IN (SELECT incident FROM alerts WHERE id = %(id)s)
LIMIT 500
"""
"""The ids of an alert and of the other parts of its incident."""


class Note(BaseModel):
    """An acknowledgement, or with ``undo`` its end; ``note`` says why, or what was found."""

    note: str = Field(default="", max_length=500)
    undo: bool = False


class Silence(BaseModel):
    """Receivers are sent nothing for ``minutes``. An empty ``entity`` or ``kind`` stands for any."""

    entity: str = Field(default="", max_length=40)
    kind: AlertKind | Literal[""] = ""
    minutes: int = Field(ge=1, le=7 * 24 * 60)
    note: str = Field(default="", max_length=500)


def add_routes(api: APIRouter, context: Context) -> None:
    """The list of alerts; acknowledging and silencing, for risk readers."""
    pool, reader = context.pool, Depends(context.access.allow("risk_reader"))

    @api.get("/alerts", response_model=Alerts)
    def get_alerts(
        as_of: AsOf,
        entity: Company = "",
        identity: Annotated[str, Query(alias="id", max_length=500)] = "",
        page: Page = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = PAGE_SIZE,
    ) -> Response:
        """Alerts with their evidence and with what the desks hold of the company, newest first, and the silences in
        force. With ``id``: that alert, and after it the other parts of its incident. All as of the moment."""

        def ask() -> bytes:
            names = dict(pool.rows("SELECT ticker, name FROM entities FINAL")[1])
            if identity:
                ids = [one for (one,) in pool.rows(OF_THE_INCIDENT, {"id": identity})[1]]
                rows = pool.read(lambda client: alerts_now(client, entity, ids=ids, moment=as_of))
                rows.sort(key=lambda row: row["id"] != identity)
            else:
                rows = pool.read(
                    lambda client: alerts_now(client, entity, None, limit, offset=page * limit, moment=as_of)
                )
            held = pool.read(lambda client: holdings_by_company(client, as_of))
            for row in rows:
                row["name"] = names.get(row["entity"], row["entity"])
                row["exposure"] = held.get(row["entity"], [])
            silences = pool.read(lambda client: silences_at(client, as_of or datetime.now(UTC)))
            return encoded({"rows": rows, "silences": silences})

        # A page that asks because the state tells of another alert gets no answer from before it.
        state = context.state()
        asked = ("alerts", state["alerts"], state["actions"], as_of, entity, identity, page, limit)
        return Response(context.shared.get(asked, ask), media_type="application/json")

    @api.post("/alerts/{identity}/acknowledge", response_model=Acknowledged, responses=FORBIDDEN | UNKNOWN)
    def post_acknowledge(identity: str, body: Note, request: Request, user: User = reader) -> Response:
        """Record that this user looks after an alert, or no longer does."""
        if not pool.rows("SELECT 1 FROM alerts WHERE id = %(id)s LIMIT 1", {"id": identity})[1]:
            raise HTTPException(404, "no such alert")
        pool.write(lambda client: acknowledge(client, [identity], user.name, body.note, body.undo))
        context.record(request, user, "reopened" if body.undo else "acknowledged", identity, body.note)
        return as_json({"by": "" if body.undo else user.name})

    @api.post("/silences", response_model=Silenced, responses=FORBIDDEN)
    def post_silence(body: Silence, request: Request, user: User = reader) -> Response:
        """Send receivers nothing for some time."""
        now = datetime.now(UTC)
        until = now + timedelta(minutes=body.minutes)
        silence = (body.entity, body.kind, now, until, user.name, body.note)
        identity = pool.write(lambda client: add_silence(client, *silence))
        about = f"{body.entity or 'all'} {body.kind} for {many(body.minutes, 'minute')} {body.note}"
        context.record(request, user, "silenced", identity, " ".join(about.split()))
        return as_json({"silence_id": identity, "ends_at": until})
