"""A person's own page: documents in the order of what they are to this person, and what they opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from clickhouse_driver import Client
from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from console.answers import FORBIDDEN, UNKNOWN, Opened, Personal
from console.api.as_of import AsOf
from console.api.charts import MOST_CHARACTERS
from console.context import Context, as_json
from console.people import User
from console.ranking import (
    CANDIDATES,
    TEXTS,
    Act,
    Candidate,
    Person,
    Ranked,
    interests,
    offered,
    parameters,
    rank,
)
from console.shared import Shared
from storage.reads import holdings, looked_at
from storage.writes import write_opened

REMEMBERED_DAYS = 90
"""As the table ``opened_log`` declares."""

SHOWN = 30
MOST_NAMED = 500
"""So many companies are put into the query by name: those of the largest positions, and of the largest interests."""

OFFER_S = 300.0
"""How old the counts of what is on offer may be; they are the same for all."""

WEIGHT = {"opened": 1.0, "labelled": 1.0, "acknowledged": 2.0}
"""Who acknowledges an alert looks after it."""

COMPANIES = "SELECT ticker AS entity, name, desk FROM entities FINAL"


class OpenedNow(BaseModel):
    """A document that this person opened, with the company beside which it stood if there was one; or a company's page
    (without ``document_id``)."""

    document_id: str = Field(default="", max_length=500)
    entity: str = Field(default="", max_length=MOST_CHARACTERS)


def add_routes(api: APIRouter, context: Context) -> None:
    """The personal order, and what it learns from."""
    pool, anybody = context.pool, Depends(context.access.allow())
    offers: Shared[tuple[Counter[str], Counter[str]]] = Shared(OFFER_S)

    def watched() -> dict[str, dict[str, Any]]:
        """The companies of the watch list by ticker."""
        return {row["entity"]: row for row in context.shared.get("companies", lambda: context.table(COMPANIES))}

    @api.get("/for-you", response_model=Personal)
    def for_you(
        as_of: AsOf,
        desk: Annotated[str, Query(max_length=MOST_CHARACTERS)] = "",
        user: User = anybody,
    ) -> Response:
        """Documents of the 3 days before the moment: those that matter most to who asks come first, each with the
        reasons and their points. With ``desk``, by its companies and positions; else by the positions of all desks.
        Nobody is told what others opened."""
        moment = as_of or context.state()["moment"]
        companies = watched()
        offer = offers.get(as_of, lambda: pool.read(lambda client: offered(client, moment)))
        # People act now, also where the newest document is old. Times are asked for in whole seconds.
        now = as_of or datetime.now(UTC) + timedelta(seconds=1)
        acts = pool.read(lambda client: _acts(client, user.name, now))
        person = Person(
            {name for name, row in companies.items() if desk and row["desk"] == desk},
            pool.read(lambda client: _exposure(client, desk, as_of)),
            interests(acts, offer[0], now),
            interests(acts, offer[1], now, topics=True),
        )
        asked = parameters(moment, desk, _named(person))
        ranked = rank((Candidate(*row) for row in pool.rows(CANDIDATES, asked)[1]), person, moment)[:SHOWN]
        ids = [one.candidate.document_id for one in ranked]
        texts = {row[:2]: row[2:] for row in pool.rows(TEXTS, asked | {"ids": [*ids, ""]})[1]}
        return as_json(
            {
                "moment": moment,
                "desks": sorted({row["desk"] for row in companies.values() if row["desk"]}),
                "acts": len(acts),
                "rows": [
                    _row(one, texts[one.candidate.key], companies)
                    for one in ranked
                    if one.candidate.key in texts  # it may have been erased meanwhile
                ],
                "sql": pool.spelled_out(CANDIDATES, asked),
            }
        )

    @api.post("/opened", response_model=Opened, responses=FORBIDDEN | UNKNOWN)
    def opened(body: OpenedNow, user: User = anybody) -> Response:
        """Remember for 90 days that this person opened a document or a company's page, for their own order alone."""
        query = "SELECT 1 FROM documents WHERE document_id = %(id)s LIMIT 1"
        if body.document_id and not pool.rows(query, {"id": body.document_id})[1]:
            raise HTTPException(404, "no such document")
        if (body.entity or not body.document_id) and body.entity not in watched():
            raise HTTPException(404, "no such company")
        pool.write(lambda client: write_opened(client, user.name, body.document_id, body.entity))
        return as_json({"by": user.name})


def _exposure(client: Client, desk: str, moment: datetime | None) -> dict[str, float]:
    found: Counter[str] = Counter()
    for row in holdings(client, moment):
        if desk in ("", row["desk"]):
            found[row["ticker"]] += abs(row["exposure"])
    return dict(found)


def _acts(client: Client, user: str, moment: datetime) -> list[Act]:
    rows = looked_at(client, user, moment - timedelta(days=REMEMBERED_DAYS), moment)
    return [Act(row.at, row.entities, row.topics, WEIGHT[row.action]) for row in rows]


def _named(person: Person) -> list[str]:
    bits = person.companies.bits
    held = sorted(person.exposure, key=lambda name: -person.exposure[name])
    liked = sorted((name for name in bits if bits[name] > 0), key=lambda name: -bits[name])
    return [*held[:MOST_NAMED], *liked[:MOST_NAMED]]


def _row(one: Ranked, text: Sequence[Any], companies: dict[str, dict[str, Any]]) -> dict[str, Any]:
    names = ("kind", "title", "text", "url", "lang", "lang_quality")
    company = companies.get(one.candidate.entity)
    return {
        **one.candidate._asdict(),
        "name": company["name"] if company else one.candidate.entity,
        **dict(zip(names, text, strict=True)),
        "score": one.score,
        "freshness": one.freshness,
        "reasons": [reason._asdict() for reason in one.reasons],
    }
