"""Pages and API. Without a sign-in, so on loopback alone; every answer carries a strict Content-Security-Policy."""

from __future__ import annotations

import asyncio
import csv
import getpass
import hmac
import io
import secrets
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from clickhouse_driver.errors import ServerException
from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool
from starlette.middleware.trustedhost import TrustedHostMiddleware

from console import queries
from console.labels import LabelNotSent, LabelSender
from console.pool import Pool
from storage import StorageUnavailable, acknowledge, add_silence, alerts, live_workers, runs, silences, unlabelled

HERE = Path(__file__).parent
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
OLD = timedelta(days=1)
"""If the newest document is older, the pages show the moment of that document, and say so."""

POLL_S = 2.0
PAGES = {"": "Market", "alerts": "Alerts", "label": "Label", "search": "Search", "health": "Health"}
Page = Annotated[int, Query(ge=0, le=10_000)]
At = Annotated[datetime | None, Query(description="The moment to show; default: now, or the newest document's")]
Form = Annotated[Literal["json", "csv"], Query(alias="format")]
SIZE = 20


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


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value, enc_hook=str), media_type="application/json")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "local"


class Explainer:
    """The champion, loaded at the first question, and again after another version was promoted."""

    def __init__(self) -> None:
        self._scorer: Any = None
        self._name = ""
        self._lock = threading.Lock()

    def explain(self, text: str, entity: str | None) -> dict[str, Any]:
        import model
        from model.explain import explain

        with self._lock:
            registry = model.ModelSettings().registry
            model.ensure_default(registry)
            name = model.champion_name(registry)
            if name != self._name:
                folder = model.folder(registry, name)
                self._scorer = model.load(folder, model.ModelSettings())
                self._name = name
            return msgspec.to_builtins(explain(self._scorer, text, entity, "occlusion"))  # type: ignore[no-any-return]


