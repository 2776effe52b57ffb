-- Offsets that Kafka lost, or took away before a worker had read them. `first` is the first of them, `end` the one after
-- the last. `reason`: expired (retention or DeleteRecords was faster), truncated (the log ends before what was stored of
-- it) or topic_made_again (what the topic before had left; `end` is the last one that a worker knew).
CREATE TABLE lost_ranges
(
    topic LowCardinality(String),
    topic_id LowCardinality(String),
    partition Int32,
    first Int64,
    end Int64,
    reason LowCardinality(String),
    at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (topic, topic_id, partition, reason, first);

-- The offset that the next record of a partition was to get, when a worker last asked the broker.
CREATE TABLE partition_ends
(
    topic LowCardinality(String),
    topic_id LowCardinality(String),
    partition Int32,
    end Int64,
    at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (topic, topic_id, partition);

-- How a worker ended, unless somebody stopped it. `subject` is the record or partition that it is about, if it is about
-- one.
CREATE TABLE worker_ends
(
    worker String,
    started_at DateTime64(3, 'UTC'),
    ended_at DateTime64(3, 'UTC'),
    exit_code Int32,
    reason String,
    subject String
)
ENGINE = ReplacingMergeTree
ORDER BY (worker, started_at)
TTL toDateTime(ended_at) + INTERVAL 30 DAY;
