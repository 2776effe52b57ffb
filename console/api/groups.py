"""Groups of companies: a sector, those that a topic is about, and some that are compared."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from console import sql
from console.answers import CSV, Table
from console.api.as_of import AsOf
from console.api.charts import PAGE_SIZE, Company, Form, Page, chart
from console.context import Context

MOST_COMPARED = 8
"""As many as a chart has colours for."""


def add_routes(api: APIRouter, context: Context) -> None:
    """A sector, a topic, and companies side by side."""

    @api.get("/sectors/{sector}/{what}", response_model=Table, responses=CSV)
    def of_sector(
        as_of: AsOf,
        sector: Annotated[Company, Path()],
        what: Literal["companies", "sentiment", "events"],
        form: Form = "json",
    ) -> Response:
        """A sector: its companies now, those most spoken of first; its sentiment over a week; and the week's events at
        its companies, the most severe first."""
        return chart(context, sql.OF_SECTOR[what], as_of, form, what, of_all=True, sector=sector)

    @api.get("/topics/{topic}/{what}", response_model=Table, responses=CSV)
    def of_topic(
        as_of: AsOf,
        topic: Annotated[Company, Path()],
        what: Literal["companies", "days", "documents"],
        form: Form = "json",
        page: Page = 0,
    ) -> Response:
        """A topic: the companies that it is told of in 24 hours, against the 7 days before; documents a day over a
        week, with their sentiment; and the newest documents of the week."""
        query, offset = sql.OF_TOPIC[what], page * PAGE_SIZE
        return chart(context, query, as_of, form, what, theme=topic, limit=PAGE_SIZE, offset=offset)

    @api.get("/compared", response_model=Table, responses=CSV)
    def compared(
        as_of: AsOf, entity: Annotated[list[Company], Query(max_length=MOST_COMPARED)], form: Form = "json"
    ) -> Response:
        """Some companies side by side: sentiment and its change, volume, topics, and the worst event of a week."""
        return chart(context, sql.COMPARED, as_of, form, "compared", entities=[*entity, ""])
