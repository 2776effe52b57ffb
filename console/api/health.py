"""The state of the service, and the log of what people did."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from clickhouse_driver import Client
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from console import sql
from console.answers import CSV, FORBIDDEN, Health, Rows
from console.api.as_of import AsOf
from console.api.charts import Form, chart
from console.context import Context, as_json
from console.people import User
from storage import lost_lately, obstacles, setbacks_lately
from storage.reads import actions, live_workers, restarts, scoring_version, training_runs


def problems(client: Client) -> list[dict[str, Any]]:
    """What is wrong with the workers, and what Kafka or ClickHouse lost of late: since when, and in words."""
    now = datetime.now(UTC)
    waits = [{"since": now, "text": f"{text}: workers wait"} for text in obstacles(client)]
    return _ended(client) + waits + _lost(client)


def problems_at(client: Client, at: datetime) -> list[dict[str, Any]]:
    """The same at a moment, as far as it is kept: why ClickHouse took no rows is not."""
    return _ended(client, at) + _lost(client, at)


def _ended(client: Client, at: datetime | None = None) -> list[dict[str, Any]]:
    found = restarts(client, at)
    return [{"since": found.since, "text": str(found)}] if found else []


def _lost(client: Client, at: datetime | None = None) -> list[dict[str, Any]]:
    found = [{"since": one.at, "text": f"ClickHouse lost rows: {one}"} for one in setbacks_lately(client, at)]
    return found + [{"since": when, "text": f"Kafka lost records: {loss}"} for loss, when in lost_lately(client, at)]


def add_routes(api: APIRouter, context: Context) -> None:
    """Health for everybody; the log for auditors."""
    pool, auditor = context.pool, Depends(context.access.allow("auditor"))

    @api.get("/health", response_model=Health, responses=CSV)
    def health(as_of: AsOf, form: Form = "json") -> Response:
        """Problems; feeds with delay, rates and backlog; workers, model events, shadow, drift, training runs. With
        ``as_of``, by what was stored until then; ``unknown`` names what is known of the present alone, and is empty."""
        if form == "csv":
            return chart(context, sql.FEEDS_AT if as_of else sql.FEEDS, as_of, form, "feeds")
        ask = partial(_health_at, context, as_of) if as_of else partial(_health, context)
        return as_json(context.shared.get(("health", as_of), ask))

    @api.get("/audit", response_model=Rows, responses=FORBIDDEN)
    def audit(limit: Annotated[int, Query(ge=1, le=1000)] = 100, user: User = auditor) -> Response:
        """Who acknowledged, silenced, labelled, promoted or signed in, newest first."""
        return as_json({"rows": pool.read(lambda client: actions(client, limit=limit))})


def _health(context: Context) -> dict[str, Any]:
    pool, waiting, why = context.pool, {}, ""
    if context.backlog is not None:
        try:
            waiting = dict(context.backlog())
        except Exception as error:  # whatever Kafka's client raises: the rest of the page still holds
            why = f"{type(error).__name__}: {error}"
    return {
        # Not read-only: that setting would be reported as one that keeps workers from writing.
        "problems": pool.write(problems),
        "state": context.state(),
        "feeds": context.table(sql.FEEDS),
        "sources": context.table(sql.SOURCES),
        "backlog": waiting,
        "backlog_unknown": why,
        "workers": pool.read(live_workers),
        "scored_by": pool.read(lambda client: scoring_version(client, datetime.now(UTC))),
        "runs": pool.read(lambda client: training_runs(client, 5)),
        "events": context.table(sql.MODEL_EVENTS),
        "drift": context.table(sql.DRIFT),
        "shadow": context.table(sql.SHADOW),
        "sql": sql.FEEDS.strip(),
        "unknown": [],
    }


def _health_at(context: Context, at: datetime) -> dict[str, Any]:
    pool, parameters = context.pool, {"moment": f"{at:%Y-%m-%d %H:%M:%S}"}
    return {
        "problems": pool.read(lambda client: problems_at(client, at)),
        "state": context.state() | {"moment": at, "live": False},
        "feeds": context.table(sql.FEEDS_AT, parameters),
        "sources": [],
        "backlog": {},
        "backlog_unknown": "",
        "workers": {},
        "scored_by": pool.read(lambda client: scoring_version(client, at)),
        "runs": pool.read(lambda client: training_runs(client, 5, at)),
        "events": context.table(sql.MODEL_EVENTS_AT, parameters),
        "drift": context.table(sql.DRIFT_AT, parameters),
        "shadow": context.table(sql.SHADOW_AT, parameters),
        "sql": pool.spelled_out(sql.FEEDS_AT, parameters),
        "unknown": ["backlog", "sources", "workers"],
    }
