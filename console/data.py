"""The API: what each chart, list and button of the pages asks for."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from console import queries
from console.access import Access, address
from console.labels import LabelSender
from console.people import User
from console.pool import Pool
from storage.reads import actions, alerts_now, live_workers, silences_at, training_runs, unlabelled_documents
from storage.writes import acknowledge, add_silence, record_action

OLD = timedelta(days=1)
"""If the newest document is older, the pages show the moment of that document, and say so."""

SIZE = 20
Page = Annotated[int, Query(ge=0, le=10_000)]
At = Annotated[datetime | None, Query(description="The moment to show; default: now, or the newest document's")]
Form = Annotated[Literal["json", "csv"], Query(alias="format")]
Backlog = Callable[[], Mapping[str, int]]
"""Records of each topic that Kafka holds and the tables do not yet; raises if Kafka does not answer."""


class Note(BaseModel):
    """What was found, or why."""

    note: str = Field(default="", max_length=500)
    undo: bool = False


class Silence(BaseModel):
    """An empty entity or kind is any."""

    entity: str = Field(default="", max_length=40)
    kind: Literal["", "sentiment_shift", "topic_shift", "buzz", "feed_stale"] = ""
    minutes: int = Field(ge=1, le=7 * 24 * 60)
    note: str = Field(default="", max_length=500)


class Judgement(BaseModel):
    """A person's label of a stored document."""

    document_id: str = Field(min_length=1, max_length=500)
    label: Literal["negative", "neutral", "positive"]


def as_json(value: Any) -> Response:
    """Dates as RFC 3339, and what JSON has no name for as text."""
    return Response(msgspec.json.encode(value, enc_hook=str), media_type="application/json")


class Explainer:
    """The champion, loaded at the first question, and again after another version was promoted."""

    def __init__(self) -> None:
        self._scorer: Any = None
        self._name = ""
        self._lock = threading.Lock()

    def explain(self, text: str, entity: str | None) -> dict[str, Any]:
        """See ``model.explain``. Raises ``ValueError``, ``OSError`` and ``RuntimeError``."""
        import model
        from settings import ModelSettings

        with self._lock:
            registry = ModelSettings().registry
            model.ensure_default(registry)
            name = model.champion_name(registry)
            if name != self._name:
                folder = model.version_folder(registry, name)
                self._scorer = model.load(folder, ModelSettings())
                self._name = name
            return msgspec.to_builtins(model.explain(self._scorer, text, entity, samples=0))  # type: ignore[no-any-return]


def state(pool: Pool) -> dict[str, Any]:
    """How fresh the data are, and the moment that is shown."""
    published, stored, records, told, acted, labels, now = pool.rows(queries.STATE)[1][0]
    live = not records or now - published < OLD
    return {"now": now, "moment": now if live else published, "live": live, "published_at": published,
            "stored_at": stored, "records": records, "alerts": told, "actions": acted, "labels": labels}  # fmt: skip


