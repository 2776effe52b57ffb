"""How a challenger scored live documents, beside the champion."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import numpy as np
from clickhouse_driver import Client


class ShadowScores(NamedTuple):
    """The scores of two versions for the same n documents, as parallel arrays."""

    source: np.ndarray
    """str: 'kind/source'."""

    champion: np.ndarray
    """float64 [n, 3]: probabilities by the champion."""

    challenger: np.ndarray
    """float64 [n, 3]: probabilities by the challenger."""

    champion_s: np.ndarray
    """float64: seconds that the champion took, 0 where that was not measured."""

    challenger_s: np.ndarray
    """float64: seconds that the challenger took, 0 where that was not measured."""


def shadow_scores(
    client: Client, challenger: str, champion: str, since: datetime, limit: int = 100_000
) -> ShadowScores:
    """The scores of the latest ``limit`` documents that ``challenger`` scored beside ``champion`` since ``since``."""
    rows = client.execute(
        """
        SELECT concat(kind, '/', source), champion_p, challenger_p, champion_s, challenger_s FROM shadow_log FINAL
        WHERE challenger = %(challenger)s AND champion = %(champion)s AND at >= fromUnixTimestamp64Milli(%(since)s)
        ORDER BY at DESC LIMIT %(limit)s
        """,
        {"challenger": challenger, "champion": champion, "since": round(since.timestamp() * 1000), "limit": limit},
    )
    columns = list(zip(*rows, strict=True)) if rows else [()] * 5
    return ShadowScores(
        np.array(columns[0], str),
        np.array(columns[1], float).reshape(-1, 3),
        np.array(columns[2], float).reshape(-1, 3),
        np.array(columns[3], float),
        np.array(columns[4], float),
    )


def count_shadow_documents(client: Client, challenger: str, champion: str, since: datetime) -> int:
    """How many documents ``challenger`` has scored beside ``champion`` since ``since``."""
    return int(
        client.execute(
            """
            SELECT count() FROM shadow_log FINAL
            WHERE challenger = %(challenger)s AND champion = %(champion)s AND at >= fromUnixTimestamp64Milli(%(since)s)
            """,
            {"challenger": challenger, "champion": champion, "since": round(since.timestamp() * 1000)},
        )[0][0]
    )
