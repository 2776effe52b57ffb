"""What desks hold: positions now or at a moment, and what is recorded of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from clickhouse_driver import Client

from storage.rows import Row, select

HoldingKey = tuple[str, str, datetime]
"""Desk, ticker, and as of when."""


def holdings(client: Client, moment: datetime | None = None) -> list[Row]:
    """What each desk holds of each company (at ``moment``, or now): desk, ticker, exposure, currency, quantity, at. The
    largest positions first."""
    view = "positions" if moment is None else "positions_as_of(moment = %(moment)s)"
    # A view's parameter is a text in UTC; the driver would write the time in the server's zone.
    then = moment.astimezone(UTC).isoformat(" ", "milliseconds")[:23] if moment else ""
    return select(client, f"SELECT * FROM {view} ORDER BY abs(exposure) DESC, desk, ticker", {"moment": then})


def holdings_by_company(client: Client, moment: datetime | None = None) -> dict[str, list[Row]]:
    """The same by ticker."""
    found: dict[str, list[Row]] = {}
    for row in holdings(client, moment):
        found.setdefault(row["ticker"], []).append(row)
    return found


def exposures(client: Client) -> dict[str, dict[str, float]]:
    """How much each desk holds of each company now, by ticker and desk."""
    return {
        ticker: {row["desk"]: row["exposure"] for row in rows} for ticker, rows in holdings_by_company(client).items()
    }


def recorded_holdings(client: Client, desks: Sequence[str]) -> dict[HoldingKey, tuple[float, str, float | None]]:
    """Exposure, currency and quantity of all positions that are recorded of ``desks``."""
    rows = client.execute(
        """
        SELECT desk, ticker, at, argMax(p.exposure, p.recorded_at), toString(argMax(p.currency, p.recorded_at)),
            argMax(tuple(p.quantity), p.recorded_at).1
        FROM position_log AS p WHERE desk IN %(desks)s GROUP BY desk, ticker, at
        """,
        {"desks": [*desks, ""]},
    )
    return {
        (desk, ticker, at): (exposure, currency, quantity) for desk, ticker, at, exposure, currency, quantity in rows
    }
