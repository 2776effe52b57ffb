-- Every record of the topic labels once, good or bad, by the same rules as record_log.
CREATE TABLE label_log
(
    topic LowCardinality(String),
    topic_id LowCardinality(String),
    partition Int32,
    offset Int64,
    ingested_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    document_id String CODEC(ZSTD(1)),
    text String CODEC(ZSTD(3)),
    entity LowCardinality(String),
    label Enum8('unscored' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3),
    annotator LowCardinality(String),
    labelled_at DateTime64(3, 'UTC'),
    error_kind LowCardinality(String),
    error_field String,
    error String CODEC(ZSTD(3)),
    raw String CODEC(ZSTD(3)),
    version UInt64 MATERIALIZED 18446744073709551615 - toUInt64(toUnixTimestamp64Milli(ingested_at)),
    PROJECTION ledger
    (
        SELECT topic, topic_id, partition, min(offset), max(offset), count(), countIf(error_kind != '')
        GROUP BY topic, topic_id, partition
    )
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (topic, topic_id, partition, offset)
SETTINGS deduplicate_merge_projection_mode = 'rebuild';

-- What holds now: an annotator's latest judgement of an item; the earlier ones stay in label_log.
CREATE VIEW labels AS
SELECT topic, topic_id, partition, offset, ingested_at, document_id, text, entity, label, annotator, labelled_at
FROM
(
    SELECT * FROM label_log FINAL
    WHERE error_kind = ''
    ORDER BY labelled_at DESC, ingested_at DESC, offset DESC
    LIMIT 1 BY document_id, text, entity, annotator
);

CREATE OR REPLACE VIEW dead_letters AS
SELECT topic, topic_id, partition, offset, ingested_at, kind, error_kind, error_field, error, raw
FROM record_log FINAL
WHERE error_kind != ''
UNION ALL
SELECT topic, topic_id, partition, offset, ingested_at, 'label' AS kind, error_kind, error_field, error, raw
FROM label_log FINAL
WHERE error_kind != '';

-- Every version that was judged, with the numbers it was judged by: `gate.*` run in parallel, one item a rule.
CREATE TABLE models
(
    version String,
    parent String,
    judged_at DateTime64(3, 'UTC'),
    passed Bool,
    reason String,
    labels UInt32,
    `gate.rule` Array(LowCardinality(String)),
    `gate.champion` Array(Float64),
    `gate.challenger` Array(Float64),
    `gate.difference` Array(Float64),
    `gate.low` Array(Float64),
    `gate.high` Array(Float64),
    `gate.p_value` Array(Nullable(Float64)),
    `gate.passed` Array(Bool),
    facts String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(judged_at)
ORDER BY version;

CREATE TABLE model_events
(
    at DateTime64(3, 'UTC'),
    event LowCardinality(String),
    version String,
    previous String,
    worker String,
    pause_s Float64,
    detail String
)
ENGINE = MergeTree
ORDER BY at;

-- What each worker scores with, told every few seconds: who has not been heard of for long is no more.
CREATE TABLE worker_status
(
    worker String,
    at DateTime64(3, 'UTC'),
    version String,
    stopped Bool
)
ENGINE = ReplacingMergeTree(at)
ORDER BY worker
TTL toDateTime(at) + INTERVAL 1 DAY;

-- One row when a training run starts and one when it ends; `labels_until` is the ingested_at of the last label used.
CREATE TABLE retrain_runs
(
    id String,
    at DateTime64(3, 'UTC'),
    started_at DateTime64(3, 'UTC'),
    cause LowCardinality(String),
    state LowCardinality(String),
    champion String,
    challenger String,
    labels UInt32,
    labels_until DateTime64(3, 'UTC'),
    detail String
)
ENGINE = ReplacingMergeTree(at)
ORDER BY id;
