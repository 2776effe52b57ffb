"""Charts and tables: each is one SELECT of ``console.sql``, answered as JSON or as a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import StringConstraints

from console import indices, sql
from console.answers import CSV, State, Table
from console.api.as_of import EARLIEST, AsOf
from console.context import Context, as_json, encoded
from documents import EntityType, Search, Sentiment, spreadsheet_cell

PAGE_SIZE = 20
CANDIDATES = 50_000
"""So many documents are compared with the one to which similar ones are looked for."""

Page = Annotated[int, Query(ge=0, le=10_000)]
FOREVER = "2200-01-01 00:00:00"
"""Later than all documents: the present shows those with a date in the future, too."""

MOST_CHARACTERS = 100
MOST_WORDS = 200
"""Characters of what is searched for."""

Company = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MOST_CHARACTERS)]
Form = Annotated[Literal["json", "csv"], Query(alias="format")]


def chart(
    context: Context,
    query: str,
    at: datetime | None,
    form: str,
    name: str,
    answered: Callable[[indices.Ask], indices.Answer] | None = None,
    of_all: bool = False,
    **parameters: Any,
) -> Response:
    """The answer to ``query`` at the moment ``at``; JSON has the SQL with it, so that a person can run it. ``answered``
    makes the same answer of what others have asked for, too. What is ``of_all`` companies is up to ``MARKET_S`` old."""
    moment = at or (context.market_moment() if of_all else context.state()["moment"])
    shared = context.market if of_all and not at else context.shared
    parameters["moment"] = f"{moment:%Y-%m-%d %H:%M:%S}"
    parameters["until"] = parameters["moment"] if at else FOREVER

    def key(one: str) -> tuple[object, ...]:
        return one, *((name, str(value)) for name, value in sorted(parameters.items()))

    def ask(one: str) -> indices.Answer:
        found: indices.Answer = shared.get(key(one), lambda: context.pool.rows(one, parameters))
        return found

    def body() -> bytes:
        columns, rows = answered(ask) if answered else context.pool.rows(query, parameters)
        if form == "json":
            found = [dict(zip(columns, row, strict=True)) for row in rows]
            return encoded({"moment": moment, "rows": found, "sql": context.pool.spelled_out(query, parameters)})
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([[spreadsheet_cell(v) if isinstance(v, str) else v for v in row] for row in rows])
        return text.getvalue().encode()

    # Whole, as it is sent: whoever asks the same at about the same time waits neither for ClickHouse nor for a
    # connection to it, and takes hardly any of the processor.
    sent = shared.get((form, moment, *key(query)), body)
    if form == "json":
        return Response(sent, media_type="application/json")
    disposition = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(sent, media_type="text/csv", headers=disposition)


def newest_found(query: str) -> Callable[[indices.Ask], indices.Answer]:
    """``query``, without reading all of history where the newest documents fill the page."""

    def answered(ask: indices.Ask) -> indices.Answer:
        columns, rows = ask(sql.NEWEST_OF[query])
        return (columns, rows) if len(rows) == PAGE_SIZE else ask(query)

    return answered


def _since(context: Context, moment: datetime, at: datetime | None) -> datetime:
    """When the documents begin among which similar ones are looked for, so that not all of history is read: it has
    ``CANDIDATES`` of them, or is all there is."""
    asked = {"moment": f"{moment:%Y-%m-%d %H:%M:%S}"}
    asked["until"] = asked["moment"] if at else FOREVER
    for days in (1, 7, 30):
        if context.pool.rows(sql.HOW_MANY, asked | {"days": days})[1][0][0] >= CANDIDATES:
            return moment - timedelta(days=days)
    return EARLIEST


def add_routes(api: APIRouter, context: Context) -> None:
    """State, market, sectors, other entities, movers, emerging topics, one company, search, and similar documents."""

    @api.get("/state", response_model=State)
    def get_state() -> Response:
        """How fresh the data are, and the moment that is shown."""
        return as_json(context.state())

    @api.get("/market", response_model=Table, responses=CSV)
    def market(as_of: AsOf, form: Form = "json") -> Response:
        """Each company's sentiment and buzz, with its sector."""
        return chart(context, sql.MARKET, as_of, form, "market", indices.market, of_all=True)

    @api.get("/sectors", response_model=Table, responses=CSV)
    def sectors(as_of: AsOf, form: Form = "json") -> Response:
        """The sentiment and buzz of each sector and of the whole market."""
        return chart(context, sql.SECTORS, as_of, form, "sectors", indices.sectors, of_all=True)

    @api.get("/exposure", response_model=Table, responses=CSV)
    def exposure(as_of: AsOf, form: Form = "json") -> Response:
        """The 60 companies of which the desks hold most, long or short, with their sentiment; ``told`` says whether
        anything was said of them."""
        return chart(context, sql.EXPOSURE, as_of, form, "exposure", indices.exposure, of_all=True)

    @api.get("/movers", response_model=Table, responses=CSV)
    def movers(as_of: AsOf, entity_type: EntityType = "company", form: Form = "json") -> Response:
        """The companies, or others of ``entity_type``, whose sentiment moved most: the last 24 hours against the 7 days
        before."""
        scope = "entity" if entity_type == "company" else entity_type  # as the indices call it
        return chart(context, sql.MOVERS, as_of, form, "movers", of_all=True, scope=scope)

    @api.get("/others", response_model=Table, responses=CSV)
    def others(as_of: AsOf, form: Form = "json") -> Response:
        """The sentiment and buzz of each currency, commodity, index, country, central bank and person."""
        return chart(context, sql.OTHERS, as_of, form, "others", indices.others, of_all=True)

    @api.get("/emerging", response_model=Table, responses=CSV)
    def emerging(as_of: AsOf, form: Form = "json") -> Response:
        """Emerging topics, which the taxonomy does not have, with their most typical documents."""
        return chart(context, sql.EMERGING, as_of, form, "emerging")

    @api.get("/entities/{entity}/{what}", response_model=Table, responses=CSV)
    def of_entity(
        as_of: AsOf,
        entity: Annotated[Company, Path()],
        what: Literal["now", "sentiment", "volume", "topics", "models", "documents", "events", "prices"],
        form: Form = "json",
        page: Page = 0,
    ) -> Response:
        """One company or other entity now, and its last week: sentiment with its band, volume, topics, models,
        documents, events. And the closes of its last 60 days, if prices were imported, each with the mean sentiment
        of the day's stories."""
        query = sql.OF_ENTITY[what]
        answered = newest_found(query) if query in sql.NEWEST_OF else None
        asked: dict[str, Any] = {"entity": entity, "limit": PAGE_SIZE, "offset": page * PAGE_SIZE}
        return chart(context, query, as_of, form, what, answered, **asked)

    @api.get("/lines", response_model=Table, responses=CSV)
    def lines(as_of: AsOf, entity: Annotated[list[Company], Query(max_length=50)], form: Form = "json") -> Response:
        """The sentiment about each of some companies over a week, in windows of six hours."""
        return chart(context, sql.LINES, as_of, form, "lines", of_all=True, entities=[*entity, ""])

    @api.get("/search", response_model=Table, responses=CSV)
    def search(
        as_of: AsOf,
        q: Annotated[str, Query(max_length=MOST_WORDS)] = "",
        entity: Company = "",
        desk: Company = "",
        topic: Company = "",
        tone: Sentiment | Literal[""] = "",
        entity_type: EntityType | Literal[""] = "",
        form: Form = "json",
        page: Page = 0,
    ) -> Response:
        """Documents published until the moment, newest first: with all the words of ``q``, on the ``topic``, naming the
        company ``entity``, one of the ``desk`` and something of the ``entity_type``, each if it is given. The ``tone``
        is that about ``entity`` if there is one, else the document's."""
        search = Search(q, entity, desk, topic, tone, entity_type)
        asked: dict[str, Any] = search._asdict() | {"words": q.split(), "limit": PAGE_SIZE, "offset": page * PAGE_SIZE}
        return chart(context, sql.SEARCH, as_of, form, "search", newest_found(sql.SEARCH), **asked)

    @api.get("/similar", response_model=Table, responses=CSV)
    def similar(as_of: AsOf, document: Annotated[str, Query(max_length=500)], form: Form = "json") -> Response:
        """The documents most similar to one by their embeddings, among the latest 50,000 until the moment."""
        since = _since(context, as_of or context.state()["moment"], as_of)
        asked: dict[str, Any] = {"document": document, "since": f"{since:%Y-%m-%d %H:%M:%S}", "candidates": CANDIDATES}
        return chart(context, sql.SIMILAR, as_of, form, "similar", limit=PAGE_SIZE, **asked)
