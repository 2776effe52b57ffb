"""Whether workers end and start again and again, why, since when, and what it is about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from clickhouse_driver import Client

from errors import ExitCode
from storage.reads.workers import live_workers
from storage.writes.worker_ends import WorkerEnd

AGAIN = 3
"""So many ends in a row are trouble."""

IN_A_ROW = timedelta(minutes=15)
"""Ends belong to one row if no more time than this is between two of them. After as long a time without an end, the
trouble counts as over."""


class Restarts(NamedTuple):
    """Ends of workers in a row, and the latest of them."""

    times: int
    since: datetime
    latest: WorkerEnd

    def __str__(self) -> str:
        end = self.latest
        since = f"{self.since:%Y-%m-%d %H:%M:%S} UTC"
        times = "once" if self.times == 1 else f"{self.times} times since {since}, the latest"
        about = f" ({end.subject})" if end.subject and end.subject not in end.reason else ""
        code = f", exit code {end.exit_code}" if end.exit_code >= 0 else ""
        return f"workers ended {times} at {end.ended_at:%H:%M:%S} UTC{code}: {end.reason}{about}"


def worker_ends(client: Client, moment: datetime | None = None) -> list[WorkerEnd]:
    """The ends of the last 24 hours, or of those before ``moment``, the latest one last."""
    now = "toDateTime64(%(moment)s, 0, 'UTC')" if moment else "now64(3)"
    rows = client.execute(
        f"""
        SELECT worker, started_at, ended_at, exit_code, reason, subject FROM worker_ends FINAL
        WHERE ended_at > {now} - INTERVAL 1 DAY
        ORDER BY ended_at
        """,
        {"moment": moment},
    )
    ends = [WorkerEnd(*row) for row in rows]
    return [end for end in ends if moment is None or end.ended_at <= moment]


def in_a_row(ends: Iterable[WorkerEnd]) -> Restarts | None:
    """The latest of ``ends`` that belong together; None if there are none."""
    row: list[WorkerEnd] = []
    for end in sorted(ends, key=lambda end: end.ended_at, reverse=True):
        if row and row[-1].ended_at - end.ended_at > IN_A_ROW:
            break
        row.append(end)
    return Restarts(len(row), row[-1].ended_at, row[0]) if row else None


def trouble(ends: Iterable[WorkerEnd], alive: bool, moment: datetime | None = None) -> Restarts | None:
    """What is wrong with the workers, now or at ``moment``, by their ``ends`` until then: they end again and again, or
    the latest one ended for a reason that only a person can remove, and none is alive."""
    found = in_a_row(ends)
    if found is None:
        return None
    again = found.times >= AGAIN and (moment or datetime.now(UTC)) - found.latest.ended_at < IN_A_ROW
    refused = found.latest.exit_code == ExitCode.CONFIG and not alive
    return found if again or refused else None


def restarts(client: Client, moment: datetime | None = None) -> Restarts | None:
    """What is wrong with the workers that ClickHouse knows of, or None. Which ones were alive at a ``moment`` is not
    kept: then, only those count that ended again and again."""
    return trouble(worker_ends(client, moment), moment is not None or bool(live_workers(client)), moment)
