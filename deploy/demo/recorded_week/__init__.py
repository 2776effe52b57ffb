"""A week of news and comments, 15 to 21 June 2020, as the demo replays it.

What happened is public record, with its true dates and figures. Every sentence was written for this project; the
outlets and authors are invented.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.demo.recorded_week.composer import write
from deploy.demo.recorded_week.week import MONDAY, SEED, Week

if TYPE_CHECKING:
    from clickhouse_driver import Client

__all__ = ["MONDAY", "SEED", "Week", "store_week", "write"]


def store_week(connect: Callable[[], Client], registry: Path) -> None:
    """Store the week as a service that ran through it would have; see ``store``, which loads all of finsent."""
    from deploy.demo.recorded_week.store import store

    store(connect, registry)