def routes(pool: Pool, access: Access, backlog: Backlog | None = None) -> APIRouter:
    """All of ``/api`` but the events. Whoever may read may read all of it, but for the audit log."""
    api = APIRouter(prefix="/api", dependencies=[Depends(access.allow())])
    sender, explainer = LabelSender(), Explainer()
    auditor, reader, annotator = (Depends(access.allow(role)) for role in ("auditor", "risk_reader", "annotator"))

    def chart(sql: str, at: datetime | None, form: str, name: str, **parameters: Any) -> Response:
        moment = at.astimezone(UTC) if at else state(pool)["moment"]
        parameters["moment"] = moment.strftime("%Y-%m-%d %H:%M:%S")
        columns, rows = pool.rows(sql, parameters)
        if form == "json":
            found = [dict(zip(columns, row, strict=True)) for row in rows]
            return as_json({"moment": moment, "rows": found, "sql": pool.spelled_out(sql, parameters)})
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        # A spreadsheet would take a text that begins so for a formula.
        writer.writerows([["'" + v if isinstance(v, str) and v[:1] in "=+-@\t" and v else v for v in r] for r in rows])
        disposition = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        return Response(text.getvalue(), media_type="text/csv", headers=disposition)

    def noted(request: Request, user: User, action: str, subject: str, detail: str = "") -> None:
        where = ("console", address(request))
        pool.read(lambda client: record_action(client, user.name, action, subject, detail, *where))

    def listed(sql: str) -> list[dict[str, Any]]:
        columns, found = pool.rows(sql)
        return [dict(zip(columns, row, strict=True)) for row in found]

    @api.get("/state")
    def get_state() -> Response:
        """How fresh the data are, and the moment that is shown."""
        return as_json(state(pool))

    @api.get("/market")
    def market(at: At = None, form: Form = "json") -> Response:
        """Each company's sentiment and buzz, with its sector."""
        return chart(queries.MARKET, at, form, "market")

    @api.get("/sectors")
    def sectors(at: At = None, form: Form = "json") -> Response:
        """Each sector's sentiment and buzz, and the whole market's."""
        return chart(queries.SECTORS, at, form, "sectors")

    @api.get("/movers")
    def movers(at: At = None, form: Form = "json") -> Response:
        """Whose tone moved: the last 24 hours against the 7 days before."""
        return chart(queries.MOVERS, at, form, "movers")

    @api.get("/emerging")
    def emerging(at: At = None, form: Form = "json") -> Response:
        """What is spoken of that no topic of the taxonomy fits, with its most typical documents."""
        return chart(queries.EMERGING, at, form, "emerging")

    @api.get("/entities/{entity}/{what}")
    def of_entity(
        entity: str,
        what: Literal["now", "sentiment", "volume", "topics", "models", "documents"],
        at: At = None,
        form: Form = "json",
        page: Page = 0,
    ) -> Response:
        """A company now, and its week: sentiment with its band, volume, topics, models, documents."""
        sql = queries.OF_ENTITY[what]
        return chart(sql, at, form, what, entity=entity, limit=SIZE, offset=page * SIZE)

    @api.get("/search")
    def search(q: Annotated[str, Query(max_length=200)], form: Form = "json", page: Page = 0) -> Response:
        """Documents with all the words."""
        return chart(queries.SEARCH, None, form, "search", words=q.split(), limit=SIZE, offset=page * SIZE)

    @api.get("/similar")
    def similar(document: Annotated[str, Query(max_length=500)], form: Form = "json") -> Response:
        """The documents most like one, of the latest 50,000, by their embeddings."""
        return chart(queries.SIMILAR, None, form, "similar", document=document, limit=SIZE)

    @api.get("/alerts")
    def get_alerts(
        entity: str = "", identity: Annotated[str, Query(alias="id")] = "", page: Page = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = SIZE,
    ) -> Response:  # fmt: skip
        """Alerts with their evidence, newest first (or the one with ``id``), and the silences that hold."""
        names = dict(pool.rows("SELECT ticker, name FROM entities FINAL")[1])
        most = 1_000_000 if identity else (page + 1) * limit
        rows = pool.read(lambda client: alerts_now(client, entity, limit=most))
        rows = [row for row in rows if row["id"] == identity] if identity else rows[page * limit :]
        for row in rows:
            row["name"] = names.get(row["entity"], row["entity"])
        return as_json({"rows": rows, "silences": pool.read(lambda client: silences_at(client, datetime.now(UTC)))})

    @api.get("/health")
    def health(form: Form = "json") -> Response:
        """Feeds with delay, rates and backlog; workers, model events, shadow scoring, drift, training runs."""
        if form == "csv":
            return chart(queries.FEEDS, None, form, "feeds")
        waiting, why = {}, ""
        if backlog is not None:
            try:
                waiting = dict(backlog())
            except Exception as error:  # whatever the client raises: the rest of the page is still true
                why = f"{type(error).__name__}: {error}"
        return as_json({
            "state": state(pool),
            "feeds": listed(queries.FEEDS),
            "backlog": waiting,
            "backlog_unknown": why,
            "workers": pool.read(live_workers),
            "runs": pool.read(lambda client: training_runs(client, 5)),
            "events": listed(queries.MODEL_EVENTS),
            "drift": listed(queries.DRIFT),
            "shadow": listed(queries.SHADOW),
            "sql": queries.FEEDS.strip(),
        })  # fmt: skip

    @api.get("/explain")
    def explain(document: Annotated[str, Query(max_length=500)], entity: str = "") -> Response:
        """The words that decided a document's score, by the present champion; or the ``reason`` why there are none."""
        sql = "SELECT title, text, surface FROM mentions WHERE document_id = %(id)s AND entity = %(entity)s LIMIT 1"
        if not entity:
            sql = "SELECT title, text, '' FROM documents WHERE document_id = %(id)s LIMIT 1"
        rows = pool.rows(sql, {"id": document, "entity": entity})[1]
        if not rows:
            raise HTTPException(404, "no such document")
        text = "\n".join(part for part in rows[0][:2] if part)
        try:
            return as_json(explainer.explain(text, rows[0][2] or None))
        except ValueError as error:  # such as a language that the model does not read: no fault of who asks
            return as_json({"text": text, "words": [], "reason": str(error)})
        except (OSError, RuntimeError) as error:
            raise HTTPException(503, f"the model cannot be run: {error}") from error

    @api.get("/queue")
    def queue(limit: Annotated[int, Query(ge=1, le=200)] = 30) -> Response:
        """Documents worth a label, the least certain first."""
        rows = pool.read(lambda client: unlabelled_documents(client, 2000))
        rows.sort(key=lambda row: max(row["p_negative"], row["p_neutral"], row["p_positive"]))
        shown = ("document_id", "source", "kind", "title", "text", "published_at", "entities")
        return as_json({"rows": [{name: row[name] for name in shown} for row in rows[:limit]]})

    @api.get("/audit")
    def audit(limit: Annotated[int, Query(ge=1, le=1000)] = 100, user: User = auditor) -> Response:
        """Who acknowledged, silenced, labelled, promoted or signed in, newest first."""
        return as_json({"rows": pool.read(lambda client: actions(client, limit=limit))})

    @api.post("/alerts/{identity}/acknowledge")
    def post_acknowledge(identity: str, body: Note, request: Request, user: User = reader) -> Response:
        """Note that this user looks after an alert, or no more."""
        if not pool.rows("SELECT 1 FROM alerts WHERE id = %(id)s LIMIT 1", {"id": identity})[1]:
            raise HTTPException(404, "no such alert")
        pool.read(lambda client: acknowledge(client, [identity], user.name, body.note, body.undo))
        noted(request, user, "reopened" if body.undo else "acknowledged", identity, body.note)
        return as_json({"by": "" if body.undo else user.name})

    @api.post("/silences")
    def post_silence(body: Silence, request: Request, user: User = reader) -> Response:
        """Send nothing to receivers for some time."""
        now = datetime.now(UTC)
        until = now + timedelta(minutes=body.minutes)
        silence = (body.entity, body.kind, now, until, user.name, body.note)
        identity = pool.read(lambda client: add_silence(client, *silence))
        about = f"{body.entity or 'all'} {body.kind} for {body.minutes} minutes {body.note}"
        noted(request, user, "silenced", identity, " ".join(about.split()))
        return as_json({"silence_id": identity, "ends_at": until})

    @api.post("/labels")
    def post_label(body: Judgement, request: Request, user: User = annotator) -> Response:
        """Send a label to the topic labels; a worker stores it. A later label of the same user replaces it."""
        known = pool.rows("SELECT 1 FROM documents WHERE document_id = %(id)s LIMIT 1", {"id": body.document_id})[1]
        if not known:
            raise HTTPException(404, "no such document")
        sender.send(body.document_id, body.label, user.name)
        noted(request, user, "labelled", body.document_id, body.label)
        return as_json({"annotator": user.name})

    return api
