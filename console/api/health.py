"""The state of the service, and the log of what people did."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from clickhouse_driver import Client
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from console import sql
from console.answers import CSV, FORBIDDEN, Health, Rows
from console.api.charts import Form, chart
from console.context import Context, as_json
from console.people import User
from storage import lost_lately, obstacles, setbacks_lately
from storage.reads import actions, live_workers, restarts, scoring_version, training_runs


def problems(client: Client) -> list[dict[str, Any]]:
    """What is wrong with the workers, and what Kafka or ClickHouse lost of late: since when, and in words."""
    found = [{"since": one.since, "text": str(one)} for one in [restarts(client)] if one]
    now = datetime.now(UTC)
    found += [{"since": now, "text": f"{text}: workers wait"} for text in obstacles(client)]
    found += [{"since": one.at, "text": f"ClickHouse lost rows: {one}"} for one in setbacks_lately(client)]
    return found + [{"since": at, "text": f"Kafka lost records: {loss}"} for loss, at in lost_lately(client)]


def add_routes(api: APIRouter, context: Context) -> None:
    """Health for everybody; the log for auditors."""
    pool, auditor = context.pool, Depends(context.access.allow("auditor"))

    @api.get("/health", response_model=Health, responses=CSV)
    def health(form: Form = "json") -> Response:
        """Problems; feeds with delay, rates and backlog; workers, model events, shadow, drift, training runs."""
        if form == "csv":
            return chart(context, sql.FEEDS, None, form, "feeds")
        return as_json(context.shared.get("health", lambda: _health(context)))

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
    }
