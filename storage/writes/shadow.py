"""Documents that a challenger scored beside the champion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from clickhouse_driver import Client


class ShadowRow(NamedTuple):
    """A document that both versions scored: a row of ``shadow_log``, in the order of its columns.

    ``storage/dictionary.yaml`` says what each means (view ``shadow_scores``)."""

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


def write_shadow_rows(client: Client, rows: Sequence[ShadowRow]) -> None:
    """Store ``rows``. A document that is stored again counts once."""
    client.execute(f"INSERT INTO shadow_log ({', '.join(f'`{name}`' for name in ShadowRow._fields)}) VALUES", rows)
