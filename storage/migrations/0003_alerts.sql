-- One row for each transition of an alert; the id is made of what the alert is about, so a second evaluator
-- writes the same row and not another one.
CREATE TABLE alerts
(
    id String,
    kind LowCardinality(String),
    entity LowCardinality(String),
    direction LowCardinality(String),
    severity LowCardinality(String),
    state LowCardinality(String),
    fired_at DateTime64(3, 'UTC'),
    at DateTime64(3, 'UTC'),
    recorded_at DateTime64(3, 'UTC'),
    before_mean Float64,
    after_mean Float64,
    before_documents UInt32,
    after_documents UInt32,
    began_at DateTime64(3, 'UTC'),
    model_version LowCardinality(String),
    evidence String CODEC(ZSTD(3)),
    version UInt64 MATERIALIZED 18446744073709551615 - toUInt64(toUnixTimestamp64Milli(recorded_at))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (id, state);

CREATE TABLE entities
(
    ticker String,
    name String,
    desk LowCardinality(String),
    sector LowCardinality(String),
    loaded_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY ticker;

-- What a person did with a bad record; the record itself stays in the log.
CREATE TABLE dead_letter_actions
(
    topic LowCardinality(String),
    topic_id LowCardinality(String),
    partition Int32,
    offset Int64,
    action Enum8('replayed' = 1, 'dropped' = 2),
    at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (topic, topic_id, partition, offset);
