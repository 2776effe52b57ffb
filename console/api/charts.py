"""Charts and tables: each is one SELECT of ``console.sql``, answered as JSON or as a CSV file."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import AfterValidator, StringConstraints

from console import sql
from console.answers import CSV, State, Table
from console.context import Context, as_json
from documents import spreadsheet_cell

PAGE_SIZE = 20
Page = Annotated[int, Query(ge=0, le=10_000)]
FIRST_YEAR, LAST_YEAR = 1971, 2099
"""ClickHouse's times begin in 1970 and end in 2106, and the charts look weeks back."""


def _in_range(at: datetime) -> datetime:
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise ValueError(f"the year must be from {FIRST_YEAR} to {LAST_YEAR}")
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


Moment = Annotated[datetime, AfterValidator(_in_range)]
At = Annotated[
    Moment | None,
    Query(
        description=f"The moment to show, from {FIRST_YEAR} to {LAST_YEAR}, in UTC unless it names a zone; "
        "default: now, or the newest document's"
    ),
]
MOST_CHARACTERS = 100
Company = Annotated[str, StringConstraints(max_length=MOST_CHARACTERS)]
Form = Annotated[Literal["json", "csv"], Query(alias="format")]


def chart(context: Context, query: str, at: datetime | None, form: str, name: str, **parameters: Any) -> Response:
    """The answer to ``query`` at the moment ``at``; JSON has the SQL with it, so that a person can run it."""
    moment = at or context.state()["moment"]
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

    @api.get("/state", response_model=State)
    def get_state() -> Response:
        """How fresh the data are, and the moment that is shown."""
        return as_json(context.state())

    @api.get("/market", response_model=Table, responses=CSV)
    def market(at: At = None, form: Form = "json") -> Response:
        """Each company's sentiment and buzz, with its sector."""
        return chart(context, sql.MARKET, at, form, "market")

    @api.get("/sectors", response_model=Table, responses=CSV)
    def sectors(at: At = None, form: Form = "json") -> Response:
        """The sentiment and buzz of each sector and of the whole market."""
        return chart(context, sql.SECTORS, at, form, "sectors")

    @api.get("/movers", response_model=Table, responses=CSV)
    def movers(at: At = None, form: Form = "json") -> Response:
        """The companies whose sentiment moved most: the last 24 hours against the 7 days before."""
        return chart(context, sql.MOVERS, at, form, "movers")

    @api.get("/emerging", response_model=Table, responses=CSV)
    def emerging(at: At = None, form: Form = "json") -> Response:
        """Emerging topics, which the taxonomy does not have, with their most typical documents."""
        return chart(context, sql.EMERGING, at, form, "emerging")

    @api.get("/entities/{entity}/{what}", response_model=Table, responses=CSV)
    def of_entity(
        entity: Annotated[Company, Path()],
        what: Literal["now", "sentiment", "volume", "topics", "models", "documents", "events"],
        at: At = None,
        form: Form = "json",
        page: Page = 0,
    ) -> Response:
        """One company now, and its last week: sentiment with its band, volume, topics, models, documents, events."""
        query = sql.OF_ENTITY[what]
        return chart(context, query, at, form, what, entity=entity, limit=PAGE_SIZE, offset=page * PAGE_SIZE)

    @api.get("/lines", response_model=Table, responses=CSV)
    def lines(entity: Annotated[list[Company], Query(max_length=50)], at: At = None, form: Form = "json") -> Response:
        """The sentiment about each of some companies over a week, in windows of six hours."""
        return chart(context, sql.LINES, at, form, "lines", entities=[*entity, ""])

    @api.get("/search", response_model=Table, responses=CSV)
    def search(q: Annotated[str, Query(max_length=200)], form: Form = "json", page: Page = 0) -> Response:
        """Documents with all the words."""
        offset = page * PAGE_SIZE
        return chart(context, sql.SEARCH, None, form, "search", words=q.split(), limit=PAGE_SIZE, offset=offset)

    @api.get("/similar", response_model=Table, responses=CSV)
    def similar(document: Annotated[str, Query(max_length=500)], form: Form = "json") -> Response:
        """The documents most similar to one by their embeddings, among the latest 50,000."""
        return chart(context, sql.SIMILAR, None, form, "similar", document=document, limit=PAGE_SIZE)
