"""Arguments and options that several commands have."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Data directory; default FINSENT_DATA or ~/.local/share.")
]


def parse_time(text: str) -> datetime:
    if text == "now":
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no time; one is '2024-01-31T12:00:00Z', or 'now'") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def parse_day(text: str) -> date:
    if text == "today":
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day; one is '2024-01-31', or 'today'") from error


def parse_speed(text: str) -> float | None:
    """``max`` -> None, ``60x`` or ``60`` -> 60.0 (event seconds per wall second)."""
    if text == "max":
        return None
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise typer.BadParameter(f"{text!r} is neither 'max' nor a factor such as '60x'")
    return speed


def parse_pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """``["a=b"]`` -> ``{"a": "b"}``."""
    pairs = {}
    for one in given or []:
        name, sign, value = one.partition("=")
        if not (sign and name.strip()):
            raise typer.BadParameter(f"{one!r} has no '='", param_hint=option)
        pairs[name.strip()] = value.strip()
    return pairs
