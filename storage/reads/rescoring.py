"""Stored documents that a given model version has not scored yet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from clickhouse_driver import Client

from documents import Document, Mention, Position
from storage.reads.entities import other_types

_COLUMNS = (
    "topic", "topic_id", "partition", "offset", "kind", "document_id", "source", "lang", "published_at", "ingested_at",
    "story_id", "title", "text", "mentions.entity", "mentions.surface", "mentions.via",
)  # fmt: skip

# The documents of the span that another version scored, and that this one has not scored since.
LEFT = """
FROM documents
WHERE published_at >= %(since)s AND published_at < %(until)s AND unscored = '' AND model_version != %(version)s
    AND topic = %(topic)s AND topic_id = %(topic_id)s AND partition = %(partition)s AND offset > %(after)s
    AND offset NOT IN
    (
        SELECT offset FROM rescored_log
        WHERE model_version = %(version)s AND topic = %(topic)s AND topic_id = %(topic_id)s
            AND partition = %(partition)s AND offset > %(after)s
    )
"""


class Rescoring:
    """The documents of ``since <= published_at < until`` that ``version`` has not scored: all, or what an interrupted
    rescoring left."""

    def __init__(self, client: Client, version: str, since: datetime, until: datetime) -> None:
        self._client = client
        partitions = client.execute("SELECT topic, topic_id, partition FROM record_log GROUP BY ALL ORDER BY ALL")
        self._partitions = [
            {"version": version, "since": since, "until": until, "topic": topic, "topic_id": topic_id,
             "partition": partition, "after": -1}
            for topic, topic_id, partition in partitions
        ]  # fmt: skip
        self._types = other_types(client)
        counts = (client.execute(f"SELECT count() {LEFT}", where)[0][0] for where in self._partitions)
        self.left: int = sum(counts)
        """How many documents there are to score."""

    def batches(self, size: int) -> Iterator[list[Document]]:
        """The documents in batches of at most ``size``, of one partition each, without their scores."""
        columns = ", ".join(f"`{column}`" for column in _COLUMNS)
        for where in self._partitions:
            query = f"SELECT {columns} {LEFT} ORDER BY offset LIMIT %(size)s"
            while rows := self._client.execute(query, {**where, "size": size}):
                yield [self._document(*row) for row in rows]
                where["after"] = rows[-1][_COLUMNS.index("offset")]

    def _document(
        self, topic: str, topic_id: str, partition: int, offset: int, kind: Any, document_id: str, source: str,
        lang: str, published_at: datetime, ingested_at: datetime, story_id: int, title: str, text: str,
        entities: list[str], surfaces: list[str], vias: list[Any],
    ) -> Document:  # fmt: skip
        return Document(
            Position(topic, topic_id, partition, offset), kind, document_id, source, title, text, lang=lang,
            published_at=published_at, ingested_at=ingested_at, story_id=story_id,
            mentions=[
                Mention(entity, surface, via, entity_type=self._types.get(entity, "company"))
                for entity, surface, via in zip(entities, surfaces, vias, strict=True)
            ],
        )  # fmt: skip
