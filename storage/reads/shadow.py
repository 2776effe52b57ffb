"""What a challenger said of live documents beside the champion: the table ``shadow_log``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from clickhouse_driver import Client

from storage.reads.queries import Row, select


class Shadowed(NamedTuple):
    """One document that both versions scored: a row of ``shadow_log``, in its columns' order."""

    topic: str
    topic_id: str
    partition: int
    offset: int
    at: datetime
    worker: str
    kind: str
    source: str
    document_id: str
    champion: str
    challenger: str
    champion_label: str
    challenger_label: str
    champion_p: list[float]
    challenger_p: list[float]
    champion_s: float
    challenger_s: float


class Beside(NamedTuple):
    """What two versions said of the same documents, as parallel arrays: ``source`` str, ``champion`` and
    ``challenger`` float64 [n, 3] (probabilities), ``champion_s`` and ``challenger_s`` float64 (seconds, 0 where not
    timed)."""

    source: np.ndarray
    champion: np.ndarray
    challenger: np.ndarray
    champion_s: np.ndarray
    challenger_s: np.ndarray


def write_shadowed(client: Client, rows: Sequence[Shadowed]) -> None:
    """Store ``rows``; a document that comes again counts once."""
    client.execute(f"INSERT INTO shadow_log ({', '.join(f'`{name}`' for name in Shadowed._fields)}) VALUES", rows)


def shadowed(client: Client, challenger: str, champion: str, since: datetime, limit: int = 100_000) -> Beside:
    """The latest documents that ``challenger`` scored in the shadow of ``champion`` since ``since``; ``source`` is
    'kind/source'."""
    rows = client.execute(
        """
        SELECT concat(kind, '/', source), champion_p, challenger_p, champion_s, challenger_s FROM shadow_log FINAL
        WHERE challenger = %(challenger)s AND champion = %(champion)s AND at >= fromUnixTimestamp64Milli(%(since)s)
        ORDER BY at DESC LIMIT %(limit)s
        """,
        {"challenger": challenger, "champion": champion, "since": round(since.timestamp() * 1000), "limit": limit},
    )
    columns = list(zip(*rows, strict=True)) if rows else [()] * 5
    return Beside(
        np.array(columns[0], str),
        np.array(columns[1], float).reshape(-1, 3),
        np.array(columns[2], float).reshape(-1, 3),
        np.array(columns[3], float),
        np.array(columns[4], float),
    )


def shadow_documents(client: Client, challenger: str, champion: str, since: datetime) -> int:
    """How many documents ``challenger`` has scored in the shadow of ``champion`` since ``since``."""
    return int(
        client.execute(
            """
            SELECT count() FROM shadow_log FINAL
            WHERE challenger = %(challenger)s AND champion = %(champion)s AND at >= fromUnixTimestamp64Milli(%(since)s)
            """,
            {"challenger": challenger, "champion": champion, "since": round(since.timestamp() * 1000)},
        )[0][0]
    )


def latest_texts(client: Client, limit: int = 2000) -> list[Row]:
    """The latest scored documents, a story once: what two versions can be compared on."""
    return select(
        client,
        """
        SELECT document_id, kind, source, lang, title, text, published_at, mentions.surface AS surfaces
        FROM documents
        WHERE unscored = ''
        ORDER BY ingested_at DESC, topic, partition, offset DESC
        LIMIT 1 BY story_id
        LIMIT %(limit)s
        """,
        {"limit": limit},
    )
