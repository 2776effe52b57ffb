"""The moment that a page is to show: the parameter ``as_of`` of the routes that can show the past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, HTTPException, Query

EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
"""ClickHouse's times begin a year earlier, and the pages look some weeks back."""

AHEAD = timedelta(days=1)
"""A clock may be wrong by so much."""


def moment_of(
    as_of: Annotated[
        str,
        Query(max_length=64, description="The moment to show, as RFC 3339; default: now, or the newest document's"),
    ] = "",
) -> datetime | None:
    """The moment in UTC; None for the present. A time without a zone is UTC. Answers 422 to what is no such time."""
    if not as_of:
        return None
    given = f"as_of: {as_of[:40]!r}"
    try:
        found = datetime.fromisoformat(as_of)
        moment = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise HTTPException(422, f"{given} is no time; one is 2024-01-31T12:00:00Z") from error
    if moment > datetime.now(UTC) + AHEAD:
        raise HTTPException(422, f"{given} is in the future")
    if moment < EARLIEST:
        raise HTTPException(422, f"{given} is too long ago; the earliest is {EARLIEST:%Y-%m-%d}")
    return moment


AsOf = Annotated[datetime | None, Depends(moment_of)]
