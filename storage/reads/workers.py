"""Which workers are alive, and the model version that each one scores with."""

from __future__ import annotations

from datetime import datetime

from clickhouse_driver import Client

HEARTBEAT_S = 5.0
"""How often a worker reports its version."""

LIVE_S = 4 * HEARTBEAT_S
"""A worker that has not reported for this long counts as gone."""


def live_workers(client: Client, since: datetime | None = None) -> dict[str, str]:
    """Version by worker, of the workers that reported within ``LIVE_S`` and have neither stopped nor ended.

    With ``since``, the version is '' for workers that have not reported since then.
    """
    rows = client.execute(
        """
        SELECT worker, argMax(version, at), max(at) AS last, argMax(stopped, at) AS gone
        FROM worker_status
        WHERE worker NOT IN (SELECT worker FROM worker_ends)
        GROUP BY worker
        HAVING NOT gone AND last > now64(3) - toIntervalMillisecond(%(live)s)
        ORDER BY worker
        """,
        {"live": int(LIVE_S * 1000)},
    )
    return {worker: version if since is None or last >= since else "" for worker, version, last, _ in rows}


def refusals(client: Client, version: str, since: datetime) -> dict[str, str]:
    """Why a worker refused ``version`` as the champion, by worker: of those whose latest word on it, at ``since`` or
    later, is that."""
    rows = client.execute(
        """
        SELECT worker, argMax(event, at) AS latest, argMax(detail, at) FROM model_events
        WHERE version = %(version)s AND at >= %(since)s AND event IN ('adopted', 'refused')
            AND NOT startsWith(detail, 'in the shadow: ')
        GROUP BY worker HAVING latest = 'refused' ORDER BY worker
        """,
        {"version": version, "since": since},
    )
    return {worker: why for worker, _, why in rows}
