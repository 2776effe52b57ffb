"""What the API's answers look like, for its OpenAPI document. Programs that use the API are made from that."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel

Row = dict[str, Any]
Responses = dict[int | str, dict[str, Any]]


class Problem(BaseModel):
    """Why there is no answer."""

    detail: str


class Table(BaseModel):
    """The rows of a chart, the moment that they show, and the SELECT that finds them."""

    moment: datetime
    rows: list[Row]
    sql: str


class Dated(BaseModel):
    """Rows as of a moment, in an order that the route tells."""

    moment: datetime
    rows: list[Row]


class Personal(BaseModel):
    """Documents in a personal order, each with its reasons; the desks to choose from; how many actions of this person
    the order has learnt from; the SELECT that finds the documents."""

    moment: datetime
    desks: list[str]
    acts: int
    rows: list[Row]
    sql: str


class Opened(BaseModel):
    """For whom it is remembered."""

    by: str


class Rows(BaseModel):
    """Rows, in an order that the route tells."""

    rows: list[Row]


class Alerts(BaseModel):
    """Alerts, and the silences that hold now."""

    rows: list[Row]
    silences: list[Row]


class State(BaseModel):
    """How fresh the data are, how many there are, and the moment that the pages show."""

    now: datetime
    moment: datetime
    live: bool
    published_at: datetime
    stored_at: datetime
    records: int
    alerts: int
    actions: int
    labels: int


class Health(BaseModel):
    """The state of the service: what is wrong, and how far workers, feeds and models are. ``unknown`` names what is not
    known as of the moment that was asked for; ``state`` is the present's, but for its moment."""

    problems: list[Row]
    state: State
    feeds: list[Row]
    sources: list[Row]
    backlog: dict[str, int]
    backlog_unknown: str
    workers: dict[str, str]
    scored_by: str
    runs: list[Row]
    events: list[Row]
    drift: list[Row]
    shadow: list[Row]
    sql: str
    unknown: list[str]


class Explanation(BaseModel):
    """A document's text and the words that decided its score, or the reason why none are told."""

    text: str
    words: list[Any]
    reason: str = ""


class Acknowledged(BaseModel):
    """Who looks after the alert now; '' for nobody."""

    by: str


class Searches(BaseModel):
    """The saved searches of who asks, by name; the desks and topics that searches can name."""

    rows: list[Row]
    desks: list[str]
    topics: list[str]


class Saved(BaseModel):
    """The name of the search."""

    name: str


class AlertRule(BaseModel):
    """An alert rule in YAML ('' where there can be none), what of the search is not in it and why, and what to know."""

    rule: str
    left_out: list[str]
    notes: list[str]


class Silenced(BaseModel):
    """The silence, and when it ends."""

    silence_id: str
    ends_at: datetime


class Labelled(BaseModel):
    """Whose label was sent."""

    annotator: str


class SignedIn(BaseModel):
    """Who is signed in, and their roles."""

    name: str
    roles: list[str]


class Done(BaseModel):
    """It is done."""


class Alive(BaseModel):
    """ClickHouse answers."""

    ok: bool


def _problem(description: str) -> dict[str, Any]:
    return {"model": Problem, "description": description}


ALWAYS: Responses = {
    400: _problem("The body cannot be read, or the host name is not one of this console's"),
    401: _problem("Nobody is signed in"),
    422: _problem("A parameter or the body is wrong"),
    429: _problem("Too many requests; Retry-After says when to try again"),
    502: _problem("ClickHouse refused the query"),
    503: _problem("ClickHouse, Kafka or the model is away, or busy"),
}
FORBIDDEN: Responses = {403: _problem("The user lacks the role, or the header X-CSRF-Token is not that of a page")}
UNKNOWN: Responses = {404: _problem("There is no such thing")}
CSV: Responses = {200: {"description": "The rows", "content": {"text/csv": {"schema": {"type": "string"}}}}}
EVENTS: Responses = {
    200: {"description": "Server-sent events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}
