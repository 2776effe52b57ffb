"""Durations as people write them: ``90s``, ``30m``, ``12h``, ``7d``."""

from __future__ import annotations

from typing import Annotated

import msgspec

Duration = Annotated[str, msgspec.Meta(pattern=r"^\d+(s|m|h|d)$")]


def seconds(duration: str) -> int:
    """``90s``, ``30m``, ``12h`` or ``7d`` in seconds."""
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[duration[-1]]
