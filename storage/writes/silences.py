"""Silences: spans in which receivers are sent nothing."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from clickhouse_driver import Client


def add_silence(
    client: Client, entity: str, kind: str, starts_at: datetime, ends_at: datetime, by: str, note: str = ""
) -> str:
    """Send receivers nothing about ``entity`` ('' for any) of ``kind`` ('' for any). Returns the silence's id."""
    identity = uuid.uuid4().hex[:16]
    row = (identity, entity, kind, starts_at, ends_at, by, note, datetime.now(UTC))
    client.execute("INSERT INTO silences (silence_id, entity, kind, starts_at, ends_at, by, note, at) VALUES", [row])
    return identity
