-- All records of a partition before the offset `end` belong to the leader epoch `epoch` or to earlier ones, as the broker said
-- when a worker last asked. If the log was cut off since then, the epoch ends before. An epoch of -1: nothing is known.
CREATE TABLE partition_epochs
(
    topic LowCardinality(String),
    topic_id LowCardinality(String),
    partition Int32,
    epoch Int32,
    end Int64,
    at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (topic, topic_id, partition);
