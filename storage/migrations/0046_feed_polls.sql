-- How the public sources are doing that `finsent feeds run` reads: a row after each poll, of which the latest counts.
CREATE TABLE feed_polls
(
    feed LowCardinality(String),
    kind LowCardinality(String),
    polled_at DateTime64(3, 'UTC'),
    last_item_at Nullable(DateTime64(3, 'UTC')),
    next_poll_at Nullable(DateTime64(3, 'UTC')),
    sent UInt64,
    errors UInt32,
    error String
)
ENGINE = ReplacingMergeTree(polled_at)
ORDER BY feed
TTL toDateTime(polled_at) + INTERVAL 30 DAY;

CREATE VIEW sources_read AS
SELECT feed, kind, polled_at, last_item_at, next_poll_at, sent, errors, error
FROM feed_polls FINAL
ORDER BY feed;
