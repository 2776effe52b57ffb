"""The charts of the market's page that stand on the same indices: for all that are asked for at about the same time,
ClickHouse makes the indices once. Each answers what its own SELECT in ``console.sql`` would; a test asks both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from console import sql

Columns = tuple[str, ...]
Answer = tuple[list[str], list[tuple[Any, ...]]]
Ask = Callable[[str], Answer]
"""Puts a SELECT to ClickHouse, or takes the answer that somebody has just got."""

INDEX: Columns = ("sentiment", "dispersion", "documents", "buzz", "latest_at")
COMPANY, GROUPS = "entity", ("desk", "sector", "market")


def market(ask: Ask) -> Answer:
    """``sql.MARKET``: the companies of the watch list."""
    rows = [row for row in _indices(ask) if row["scope"] == COMPANY and row["listed"]]
    rows.sort(key=lambda row: (row["sector"], row["entity"]))
    return _answer(("entity", "name", "desk", "sector", *INDEX), rows)


def sectors(ask: Ask) -> Answer:
    """``sql.SECTORS``: the sectors, and the whole market."""
    rows = [row | {"name": row["entity"]} for row in _indices(ask) if row["scope"] in ("market", "sector")]
    rows.sort(key=lambda row: (row["scope"], row["name"]))
    return _answer(("scope", "name", *INDEX), rows)


def others(ask: Ask) -> Answer:
    """``sql.OTHERS``: currencies, commodities, indices, countries, central banks and people."""
    rows = [row | {"entity_type": row["scope"]} for row in _indices(ask) if row["scope"] not in (COMPANY, *GROUPS)]
    rows.sort(key=lambda row: (row["entity_type"], -row["documents"], row["entity"]))
    return _answer(("entity_type", "entity", "name", "desk", *INDEX), rows)


def exposure(ask: Ask) -> Answer:
    """``sql.EXPOSURE``: what the desks hold most of, with its indices."""
    columns, held = ask(sql.HELD)
    told = {row["entity"]: row for row in _indices(ask) if row["scope"] == COMPANY}
    rows = []
    for values in held:
        row = dict(zip(columns, values, strict=True))
        index = told.get(row["entity"], {"sentiment": 0.0, "documents": 0, "buzz": 0.0})
        rows.append(
            row | {name: index[name] for name in ("sentiment", "documents", "buzz")} | {"told": int("scope" in index)}
        )
    return _answer((*columns, "sentiment", "documents", "buzz", "told"), rows)


def _indices(ask: Ask) -> list[dict[str, Any]]:
    columns, rows = ask(sql.INDICES)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _answer(columns: Columns, rows: list[dict[str, Any]]) -> Answer:
    return list(columns), [tuple(row[name] for name in columns) for row in rows]
