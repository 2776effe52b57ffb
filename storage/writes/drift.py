"""The results of drift checks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from clickhouse_driver import Client


class DriftRow(NamedTuple):
    """What a look found of one measure in one group: a row of ``drift``, in its columns' order."""

    at: datetime
    kind: str
    source: str
    measure: str
    model_version: str
    reference_since: datetime
    reference_until: datetime
    reference_documents: int
    current_documents: int
    reference_mean: float
    current_mean: float
    effect: float
    alarm: str
    began_at: datetime


def write_drift(client: Client, rows: Sequence[DriftRow]) -> None:
    """Append what a look found."""
    if rows:
        client.execute(f"INSERT INTO drift ({', '.join(DriftRow._fields)}) VALUES", rows)
