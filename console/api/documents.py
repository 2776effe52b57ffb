"""Single documents: the words that decided a score, documents to label next, and their labels."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from console.answers import FORBIDDEN, UNKNOWN, Explanation, Labelled, Rows
from console.api.as_of import AsOf
from console.api.charts import Company
from console.context import Context, as_json
from console.people import User
from documents import Sentiment, whole_text
from storage.reads import unlabelled_documents

MOST_QUEUED = 200
SHOWN = ("document_id", "source", "kind", "title", "text", "published_at", "entities")
"""Of a document to label. How the model scored it would sway who labels it."""


class Judgement(BaseModel):
    """A person's label of a stored document."""

    document_id: str = Field(min_length=1, max_length=500)
    label: Sentiment


def add_routes(api: APIRouter, context: Context) -> None:
    """Explaining and the queue for everybody; labelling for annotators."""
    pool, explainer, annotator = context.pool, context.explainer, Depends(context.access.allow("annotator"))

    @api.get("/explain", response_model=Explanation, responses=UNKNOWN)
    def explain(document: Annotated[str, Query(max_length=500)], entity: Company = "") -> Response:
        """The words that decided a document's score, by the present champion; or the ``reason`` why there are none."""
        query = "SELECT title, text, surface FROM mentions WHERE document_id = %(id)s AND entity = %(entity)s LIMIT 1"
        if not entity:
            query = "SELECT title, text, '' FROM documents WHERE document_id = %(id)s LIMIT 1"
        rows = pool.rows(query, {"id": document, "entity": entity})[1]
        if not rows:
            raise HTTPException(404, "no such document")
        text = whole_text(*rows[0][:2])
        try:
            return as_json(explainer.explain(text, rows[0][2] or None))
        except ValueError as error:  # such as a language that the model does not read: not the caller's fault
            return as_json({"text": text, "words": [], "reason": str(error)})
        except (OSError, RuntimeError) as error:
            raise HTTPException(503, f"the model cannot be run: {error}") from error

    @api.get("/queue", response_model=Rows)
    def queue(as_of: AsOf, limit: Annotated[int, Query(ge=1, le=MOST_QUEUED)] = 30) -> Response:
        """Documents worth a label: of the 2,000 that were stored last, those of which the model is least certain first;
        with ``as_of``, of those published last until then. None has a label today."""

        def ask() -> list[dict[str, Any]]:
            rows = pool.read(lambda client: unlabelled_documents(client, 2000, as_of))
            rows.sort(key=lambda row: max(row["p_negative"], row["p_neutral"], row["p_positive"]))
            # Answers about many moments may be kept at a time, so no more is kept than can be asked for.
            return [{name: row[name] for name in SHOWN} for row in rows[:MOST_QUEUED]]

        return as_json({"rows": context.shared.get(("queue", as_of), ask)[:limit]})

    @api.post("/labels", response_model=Labelled, responses=FORBIDDEN | UNKNOWN)
    def post_label(body: Judgement, request: Request, user: User = annotator) -> Response:
        """Send a label to the topic labels; a worker stores it. A later label of the same user replaces it."""
        query = "SELECT 1 FROM documents WHERE document_id = %(id)s LIMIT 1"
        if not pool.rows(query, {"id": body.document_id})[1]:
            raise HTTPException(404, "no such document")
        if context.send_label is None:
            raise HTTPException(503, "this console sends no labels")
        context.send_label(body.document_id, body.label, user.name)
        context.record(request, user, "labelled", body.document_id, body.label)
        return as_json({"annotator": user.name})
