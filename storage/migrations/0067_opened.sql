-- What people opened on the console, by which their own page "For you" is ordered. No view shows it.
CREATE TABLE opened_log
(
    user String,
    document_id String,
    entity LowCardinality(String),
    at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (user, at)
TTL toDateTime(at) + INTERVAL 90 DAY;
