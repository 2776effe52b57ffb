"""How workers ended that nobody had stopped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from clickhouse_driver import Client


class WorkerEnd(NamedTuple):
    """The end of a worker. ``subject`` is the record or partition that it is about, '' if it is about none."""

    worker: str
    started_at: datetime
    ended_at: datetime
    exit_code: int
    """-1 where the process left no word: it was killed, or the machine went."""
    reason: str
    subject: str


def write_worker_ends(client: Client, ends: Sequence[WorkerEnd]) -> None:
    """Record ``ends``. One that is recorded twice counts once."""
    columns = ", ".join(WorkerEnd._fields)
    client.execute(f"INSERT INTO worker_ends ({columns}) VALUES", [tuple(one) for one in ends])
