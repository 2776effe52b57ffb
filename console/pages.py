"""The HTML pages. They are empty frames: ``static/pages.js`` fills them from the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from console.context import Context
from console.people import User

HERE = Path(__file__).parent
PAST = {"market", "entity", "alerts", "search"}
"""The pages that can show an earlier moment."""

PAGES = {"": "Market", "alerts": "Alerts", "label": "Label", "search": "Search", "health": "Health"}
"""Title by path, of the pages that everybody sees in the menu."""


def add_pages(app: FastAPI, context: Context) -> None:
    """The pages by name come last, because their path matches any other."""
    access = context.access
    templates = Jinja2Templates(HERE / "templates")
    auditor = Depends(access.allow("auditor"))

    def page(request: Request, template: str, title: str, **more: Any) -> Response:
        user = access.user(request)
        menu = PAGES | ({"audit": "Audit"} if user and user.may("auditor") else {})
        values = {"title": title, "pages": menu if user else {}, "token": access.token(request), "user": user,
                  "signs_in": access.people is not None, "has_past": more.get("name") in PAST, **more}  # fmt: skip
        return templates.TemplateResponse(request, f"{template}.html", values)

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
