"""The documents that a drift check compares, and the results of the latest check."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import numpy as np
from clickhouse_driver import Client

from storage.rows import Row, select

SCORED = """
error_kind = '' AND unscored = '' AND model_version = %(version)s
    AND ingested_at > toDateTime64(%(since)s, 3, 'UTC') AND ingested_at <= toDateTime64(%(until)s, 3, 'UTC')
"""


class ArrivedDocuments(NamedTuple):
    """n documents in the order of their arrival, as parallel arrays."""

    at: np.ndarray
    """datetime64[ms]: when each was stored."""

    source: np.ndarray
    """str."""

    text: list[str]
    """Title and text."""

    probabilities: np.ndarray
    """float64 [n, 3]: negative, neutral, positive."""

    vectors: np.ndarray
    """float32 [n, 384]: embeddings of unit length."""


def moment(at: datetime) -> str:
    """``at`` (UTC) as a parameter with milliseconds: of a datetime, the driver sends whole seconds."""
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def scoring_version(client: Client, until: datetime) -> str:
    """The version that scored the latest document stored by ``until``; '' if there is none."""
    return str(
        client.execute(
            "SELECT argMax(model_version, ingested_at) FROM record_log "
            "WHERE model_version != '' AND ingested_at <= toDateTime64(%(until)s, 3, 'UTC')",
            {"until": moment(until)},
        )[0][0]
    )


def counts_by_source(client: Client, version: str, since: datetime, until: datetime) -> dict[tuple[str, str], int]:
    """How many documents of each (kind, source) ``version`` scored, of those stored in ``since < t <= until``."""
    rows = client.execute(
        f"SELECT kind, source, count() FROM record_log WHERE {SCORED} GROUP BY kind, source",
        {"version": version, "since": moment(since), "until": moment(until)},
    )
    return {(kind, source): count for kind, source, count in rows}


def arrived_documents(
    client: Client,
    version: str,
    kind: str,
    source: str,
    since: datetime,
    until: datetime,
    limit: int,
    every: int = 1,
) -> ArrivedDocuments:
    """The latest ``limit`` documents that ``version`` scored, each story once.

    They were stored in ``since < t <= until`` and are of ``kind`` and ``source`` ('' for all). With ``every`` = n,
    about one document in n is taken, chosen by a hash of its position.
    """
    where = f"""
        FROM record_log
        WHERE {SCORED} AND kind = %(kind)s AND (%(source)s = '' OR source = %(source)s)
            AND cityHash64(topic, partition, offset) %% %(every)s = 0
    """
    parameters = {
        **{"version": version, "kind": kind, "source": source, "since": moment(since), "until": moment(until)},
        **{"limit": limit, "every": every},
    }
    # The first query finds how far back to go, so that the second one reads the wide columns of few rows. A position
    # that was stored twice is one story.
    first = client.execute(
        f"SELECT min(ingested_at) FROM (SELECT ingested_at {where} ORDER BY ingested_at DESC LIMIT %(limit)s)",
        parameters,
    )[0][0]
    rows = client.execute(
        f"""
        SELECT toUnixTimestamp64Milli(ingested_at), toString(source), concat(title, '\\n', text),
               p_negative, p_neutral, p_positive, hex(embedding)
        {where} AND ingested_at >= toDateTime64(%(first)s, 3, 'UTC')
        ORDER BY ingested_at DESC, topic, partition, offset DESC LIMIT 1 BY story_id LIMIT %(limit)s
        """,
        {**parameters, "first": moment(first)},
    )
    rows.reverse()
    at, sources, texts, negative, neutral, positive, vectors = zip(*rows, strict=True) if rows else ((),) * 7
    blob = b"".join(bytes.fromhex(vector)[:384].ljust(384, b"\0") for vector in vectors)
    ints = np.frombuffer(blob, np.int8).reshape(-1, 384).astype(np.float32)
    return ArrivedDocuments(
        np.array(at, "datetime64[ms]"),
        np.array(sources, str),
        list(texts),
        np.array([negative, neutral, positive], float).reshape(3, -1).T,
        ints / np.maximum(np.linalg.norm(ints, axis=1, keepdims=True), 1),
    )


def drift_now(client: Client) -> list[Row]:
    """The latest result for each group of documents and measure: alarms first, then by the size of the effect."""
    return select(
        client,
        """
        SELECT * FROM (SELECT * FROM drift ORDER BY at DESC LIMIT 1 BY kind, source, measure)
        ORDER BY alarm = '', abs(effect) DESC, kind, source, measure
        """,
    )
