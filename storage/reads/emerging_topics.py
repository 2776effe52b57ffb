"""Emerging topics, and the sample of documents in which they are searched."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from clickhouse_driver import Client

from documents import whole_text
from storage.rows import Row, select

TEXT = 400
"""How many characters of a document's text are read."""


class SampledDocument(NamedTuple):
    """A document in which emerging topics are searched."""

    position: tuple[str, str, int, int]
    """Kafka topic, its id, partition, offset."""

    published_at: datetime
    lang: str
    model_version: str
    title: str
    text: str
    entities: list[str]
    embedding: bytes
    """int8 [384]: the unit vector times 127."""

    @property
    def whole(self) -> str:
        """Title and text."""
        return whole_text(self.title, self.text)


_DRAWN_FROM = """
    published_at > %(since)s AND published_at <= %(until)s AND unscored = ''
    AND (isNull(%(strange)s) OR (empty(`topics.name`) AND strangeness >= %(strange)s))
"""

_SAMPLE = f"""
    SELECT topic, topic_id, partition, offset, published_at, lang, model_version, title,
           substringUTF8(text, 1, {TEXT}), mentions.entity, hex(embedding)
    FROM
    (
        SELECT topic, topic_id, partition, offset, published_at, lang, model_version, title, text, mentions.entity,
               embedding, story_id
        FROM documents
        WHERE {_DRAWN_FROM} AND cityHash64(story_id) <= %(below)s
        ORDER BY published_at, topic, topic_id, partition, offset
        LIMIT 1 BY story_id
    )
    ORDER BY cityHash64(story_id), story_id
    LIMIT %(limit)s
"""


def sample_documents(
    client: Client, since: datetime, until: datetime, limit: int, strangeness: float | None = None
) -> tuple[list[SampledDocument], float]:
    """A sample of ``since < published_at <= until``: at most ``limit`` documents, each story once.

    Also returns how many documents one of the sample stands for. The sample is by a hash of the story, so two workers
    get the same one. With ``strangeness``, only documents that have no topic and are at least that strange are drawn.
    """
    values = {"since": since, "until": until, "limit": limit, "strange": strangeness}
    ((stories,),) = client.execute(f"SELECT uniqExact(story_id) FROM documents WHERE {_DRAWN_FROM}", values)
    # The hashes are spread evenly, so those of the sample are all below a bound with near certainty. Only such stories
    # are then sorted, and their texts read; in the worst case, once more without the bound.
    bound = int(2**64 * (limit + 10 * limit**0.5) / stories) if stories else 0
    rows: list[tuple[Any, ...]] = []
    for below in (min(bound, 2**64 - 1), 2**64 - 1):
        if len(rows) < min(limit, stories):
            rows = client.execute(_SAMPLE, {**values, "below": below})
    # As text: the driver would take an embedding whose bytes happen to be UTF-8 for a string.
    sample = [SampledDocument(row[:4], *row[4:9], row[9], bytes.fromhex(row[10])) for row in rows]  # type: ignore[call-arg]
    return sample, stories / len(rows) if rows else 1.0


def emerging_topics(
    client: Client, since: datetime | None = None, entity: str = "", limit: int = 100, until: datetime | None = None
) -> list[Row]:
    """Emerging topics, the largest burst first; ``members`` are the positions of their documents.

    They have a document published since ``since`` and were recorded by ``until``; ``entity`` is '' for any.
    """
    rows = select(
        client,
        """
        SELECT *, arrayZip(`members.topic`, `members.topic_id`, `members.partition`, `members.offset`) AS members
        FROM emerging_topics FINAL
        WHERE (isNull(%(since)s) OR last_at >= %(since)s) AND (isNull(%(until)s) OR at <= %(until)s)
            AND (%(entity)s = '' OR has(entities, %(entity)s))
        ORDER BY burst DESC, documents DESC, id
        LIMIT %(limit)s
        """,
        {"since": since, "until": until, "entity": entity, "limit": limit},
    )
    return [{name: value for name, value in row.items() if not name.startswith("members.")} for row in rows]


def emerging_documents(client: Client, topic: str, limit: int = 5) -> list[Row]:
    """The documents of an emerging topic, the most typical first."""
    return select(
        client,
        "SELECT * EXCEPT (emerging_id, place) FROM emerging_documents WHERE emerging_id = %(topic)s "
        "ORDER BY place LIMIT %(limit)s",
        {"topic": topic, "limit": limit},
    )
