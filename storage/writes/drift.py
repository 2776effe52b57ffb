"""The results of drift checks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from clickhouse_driver import Client


class DriftRow(NamedTuple):
    """The result for one measure in one group of documents: a row of ``drift``, in the order of its columns.

    ``storage/dictionary.yaml`` says what each means (view ``drifts``)."""

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
    """Append the results of a drift check."""
    if rows:
        client.execute(f"INSERT INTO drift ({', '.join(DriftRow._fields)}) VALUES", rows)
