"""Closes of shares and benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from clickhouse_driver import Client

from storage.rows import Row, select

Closes = dict[str, dict[date, float]]
"""The closes of each ticker, by day, in the order of the days."""

MOST_NAMED = 5000
"""With more tickers all are read: ClickHouse takes no query of more than 256 KiB."""


def closes(
    client: Client, first: date | None = None, last: date | None = None, tickers: Sequence[str] | None = None
) -> Closes:
    """The closes from ``first`` to ``last``, of ``tickers`` or of all."""
    wanted = None if tickers is None else set(tickers)
    every = wanted is None or len(wanted) > MOST_NAMED
    rows = client.execute_iter(
        """
        SELECT toString(ticker), date, close FROM prices
        WHERE (isNull(%(first)s) OR date >= %(first)s) AND (isNull(%(last)s) OR date <= %(last)s)
            AND (%(any)s OR ticker IN %(tickers)s)
        ORDER BY ticker, date
        """,
        {"first": first, "last": last, "any": every, "tickers": ["", *(() if every else wanted or ())]},
    )
    found: Closes = {}
    for ticker, day, close in rows:
        if wanted is None or ticker in wanted:
            found.setdefault(ticker, {})[day] = close
    return found


def priced(client: Client) -> list[Row]:
    """The tickers that have prices: ticker, days, first, last, close (the last one)."""
    return select(
        client,
        """
        SELECT toString(ticker) AS ticker, count() AS days, min(date) AS first, max(date) AS last,
            argMax(p.close, p.date) AS close
        FROM prices AS p GROUP BY ticker ORDER BY ticker
        """,
    )
