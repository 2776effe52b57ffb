"""Inserts that are stored on a majority of the replicas before they return."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from storage.shards import SHARDED

LEAST_QUORUM: dict[str, str | int] = {
    "insert_quorum": "auto",
    "insert_quorum_parallel": 0,
    "insert_quorum_timeout": 60_000,
}
"""The settings of inserts that return once a majority of the replicas has them. They run one at a time: only then can
all be read back with sequential consistency. A server without replicated tables ignores these settings."""

PATIENCE_S = 30.0
PREVIOUS_QUORUM_NOT_MET = 286
"""The error of an insert that came while another one was not on a majority of the replicas yet. Nothing was stored."""


def insert_alone(
    client: Client, query: str, rows: Any, columnar: bool = False, settings: Mapping[str, Any] | None = None
) -> None:
    """Insert ``rows``. Where ``client`` has a cluster, a majority of its replicas has them on return.

    Such inserts into a table come one after the other, whoever makes them. One that meets another is refused at once,
    with nothing stored, so it is tried again here; not if it goes to several shards, of which some may have stored
    their rows. Raises what the driver raises.
    """
    chosen = {**(settings or {}), **(LEAST_QUORUM if getattr(client, "cluster", "") else {})}
    spread = bool(getattr(client, "shards", "")) and query.split()[2] in SHARDED
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            client.execute(query, rows, columnar=columnar, settings=chosen)
            return
        except ServerException as error:
            if error.code != PREVIOUS_QUORUM_NOT_MET or spread or time.monotonic() > until:
                raise
            time.sleep(random.uniform(0.02, 0.1))
