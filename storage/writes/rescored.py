"""Scores that another model version gave to stored documents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from clickhouse_driver import Client

from documents import Document
from storage.connection import WHOLE_INSERT
from storage.record import document_columns

_COLUMNS = (
    "topic", "topic_id", "partition", "offset", "kind", "document_id", "source", "lang", "published_at", "ingested_at",
    "story_id", "scored_at", "model_version", "label", "p_negative", "p_neutral", "p_positive", "sentiment", "tokens",
    "mentions.entity", "mentions.surface", "mentions.via", "mentions.label", "mentions.p_negative",
    "mentions.p_neutral", "mentions.p_positive", "mentions.sentiment",
)  # fmt: skip


def write_rescored(client: Client, documents: Sequence[Document]) -> None:
    """Store the scores of ``documents`` beside those they had. If that is repeated, the first ones stay valid."""
    now = datetime.now(UTC)
    found = document_columns(documents)
    names = ", ".join(f"`{column}`" for column in (*_COLUMNS, "rescored_at"))
    client.execute(
        f"INSERT INTO rescored_log ({names}) VALUES",
        [*(list(found[column]) for column in _COLUMNS), [now] * len(documents)],
        columnar=True,
        settings=WHOLE_INSERT,
    )
