-- What a worker had been told was stored, and was not there any more when it connected again: the server's host lost power,
-- an older copy was put back, or a replica that was behind took over. The worker went back to offset `first` and read again
-- what Kafka still had; `end` is the offset after the last one that had been stored.
CREATE TABLE ledger_setbacks
(
    topic LowCardinality(String),
    topic_id LowCardinality(String),
    partition Int32,
    first Int64,
    end Int64,
    worker String,
    at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (topic, topic_id, partition, at)
TTL toDateTime(at) + INTERVAL 90 DAY;
