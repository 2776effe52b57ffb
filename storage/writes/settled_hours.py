"""What counts in an hour of publication, worked out once: the tables ``settled_counts`` (what counts, and its sums),
``settled_mentions`` (the same by company) and ``settled_repeats`` (what does not).

Views read an hour from them for as long as nothing else is stored of that hour and the day before; ``index_hours`` says
of which hours that is so. Nothing depends on these tables but how long the views take.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clickhouse_driver import Client

from storage.cluster import SEQUENTIAL

GRACE = timedelta(minutes=2)
"""An hour is settled so long after its end, when most of its documents have come."""

ALL_TIMES = datetime(1970, 1, 3, tzinfo=UTC)

KEPT = timedelta(days=62)
"""What counts is kept of so many days: no index, alert rule or chart of the console looks further back."""

AT_ONCE = timedelta(days=1)
"""So much is settled by one statement, to bound its memory."""

UNSETTLED = """
SELECT hour, rows, hashes
FROM index_hours(first = %(first)s, until = %(until)s, known = '2200-01-01 00:00:00')
WHERE NOT {}
ORDER BY hour
"""
# A group is what has the same hour, company, kind and topics. `left` is the share of a mention's weight that is left at
# the end of its hour; `back` leads from there to the moment when the group's latest was published.
SETTLE = """
INSERT INTO settled_counts
    (hour, rows, hashes, listed, entities, kinds, times, sentiments, negatives, weights, topics, sum_entities,
     sum_kinds, sum_topics, sum_latest, sum_numbers, sum_totals, sum_total_squares, sum_weights, sum_weighted,
     sum_weighted_squares, sum_weighted_negatives, sum_fresh, sum_fresh_weighted, sum_fresh_squares,
     sum_fresh_negatives)
SELECT
    toDateTime(stored.1, 'UTC') AS at, stored.2, stored.3, true,
    c.* EXCEPT hour
FROM (SELECT arrayJoin(%(stored)s) AS stored) AS s
LEFT JOIN
(
    SELECT
        hour, groupArrayArray(arrayWithConstant(number, entity)), groupArrayArray(arrayWithConstant(number, kind)),
        groupArrayArray(times), groupArrayArray(sentiments), groupArrayArray(negatives), groupArrayArray(weights),
        groupArrayArray(arrayWithConstant(number, names)), groupArray(entity), groupArray(kind), groupArray(names),
        groupArray(last), groupArray(number), groupArray(totals), groupArray(total_squares), groupArray(mass),
        groupArray(tones), groupArray(squares), groupArray(worse), groupArray(fresh * back),
        groupArray(fresh_tones * back), groupArray(fresh_squares * back), groupArray(fresh_worse * back)
    FROM
    (
        WITH
            toStartOfHour(published_at) AS hour, if(kind = 'news', 28800, 1800) AS half_life,
            exp2(dateDiff('millisecond', published_at, hour + INTERVAL 1 HOUR) / -1000 / half_life) AS left,
            toFloat64(sentiment) AS score, weight * sentiment AS weighted, weighted * sentiment AS weighted_squares,
            weight * p_negative AS weighted_negative
        SELECT
            hour, entity, kind, `topics.name` AS names, groupArray(published_at) AS times,
            groupArray(sentiment) AS sentiments, groupArray(p_negative) AS negatives, groupArray(weight) AS weights,
            max(published_at) AS last, count() AS number, sum(score) AS totals, sum(score * score) AS total_squares,
            sum(weight) AS mass, sum(weighted) AS tones, sum(weighted_squares) AS squares,
            sum(weighted_negative) AS worse, sum(weight * left) AS fresh, sum(weighted * left) AS fresh_tones,
            sum(weighted_squares * left) AS fresh_squares,
            sum(weighted_negative * left) AS fresh_worse,
            exp2(dateDiff('millisecond', last, hour + INTERVAL 1 HOUR) / 1000 / half_life) AS back
        FROM counted_rows(first = %(first)s, until = %(until)s, known = '2200-01-01 00:00:00')
        GROUP BY hour, entity, kind, names
    )
    GROUP BY hour
) AS c ON at = c.hour
"""
MENTIONS = """
INSERT INTO settled_mentions (entity, published_at, mention, hashes, kind, sentiment, p_negative, weight, topics)
SELECT
    entity, published_at, cityHash64(topic, topic_id, partition, offset, entity), stored.3, kind, sentiment, p_negative,
    weight, `topics.name`
FROM counted_rows(first = %(first)s, until = %(until)s, known = '2200-01-01 00:00:00') AS c
INNER JOIN (SELECT arrayJoin(%(stored)s) AS stored) AS s
    ON toStartOfHour(c.published_at) = toDateTime(stored.1, 'UTC')
WHERE entity != ''
"""
HOURS_OF_REPEATS = """
INSERT INTO settled_repeat_hours (hour, rows, hashes)
SELECT toDateTime(stored.1, 'UTC'), stored.2, stored.3 FROM (SELECT arrayJoin(%(stored)s) AS stored)
"""
REPEATS = """
INSERT INTO settled_repeats (hour, hashes, published_at, mention)
SELECT toDateTime(stored.1, 'UTC') AS at, stored.3, published_at, mention
FROM repeats_of_hours(first = %(first)s, until = %(until)s, known = '2200-01-01 00:00:00', weekly = 0, kept = 1) AS r
INNER JOIN (SELECT arrayJoin(%(stored)s) AS stored) AS s ON toStartOfHour(r.published_at) = at
"""


def settle_hours(client: Client, now: datetime) -> int:
    """Settle the latest hours that are not, a day of them, and the oldest ones, another day: where late documents keep
    coming, the latest ones would else take every turn. Repeats are settled of all of the history, what counts of the
    days that are ``KEPT``. Returns how many hours were settled, those of both twice."""
    # In this order: what counts is found out by the repeats.
    repeats = _settle(client, "repeats_settled", ALL_TIMES, now, (REPEATS, HOURS_OF_REPEATS))
    return repeats + _settle(client, "settled", now - KEPT, now, (MENTIONS, SETTLE))


def _settle(client: Client, column: str, first: datetime, now: datetime, statements: tuple[str, ...]) -> int:
    """Run ``statements`` for hours since ``first`` of which ``index_hours`` says in ``column`` that they are not
    settled. The last one adds the rows by which they are."""
    # What is stored is looked up first: if more comes meanwhile, it is not what the hour was settled by. A replica that
    # is behind must not answer what comes second, hence SEQUENTIAL.
    span = {"first": first, "until": now - GRACE - timedelta(hours=1)}
    rows = client.execute(UNSETTLED.format(column), span, settings=SEQUENTIAL)
    latest = [row for row in rows if row[0] > rows[-1][0] - AT_ONCE]
    older = rows[: len(rows) - len(latest)]
    oldest = [row for row in older if row[0] < older[0][0] + AT_ONCE]
    for found in filter(None, (latest, oldest)):
        span = {"first": found[0][0] - timedelta(seconds=1), "until": found[-1][0] + timedelta(hours=1)}
        stored = [(int(hour.replace(tzinfo=UTC).timestamp()), *sums) for hour, *sums in found]
        for statement in statements:
            client.execute(statement, {"stored": stored, **span}, settings=SEQUENTIAL)
    return len(latest) + len(oldest)
