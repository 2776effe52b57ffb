-- Which worker took a partition over, where the ledger stood then, and whether it gave the partition back in order. A worker
-- that took one and was not heard of again has died with it: see storage/owners.py.
CREATE TABLE partition_owners
(
    topic LowCardinality(String),
    topic_id LowCardinality(String),
    partition Int32,
    at DateTime64(6, 'UTC'),
    worker String,
    next_offset Int64,
    given_back Bool
)
ENGINE = MergeTree
ORDER BY (topic, topic_id, partition, at)
TTL toDateTime(at) + INTERVAL 7 DAY;
