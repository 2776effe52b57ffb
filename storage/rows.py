"""Rows of a query as dictionaries, for what goes straight to JSON or to a table."""

from __future__ import annotations

from typing import Any

from clickhouse_driver import Client

Row = dict[str, Any]


def select(client: Client, sql: str, parameters: Row | None = None, **how: Any) -> list[Row]:
    """The rows of ``sql`` as dictionaries. ``how`` is what else ``Client.execute`` takes."""
    rows, columns = client.execute(sql, parameters or {}, with_column_types=True, **how)
    names = [name for name, _ in columns]
    return [dict(zip(names, row, strict=True)) for row in rows]