def create_app(pool: Pool | None = None) -> FastAPI:
    """The console over the ClickHouse and Kafka that the environment names."""
    pool = pool or Pool()
    token = secrets.token_urlsafe(32)
    sender, explainer = LabelSender(), Explainer()
    templates = Jinja2Templates(HERE / "templates")
    app = FastAPI(title="finsent console", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        # A page of another site can send forms here, but neither read the token nor set this header.
        given = request.headers.get("x-csrf-token", "")
        if request.method not in ("GET", "HEAD") and not hmac.compare_digest(given.encode(), token.encode()):
            response: Response = JSONResponse({"detail": "reload the page: its token is not this console's"}, 403)
        else:
            response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(StorageUnavailable)
    async def away(_: Request, error: StorageUnavailable) -> Response:
        return JSONResponse({"detail": str(error)}, 503)

    @app.exception_handler(ServerException)
    async def refused(_: Request, error: ServerException) -> Response:
        return JSONResponse({"detail": f"ClickHouse: {str(error).split('Stack trace')[0].strip()}"}, 502)

    @app.exception_handler(LabelNotSent)
    async def unsent(_: Request, error: LabelNotSent) -> Response:
        return JSONResponse({"detail": str(error)}, 503)

    def state() -> dict[str, Any]:
        published, stored, records, told, actions, labels, now = pool.rows(queries.STATE)[1][0]
        live = not records or now - published < OLD
        return {"now": now, "moment": now if live else published, "live": live, "published_at": published,
                "stored_at": stored, "records": records, "alerts": told, "actions": actions,
                "labels": labels}  # fmt: skip

    def chart(sql: str, at: datetime | None, form: str, name: str, **parameters: Any) -> Response:
        moment = at.astimezone(UTC) if at else state()["moment"]
        parameters["moment"] = moment.strftime("%Y-%m-%d %H:%M:%S")
        columns, rows = pool.rows(sql, parameters)
        if form == "json":
            found = [dict(zip(columns, row, strict=True)) for row in rows]
            return _json({"moment": moment, "rows": found, "sql": pool.spelled_out(sql, parameters)})
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        # A spreadsheet would take a text that begins so for a formula.
        writer.writerows([["'" + v if isinstance(v, str) and v[:1] in "=+-@\t" and v else v for v in r] for r in rows])
        disposition = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        return Response(text.getvalue(), media_type="text/csv", headers=disposition)

    @app.get("/api/state")
    def get_state() -> Response:
        """How fresh the data are, and the moment that is shown."""
        return _json(state())

    @app.get("/api/market")
    def market(at: At = None, form: Form = "json") -> Response:
        """Each company's sentiment and buzz."""
        return chart(queries.MARKET, at, form, "market")

    @app.get("/api/movers")
    def movers(at: At = None, form: Form = "json") -> Response:
        """Whose tone moved: the last 24 hours against the 7 days before."""
        return chart(queries.MOVERS, at, form, "movers")

    @app.get("/api/entities/{entity}/{what}")
    def of_entity(
        entity: str,
        what: Literal["sentiment", "topics", "models", "documents"],
        at: At = None,
        form: Form = "json",
        page: Page = 0,
    ) -> Response:
        """A company's week: sentiment with its band and volume, topics, the models that scored it, its documents."""
        sql = {"sentiment": queries.SENTIMENT, "topics": queries.TOPICS, "models": queries.MODELS}
        return chart(sql.get(what, queries.DOCUMENTS), at, form, what, entity=entity, limit=SIZE, offset=page * SIZE)

    @app.get("/api/search")
    def search(q: Annotated[str, Query(max_length=200)], form: Form = "json", page: Page = 0) -> Response:
        """Documents with all the words."""
        return chart(queries.SEARCH, None, form, "search", words=q.split(), limit=SIZE, offset=page * SIZE)

    @app.get("/api/similar")
    def similar(document: Annotated[str, Query(max_length=500)], form: Form = "json") -> Response:
        """The documents most like one, of the latest 50,000, by their embeddings."""
        return chart(queries.SIMILAR, None, form, "similar", document=document, limit=SIZE)

    @app.get("/api/alerts")
    def get_alerts(entity: str = "", limit: Annotated[int, Query(ge=1, le=500)] = 50) -> Response:
        """Alerts with their evidence, newest first, and the silences that hold."""
        names = dict(pool.rows("SELECT ticker, name FROM entities FINAL")[1])
        rows = pool.read(lambda client: alerts(client, entity, limit=limit))
        for row in rows:
            row["name"] = names.get(row["entity"], row["entity"])
        return _json({"rows": rows, "silences": pool.read(lambda client: silences(client, datetime.now(UTC)))})

    @app.get("/api/health")
    def health(form: Form = "json") -> Response:
        """Feeds with their delay and rates; workers and the version each scores with; training runs."""
        if form == "csv":
            return chart(queries.FEEDS, None, form, "feeds")
        columns, rows = pool.rows(queries.FEEDS)
        return _json({
            "state": state(),
            "feeds": [dict(zip(columns, row, strict=True)) for row in rows],
            "workers": pool.read(live_workers),
            "runs": pool.read(lambda client: runs(client, 5)),
            "sql": queries.FEEDS.strip(),
        })  # fmt: skip

    @app.get("/api/explain")
    def explain(document: Annotated[str, Query(max_length=500)], entity: str = "") -> Response:
        """The words that decided a document's score, by the version that is champion now."""
        sql = "SELECT title, text, surface FROM mentions WHERE document_id = %(id)s AND entity = %(entity)s LIMIT 1"
        if not entity:
            sql = "SELECT title, text, '' FROM documents WHERE document_id = %(id)s LIMIT 1"
        rows = pool.rows(sql, {"id": document, "entity": entity})[1]
        if not rows:
            raise HTTPException(404, "no such document")
        try:
            text = "\n".join(part for part in rows[0][:2] if part)
            return _json(explainer.explain(text, rows[0][2] or None))
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        except (OSError, RuntimeError) as error:
            raise HTTPException(503, f"the model cannot be run: {error}") from error

    @app.get("/api/queue")
    def queue(limit: Annotated[int, Query(ge=1, le=200)] = 30) -> Response:
        """Documents worth a label, the least certain first."""
        rows = pool.read(lambda client: unlabelled(client, 2000))
        rows.sort(key=lambda row: max(row["p_negative"], row["p_neutral"], row["p_positive"]))
        shown = ("document_id", "source", "kind", "title", "text", "published_at", "entities")
        return _json({"rows": [{name: row[name] for name in shown} for row in rows[:limit]]})

    @app.post("/api/alerts/{identity}/acknowledge")
    def post_acknowledge(identity: str, body: Note) -> Response:
        """Note that this user looks after an alert, or no more."""
        if not pool.rows("SELECT 1 FROM alerts WHERE id = %(id)s LIMIT 1", {"id": identity})[1]:
            raise HTTPException(404, "no such alert")
        pool.read(lambda client: acknowledge(client, [identity], _user(), body.note, body.undo))
        return _json({"by": "" if body.undo else _user()})

    @app.post("/api/silences")
    def post_silence(body: Silence) -> Response:
        """Send nothing to receivers for some time."""
        now = datetime.now(UTC)
        until = now + timedelta(minutes=body.minutes)
        silence = (body.entity, body.kind, now, until, _user(), body.note)
        identity = pool.read(lambda client: add_silence(client, *silence))
        return _json({"silence_id": identity, "ends_at": until})

    @app.post("/api/labels")
    def post_label(body: Judgement) -> Response:
        """Send a label to the topic labels; a worker stores it. A later label of the same user replaces it."""
        known = pool.rows("SELECT 1 FROM documents WHERE document_id = %(id)s LIMIT 1", {"id": body.document_id})[1]
        if not known:
            raise HTTPException(404, "no such document")
        sender.send(body.document_id, body.label, _user())
        return _json({"annotator": _user()})

    @app.get("/api/events")
    async def events(request: Request) -> EventSourceResponse:
        """Server-sent events: the state, every two seconds."""

        async def told() -> AsyncIterator[dict[str, str]]:
            while not await request.is_disconnected():
                try:
                    data = msgspec.json.encode(await run_in_threadpool(state), enc_hook=str).decode()
                    yield {"event": "state", "data": data}
                except Exception as error:  # the page shall say so, and the stream go on
                    yield {"event": "away", "data": type(error).__name__}
                await asyncio.sleep(POLL_S)

        return EventSourceResponse(told())

    @app.get("/healthz")
    def healthz() -> Response:
        """200 if ClickHouse answers, else 503."""
        pool.rows("SELECT 1")
        return _json({"ok": True})

    def page(request: Request, template: str, title: str, **more: Any) -> Response:
        return templates.TemplateResponse(
            request, f"{template}.html", {"title": title, "pages": PAGES, "token": token, "user": _user(), **more}
        )

    @app.get("/", include_in_schema=False)
    def show_market(request: Request) -> Response:
        return page(request, "page", "Market", name="market")

    @app.get("/entity/{entity}", include_in_schema=False)
    def show_entity(request: Request, entity: str) -> Response:
        return page(request, "page", entity, name="entity", entity=entity)

    @app.get("/api", include_in_schema=False)
    def show_api(request: Request) -> Response:
        shown = [route for route in app.routes if isinstance(route, APIRoute) and route.include_in_schema]
        routes = [(", ".join(sorted(r.methods or ())), r.path, (r.endpoint.__doc__ or "").strip()) for r in shown]
        return page(request, "api", "API", routes=routes)

    @app.get("/favicon.ico", include_in_schema=False)
    def icon() -> Response:
        return RedirectResponse("/static/icon.svg")

    @app.get("/{name}", include_in_schema=False)
    def show(request: Request, name: str) -> Response:
        if name not in PAGES or not name:
            raise HTTPException(404)
        return page(request, "page", PAGES[name], name=name)

    return app


def serve(port: int, ready: Callable[[str], None] = lambda url: None) -> None:
    """Serve on 127.0.0.1 until SIGINT or SIGTERM; port 0 is any free one. ``ready`` is told the address."""
    import uvicorn

    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen()  # so that the address can be opened once it is told
        ready(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        config = uvicorn.Config(create_app(), log_level="warning", server_header=False, timeout_graceful_shutdown=3)
        with suppress(KeyboardInterrupt):  # raised again by uvicorn when it has ended
            uvicorn.Server(config).run([listening])
