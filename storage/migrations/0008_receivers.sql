-- Which worker sends a message to a receiver: of workers that overlap, only one.
CREATE TABLE alert_claims
(
    message String,
    worker String,
    at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = MergeTree
ORDER BY (message, at)
TTL toDateTime(at) + INTERVAL 1 DAY;

ALTER TABLE alert_deliveries
    MODIFY COLUMN outcome Enum8('sent' = 1, 'dead' = 2, 'held' = 3, 'again' = 4);
