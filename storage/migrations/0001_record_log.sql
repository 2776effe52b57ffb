-- Every Kafka record once, good or bad, in ONE table: a batch is then one atomic block, and the last stored
-- offset of a partition is one maximum. The version makes the EARLIEST row of a position win.
CREATE TABLE record_log
(
    topic LowCardinality(String),
    topic_id LowCardinality(String),
    partition Int32,
    offset Int64,
    ingested_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    kind LowCardinality(String),
    document_id String CODEC(ZSTD(1)),
    source LowCardinality(String),
    title String CODEC(ZSTD(3)),
    text String CODEC(ZSTD(3)),
    url String CODEC(ZSTD(3)),
    author String CODEC(ZSTD(1)),
    in_reply_to String CODEC(ZSTD(1)),
    lang LowCardinality(String),
    published_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    scored_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    label Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3),
    p_negative Float32,
    p_neutral Float32,
    p_positive Float32,
    sentiment Float32,
    model_version LowCardinality(String),
    tokens UInt16,
    embedding String CODEC(NONE),
    story_id UInt64 CODEC(NONE),
    `mentions.entity` Array(LowCardinality(String)),
    `mentions.surface` Array(String),
    `mentions.via` Array(LowCardinality(String)),
    `mentions.label` Array(Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3)),
    `mentions.p_negative` Array(Float32),
    `mentions.p_neutral` Array(Float32),
    `mentions.p_positive` Array(Float32),
    `mentions.sentiment` Array(Float32),
    error_kind LowCardinality(String),
    error_field String,
    error String CODEC(ZSTD(3)),
    raw String CODEC(ZSTD(3)),
    version UInt64 MATERIALIZED 18446744073709551615 - toUInt64(toUnixTimestamp64Milli(ingested_at)),
    INDEX published_range published_at TYPE minmax GRANULARITY 1,
    INDEX mentioned mentions.entity TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX identified document_id TYPE bloom_filter(0.01) GRANULARITY 1,
    PROJECTION ledger
    (
        SELECT topic, topic_id, partition, min(offset), max(offset), count(), countIf(error_kind != '')
        GROUP BY topic, topic_id, partition
    )
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(ingested_at)
ORDER BY (topic, topic_id, partition, offset)
SETTINGS deduplicate_merge_projection_mode = 'rebuild';
