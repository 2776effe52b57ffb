"""Claims: which worker may send a message, so that two workers do not send it twice."""

from __future__ import annotations

import time

from clickhouse_driver import Client

CLAIM_SEEN_S = 0.3
"""After so long a claim is visible to all: inserts of a row take some milliseconds."""


def claim(client: Client, message: str, worker: str, lease_s: float) -> bool:
    """Whether ``worker`` may send ``message``: no other one claimed it in the last ``lease_s`` seconds."""
    parameters = {"message": message, "worker": worker, "lease": lease_s}
    held = "message = %(message)s AND at > now64(6) - toIntervalMillisecond(toUInt32(%(lease)s * 1000))"
    others = client.execute(f"SELECT count() FROM alert_claims WHERE {held} AND worker != %(worker)s", parameters)
    if others[0][0]:
        return False
    renew_claim(client, message, worker)
    # Two that found nobody at the same moment both stand here soon: the earlier one has it. A claim gets its time
    # before others can see it, so who looked at once might not see an earlier one.
    time.sleep(CLAIM_SEEN_S)
    first = client.execute(f"SELECT worker FROM alert_claims WHERE {held} ORDER BY at, worker LIMIT 1", parameters)
    return bool(first) and first[0][0] == worker


def renew_claim(client: Client, message: str, worker: str) -> None:
    """``worker``, which has the claim, keeps it for another lease."""
    client.execute("INSERT INTO alert_claims (message, worker) VALUES", [(message, worker)])
