"""What counts in an hour of publication, worked out once: the table ``settled_hours``.

The view ``counted_scores`` reads an hour from it for as long as nothing else is stored of that hour and the day before;
``index_hours`` says of which hours that is so. Nothing depends on the table but how long the indices take.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clickhouse_driver import Client

from storage.cluster import SEQUENTIAL

GRACE = timedelta(minutes=2)
"""An hour is settled so long after its end, when most of its documents have come."""

KEPT = timedelta(days=46)
"""How old an hour may be: no index and no alert rule looks further back."""

AT_ONCE = timedelta(days=1)
"""So much is settled by one statement, to bound its memory."""

UNSETTLED = """
SELECT hour, rows, hashes, toUnixTimestamp64Milli(latest)
FROM index_hours(first = %(first)s, until = %(until)s, known = '2200-01-01 00:00:00')
WHERE NOT settled
ORDER BY hour
"""
SETTLE = """
INSERT INTO settled_hours
    (hour, rows, hashes, latest, entities, kinds, times, sentiments, negatives, weights, topics)
SELECT
    toDateTime(stored.1, 'UTC') AS at, stored.2, stored.3, fromUnixTimestamp64Milli(toInt64(stored.4), 'UTC'),
    entities, kinds, times, sentiments, negatives, weights, topics
FROM (SELECT arrayJoin(%(stored)s) AS stored) AS s
LEFT JOIN
(
    SELECT
        toStartOfHour(published_at) AS hour, groupArray(entity) AS entities, groupArray(kind) AS kinds,
        groupArray(published_at) AS times, groupArray(sentiment) AS sentiments, groupArray(p_negative) AS negatives,
        groupArray(weight) AS weights, groupArray(`topics.name`) AS topics
    FROM counted_scores(first = %(first)s, until = %(until)s, known = '2200-01-01 00:00:00', weekly = 0)
    GROUP BY hour
) AS c ON at = c.hour
"""


def settle_hours(client: Client, now: datetime) -> int:
    """Settle the latest hours that are not, a day of them, and the oldest ones, another day: where late documents keep
    coming, the latest ones would else take every turn. Returns how many."""
    first, until = now - KEPT, now - GRACE - timedelta(hours=1)
    # What is stored is looked up first: if more comes meanwhile, it is not what the hour was settled by. A replica that
    # is behind must not answer what comes second, hence SEQUENTIAL.
    rows = client.execute(UNSETTLED, {"first": first, "until": until}, settings=SEQUENTIAL)
    latest = [row for row in rows if row[0] > rows[-1][0] - AT_ONCE]
    older = rows[: len(rows) - len(latest)]
    oldest = [row for row in older if row[0] < older[0][0] + AT_ONCE]
    for found in filter(None, (latest, oldest)):
        span = {"first": found[0][0] - timedelta(seconds=1), "until": found[-1][0] + timedelta(hours=1)}
        stored = [(int(hour.replace(tzinfo=UTC).timestamp()), *sums) for hour, *sums in found]
        client.execute(SETTLE, {"stored": stored, **span}, settings=SEQUENTIAL)
    return len(latest) + len(oldest)
