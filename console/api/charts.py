"""Charts and tables: each is one SELECT of ``console.sql``, answered as JSON or as a CSV file."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from console import sql
from console.context import Context, as_json
from documents import spreadsheet_cell

PAGE_SIZE = 20
Page = Annotated[int, Query(ge=0, le=10_000)]
At = Annotated[datetime | None, Query(description="The moment to show; default: now, or the newest document's")]
Form = Annotated[Literal["json", "csv"], Query(alias="format")]


def chart(context: Context, query: str, at: datetime | None, form: str, name: str, **parameters: Any) -> Response:
    """The answer to ``query`` at the moment ``at``; JSON has the SQL with it, so that a person can run it."""
    moment = at.astimezone(UTC) if at else context.state()["moment"]
    parameters["moment"] = moment.strftime("%Y-%m-%d %H:%M:%S")
    asked = (query, *((key, str(value)) for key, value in sorted(parameters.items())))
    columns, rows = context.shared.get(asked, lambda: context.pool.rows(query, parameters))
    if form == "json":
        found = [dict(zip(columns, row, strict=True)) for row in rows]
        return as_json({"moment": moment, "rows": found, "sql": context.pool.spelled_out(query, parameters)})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([[spreadsheet_cell(v) if isinstance(v, str) else v for v in row] for row in rows])
    disposition = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text.getvalue(), media_type="text/csv", headers=disposition)


def add_routes(api: APIRouter, context: Context) -> None:
    """State, market, sectors, movers, emerging topics, one company, search, and similar documents."""

    @api.get("/state")
    def get_state() -> Response:
        """How fresh the data are, and the moment that is shown."""
        return as_json(context.state())

    @api.get("/market")
    def market(at: At = None, form: Form = "json") -> Response:
        """Each company's sentiment and buzz, with its sector."""
        return chart(context, sql.MARKET, at, form, "market")

    @api.get("/sectors")
    def sectors(at: At = None, form: Form = "json") -> Response:
        """The sentiment and buzz of each sector and of the whole market."""
        return chart(context, sql.SECTORS, at, form, "sectors")

    @api.get("/movers")
    def movers(at: At = None, form: Form = "json") -> Response:
        """The companies whose sentiment moved most: the last 24 hours against the 7 days before."""
        return chart(context, sql.MOVERS, at, form, "movers")

    @api.get("/emerging")
    def emerging(at: At = None, form: Form = "json") -> Response:
        """Emerging topics, which the taxonomy does not have, with their most typical documents."""
        return chart(context, sql.EMERGING, at, form, "emerging")

    @api.get("/entities/{entity}/{what}")
    def of_entity(
        entity: str,
        what: Literal["now", "sentiment", "volume", "topics", "models", "documents", "events"],
        at: At = None,
        form: Form = "json",
        page: Page = 0,
    ) -> Response:
        """One company now, and its last week: sentiment with its band, volume, topics, models, documents, events."""
        query = sql.OF_ENTITY[what]
        return chart(context, query, at, form, what, entity=entity, limit=PAGE_SIZE, offset=page * PAGE_SIZE)

    @api.get("/lines")
    def lines(entity: Annotated[list[str], Query(max_length=50)], at: At = None, form: Form = "json") -> Response:
        """The sentiment about each of some companies over a week, in windows of six hours."""
        return chart(context, sql.LINES, at, form, "lines", entities=[*entity, ""])

    @api.get("/search")
    def search(q: Annotated[str, Query(max_length=200)], form: Form = "json", page: Page = 0) -> Response:
        """Documents with all the words."""
        offset = page * PAGE_SIZE
        return chart(context, sql.SEARCH, None, form, "search", words=q.split(), limit=PAGE_SIZE, offset=offset)

    @api.get("/similar")
    def similar(document: Annotated[str, Query(max_length=500)], form: Form = "json") -> Response:
        """The documents most similar to one by their embeddings, among the latest 50,000."""
        return chart(context, sql.SIMILAR, None, form, "similar", document=document, limit=PAGE_SIZE)
