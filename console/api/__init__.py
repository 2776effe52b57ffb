"""The API: what the charts, lists and buttons of the pages ask for. One file for each part of the pages."""

from fastapi import APIRouter, Depends

from console.answers import ALWAYS
from console.api import alerts, charts, documents, groups, health, personal, searches, unknown
from console.context import Context

__all__ = ["routes"]


def routes(context: Context) -> APIRouter:
    """Everything under ``/api`` but sign-in and events. Everybody who is signed in may read all but the audit log."""
    api = APIRouter(prefix="/api", dependencies=[Depends(context.access.allow())], responses=ALWAYS)
    for part in (charts, groups, alerts, health, documents, personal, searches, unknown):
        part.add_routes(api, context)
    return api
