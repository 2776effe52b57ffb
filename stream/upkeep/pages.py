"""The web pages of a worker: ``/metrics``, ``/health`` and ``/ready``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import faust
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


def add_pages(app: faust.App, registry: CollectorRegistry, state: Callable[[], dict[str, Any]]) -> None:
    """Add the pages to ``app``. ``/ready`` shows ``state``, with status 200 if its ``ready`` is true, else 503."""

    async def metrics(view: Any, request: Any) -> Any:
        return view.bytes(generate_latest(registry), content_type=CONTENT_TYPE_LATEST.split(";")[0])

    async def health(view: Any, request: Any) -> Any:
        return view.json({"alive": True})

    async def ready(view: Any, request: Any) -> Any:
        shown = state()
        return view.json(shown, status=200 if shown["ready"] else 503)

    for page in (metrics, health, ready):
        app.page(f"/{page.__name__}")(page)
