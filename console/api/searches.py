"""A person's saved searches, and the alert rules that they would make.

A rule is shown and never stored: the rules' file decides who is told of what for everybody, its order counts, and it
is kept where the workers run. Whoever looks after it puts the text there (``finsent alerts rule-from-search``).
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel, Field

from alerts import BadRules, rule_from_search
from console.answers import FORBIDDEN, UNKNOWN, AlertRule, Saved, Searches
from console.api.charts import MOST_WORDS, Company
from console.context import Context, as_json
from console.people import User
from console.shared import Shared
from documents import EntityType, Linker, Search, Sentiment, Watchlist, load_watchlist
from model.topics import load_taxonomy
from storage.reads import SavedSearch, saved_searches
from storage.writes import delete_search, save_search

MOST = 100
"""So many searches a person may save."""

KEPT_S = 60.0
"""How old the watch list may be over which a rule is made: reading a long one takes a second."""


def _one_line(text: str) -> str:
    if not (name := " ".join(text.split())):
        raise ValueError("it is empty: give the search a name")
    return name


Name = Annotated[str, Field(max_length=100), AfterValidator(_one_line)]


class Named(BaseModel):
    """A saved search of this person."""

    name: Name


class NewSearch(Named):
    """A search with its name, and what it looks for; '' leaves a part out."""

    words: str = Field(default="", max_length=MOST_WORDS)
    entity: Company = ""
    desk: Company = ""
    topic: Company = ""
    tone: Sentiment | Literal[""] = ""
    entity_type: EntityType | Literal[""] = ""

    @property
    def search(self) -> Search:
        return Search(" ".join(self.words.split()), *(getattr(self, field) for field in Search._fields[1:]))


def add_routes(api: APIRouter, context: Context) -> None:
    """The searches of who asks; nobody sees those of others."""
    pool, anybody = context.pool, Depends(context.access.allow())
    lists: Shared[tuple[Watchlist, Linker]] = Shared(KEPT_S)

    def of(user: User) -> dict[str, SavedSearch]:
        return {one.name: one for one in pool.read(lambda client: saved_searches(client, user.name))}

    def named(user: User, name: str) -> SavedSearch:
        if name not in (own := of(user)):
            raise HTTPException(404, f"no search of {user.name} has this name")
        return own[name]

    @api.get("/searches", response_model=Searches)
    def get_searches(user: User = anybody) -> Response:
        """The saved searches of who asks, by name, and what searches can ask for."""
        rows = [{"name": one.name, **one.search._asdict(), "saved_at": one.saved_at} for one in of(user).values()]
        desks = context.table("SELECT DISTINCT desk FROM entities FINAL WHERE desk != '' ORDER BY desk")
        return as_json({"rows": rows, "desks": [row["desk"] for row in desks], "topics": load_taxonomy().names})

    @api.post("/searches", response_model=Saved, responses=FORBIDDEN)
    def post_search(body: NewSearch, user: User = anybody) -> Response:
        """Save a search of who asks, in place of their one of that name."""
        if body.search == Search():
            raise HTTPException(422, "the search asks for nothing: fill in a part of it")
        if body.name not in (own := of(user)) and len(own) >= MOST:
            raise HTTPException(422, f"{user.name} has saved {MOST} searches: delete one first")
        pool.write(lambda client: save_search(client, user.name, body.name, body.search))
        return as_json({"name": body.name})

    @api.post("/searches/delete", response_model=Saved, responses=FORBIDDEN | UNKNOWN)
    def post_delete(body: Named, user: User = anybody) -> Response:
        """Delete a saved search of who asks."""
        saved = named(user, body.name)
        pool.write(lambda client: delete_search(client, user.name, saved.name))
        return as_json({"name": saved.name})

    @api.post("/searches/rule", response_model=AlertRule, responses=FORBIDDEN | UNKNOWN)
    def post_rule(body: Named, user: User = anybody) -> Response:
        """The alert rule nearest to a saved search, to copy into the rules' file, and what of the search no rule can
        say. Nothing is stored, and nobody is told of anything by it."""
        saved = named(user, body.name)

        def read() -> tuple[Watchlist, Linker]:
            watchlist = load_watchlist()
            return watchlist, Linker(watchlist)

        watchlist, linker = lists.get("watch list", read)
        try:
            made = rule_from_search(saved.name, saved.search, watchlist, linker, load_taxonomy().names)
        except BadRules as error:
            raise HTTPException(422, str(error)) from error
        return as_json({"rule": made.text, "left_out": made.left_out, "notes": made.notes})
