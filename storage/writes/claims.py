"""Claims: which worker may send a message, so that two workers do not send it twice."""

from __future__ import annotations

import time

from clickhouse_driver import Client

from storage.cluster import SEQUENTIAL
from storage.insert import insert_alone

CLAIM_VISIBLE_S = 0.3
"""After this time all workers see a claim: an insert of one row takes some milliseconds."""


def claim(client: Client, message: str, worker: str, lease_s: float) -> bool:
    """Claim ``message`` for ``worker``; whether it may send it. It may not if another worker claimed it in the last
    ``lease_s`` seconds."""
    parameters = {"message": message, "worker": worker, "lease": lease_s}
    held = "message = %(message)s AND at > now64(6) - toIntervalMillisecond(toUInt32(%(lease)s * 1000))"
    asked = f"SELECT count() FROM alert_claims WHERE {held} AND worker != %(worker)s"
    others = client.execute(asked, parameters, settings=SEQUENTIAL)
    if others[0][0]:
        return False
    renew_claim(client, message, worker)
    # Two workers may both get here: the one with the earlier claim has it. A claim's time is taken before others can
    # see its row, so without this pause a worker might not see an earlier claim than its own.
    time.sleep(CLAIM_VISIBLE_S)
    asked = f"SELECT worker FROM alert_claims WHERE {held} ORDER BY at, worker LIMIT 1"
    first = client.execute(asked, parameters, settings=SEQUENTIAL)
    return bool(first) and first[0][0] == worker


def renew_claim(client: Client, message: str, worker: str) -> None:
    """Keep the claim of ``worker`` on ``message`` for another lease."""
    insert_alone(client, "INSERT INTO alert_claims (message, worker) VALUES", [(message, worker)])
