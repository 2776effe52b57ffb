"""Emerging topics, and the sample of documents in which they are searched."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from clickhouse_driver import Client

from storage.rows import Row, select

TEXT = 400
"""Characters of a document's text that are read."""


class SampledDocument(NamedTuple):
    """What of a document tells a topic. ``position`` is (topic, topic id, partition, offset)."""

    position: tuple[str, str, int, int]
    published_at: datetime
    lang: str
    model_version: str
    title: str
    text: str
    entities: list[str]
    embedding: bytes

    @property
    def whole(self) -> str:
        """Title and text."""
        return f"{self.title}\n{self.text}"


def sample_documents(
    client: Client, since: datetime, until: datetime, limit: int, strangeness: float | None = None
) -> tuple[list[SampledDocument], float]:
    """At most ``limit`` documents of ``since < published_at <= until``, each story once, and how many documents one of
    them stands for. The same ones whoever asks. With ``strangeness`` only those without a topic that are at least so
    strange."""
    rows = client.execute(
        f"""
        SELECT topic, topic_id, partition, offset, published_at, lang, model_version, title,
               substringUTF8(text, 1, {TEXT}), mentions.entity, hex(embedding), count() OVER ()
        FROM
        (
            SELECT topic, topic_id, partition, offset, published_at, lang, model_version, title, text, mentions.entity,
                   embedding, story_id
            FROM documents
            WHERE published_at > %(since)s AND published_at <= %(until)s AND unscored = ''
                AND (isNull(%(strange)s) OR (empty(`topics.name`) AND strangeness >= %(strange)s))
            ORDER BY published_at, topic, topic_id, partition, offset
            LIMIT 1 BY story_id
        )
        ORDER BY cityHash64(story_id), story_id
        LIMIT %(limit)s
        """,
        {"since": since, "until": until, "limit": limit, "strange": strangeness},
    )
    # As text: the driver would take an embedding whose bytes happen to be UTF-8 for a string.
    told = [SampledDocument(row[:4], *row[4:9], row[9], bytes.fromhex(row[10])) for row in rows]  # type: ignore[call-arg]
    return told, rows[0][11] / len(rows) if rows else 1.0


def emerging_topics(
    client: Client, since: datetime | None = None, entity: str = "", limit: int = 100, until: datetime | None = None
) -> list[Row]:
    """Emerging topics heard of since then (and found until then), the largest burst first; ``members`` are the
    positions of their documents."""
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
