"""Silences: spans in which receivers are sent nothing."""

from __future__ import annotations

from datetime import datetime

from clickhouse_driver import Client

from storage.rows import Row, select


def silences_at(client: Client, at: datetime) -> list[Row]:
    """The silences in force at ``at``."""
    # The driver sends whole seconds; a silence begins at a millisecond of one.
    sql = "SELECT * FROM silences FINAL WHERE starts_at < toDateTime(%(at)s, 'UTC') + 1 AND ends_at > %(at)s"
    return select(client, sql, {"at": at})
