"""Companies that are on no list and are spoken of."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from console.access import address, network
from console.answers import Dated
from console.api.as_of import AsOf
from console.context import Context, as_json
from console.lane import Lane
from console.pool import Pool
from console.shared import Shared
from documents import Linker, load_watchlist, whole_text
from documents.universe import Spoken, suggestions
from storage.reads import english_stories

MOST_STORIES, MOST_CHARACTERS = 10_000, 1000
"""So many stories of the week are read, the newest, and so much of each."""

FEWEST, SHOWN = 3, 20
"""A name stands in so many stories at least; so many names are shown."""

KEPT_S = 600.0
"""How old the answer may be: it takes some seconds of a core, and a week changes little in that time."""


def add_routes(api: APIRouter, context: Context) -> None:
    """The names of the week before the moment."""
    kept: Shared[list[dict[str, Any]]] = Shared(KEPT_S)
    lane = Lane(1, "unknown companies are looked for at many other moments just now")

    @api.get("/unknown", response_model=Dated)
    def unknown(as_of: AsOf, request: Request) -> Response:
        """Companies that are on no list and are spoken of in the week before the moment, as ``finsent watchlist
        suggest`` finds them in the newest 10,000 English stories: those in most stories first."""
        moment = as_of or context.state()["moment"]

        def look() -> list[dict[str, Any]]:
            with lane.turn(network(address(request))):
                return _spoken_of(context.pool, moment)

        return as_json({"moment": moment, "rows": kept.get(as_of, look)})


def _spoken_of(pool: Pool, moment: datetime) -> list[dict[str, Any]]:
    week = moment - timedelta(days=7), moment
    rows = pool.read(lambda client: list(english_stories(client, *week, MOST_STORIES, MOST_CHARACTERS)))
    told = (Spoken(whole_text(title, text), story, source) for title, text, story, source in rows)
    return [
        {
            "name": one.name,
            "stories": len(one.stories),
            "sources": len(one.sources),
            "example": " ".join(one.example.split())[:200],
        }
        for one in suggestions(told, Linker(load_watchlist()), FEWEST)[:SHOWN]
    ]
