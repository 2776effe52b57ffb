"""The HTML pages. They are empty frames: ``static/pages.js`` fills them from the API."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from clickhouse_driver.errors import ServerException
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from console import sql
from console.access import address, network
from console.context import Context
from console.lane import Busy
from console.oidc import FLOW_S, PATH, RETURN, NoRole, ProviderAway, SignInRefused, own_page
from console.people import User
from console.sign_in import record
from model.topics import load_taxonomy
from storage import StorageUnavailable

HERE = Path(__file__).parent
PAST = {"market", "for-you", "entity", "sector", "topic", "compare", "alerts", "label", "search", "health"}
"""The pages that can show an earlier moment."""

FLOW = "finsent-oidc"
"""The cookie that a browser keeps while its owner is at the provider."""

PAGES = {
    "": "Market",
    "for-you": "For you",
    "alerts": "Alerts",
    "compare": "Compare",
    "label": "Label",
    "search": "Search",
    "health": "Health",
}
"""Title by path, of the pages that everybody sees in the menu."""

KEYS = {
    "": "m", "for-you": "f", "alerts": "a", "compare": "c", "label": "l", "search": "sd", "health": "h", "audit": "u"
}  # fmt: skip
"""By path, the letters each of which leads to the page after a g."""


def add_pages(app: FastAPI, context: Context) -> None:
    """The pages by name come last, because their path matches any other."""
    access = context.access
    templates = Jinja2Templates(HERE / "templates")
    # A browser that knows of all modules fetches them at once, and not one import after the other.
    templates.env.globals["modules"] = sorted(str(one.relative_to(HERE)) for one in (HERE / "static").rglob("*.js"))
    auditor = Depends(access.allow("auditor"))

    def page(request: Request, template: str, title: str, status: int = 200, **more: Any) -> Response:
        user = access.user(request)
        menu = PAGES | ({"audit": "Audit"} if user and user.may("auditor") else {})
        values = {"title": title, "pages": menu if user else {}, "token": access.token(request), "user": user,
                  "signs_in": access.signs_in, "keys": KEYS, "has_past": more.get("name") in PAST, **more}  # fmt: skip
        return templates.TemplateResponse(request, f"{template}.html", values, status)

    @app.get("/sign-in", include_in_schema=False)
    def show_sign_in(request: Request) -> Response:
        return signing_in(request) if access.signs_in else RedirectResponse("/")

    def signing_in(request: Request, told: str = "", status: int = 200) -> Response:
        provider = access.provider.host if access.provider else ""
        ways = {"passwords": access.people is not None, "provider": provider, "told": told}
        return page(request, "page", "Sign in", status, name="signin", **ways)

    @app.get(PATH, include_in_schema=False)
    def begin_at_provider(request: Request, next: str = "/") -> Response:
        if access.provider is None:
            raise HTTPException(404)
        try:
            url, kept = access.provider.begin(network(address(request)), own_page(next))
        except (ProviderAway, Busy) as error:
            return signing_in(request, str(error), 503)
        answer = RedirectResponse(url, 303)
        # Not strict, as the session's cookie is: the provider's page sends the browser back here.
        answer.set_cookie(FLOW, kept, FLOW_S, path=PATH, secure=access.secure, httponly=True, samesite="lax")
        return answer

    @app.get(RETURN, include_in_schema=False)
    def return_from_provider(request: Request) -> Response:
        if access.provider is None:
            raise HTTPException(404)
        try:
            known, back_to = access.provider.finish(
                network(address(request)), request.cookies.get(FLOW, ""), request.query_params
            )
            if access.has_password(known.name):
                raise NoRole(known.name, f"{known.name} is somebody who signs in with a password here")
        except (ProviderAway, Busy) as error:
            answer = signing_in(request, str(error), 503)
        except SignInRefused as error:
            if isinstance(error, NoRole):
                record(context, request, error.name, "sign-in refused", access.provider.issuer)
            answer = signing_in(request, str(error), 403)
        else:
            access.sign_in_by_provider(request, known)
            record(context, request, known.name, "signed in", access.provider.issuer)
            # A page, and no redirect: browsers send a strict cookie only from a page of this console.
            answer = templates.TemplateResponse(request, "signed_in.html", {"back_to": back_to})
        answer.delete_cookie(FLOW, path=PATH, secure=access.secure, httponly=True, samesite="lax")
        return answer

    @app.get("/", include_in_schema=False)
    def show_market(request: Request) -> Response:
        return page(request, "page", "Market", name="market")

    def about(request: Request, what: str, one: str, title: str, known: bool) -> Response:
        if known:
            return page(request, "page", title, name=what, entity=one)
        return page(request, "page", title, 404, name="unknown", entity=one, what=what)

    def exists(what: str, name: str) -> bool:
        """Whether ClickHouse knows it. While ClickHouse is away, the page is to say so."""
        with suppress(StorageUnavailable, ServerException):
            return bool(context.pool.rows(sql.KNOWN[what], {"name": name})[1])
        return True

    @app.get("/entity/{entity}", include_in_schema=False)
    def show_entity(request: Request, entity: str) -> Response:
        known = exists("entity", entity) or exists("named", entity)
        return about(request, "entity", entity, entity, known)

    @app.get("/sector/{sector}", include_in_schema=False)
    def show_sector(request: Request, sector: str) -> Response:
        return about(request, "sector", sector, f"Sector: {sector}", exists("sector", sector))

    @app.get("/topic/{topic}", include_in_schema=False)
    def show_topic(request: Request, topic: str) -> Response:
        known = topic in load_taxonomy().names or exists("topic", topic)
        return about(request, "topic", topic, f"Topic: {topic}", known)

    @app.get("/alerts/{identity}", include_in_schema=False)
    def show_alert(request: Request, identity: str) -> Response:
        return about(request, "alerts", identity, "Alert", exists("alert", identity))

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
