-- Live documents that a challenger scored too, beside what the champion gave them: for comparison alone. What people
-- read is not touched, so this is not rescored_log. `*_s` are both versions' seconds for a document, 0 where not timed.
CREATE TABLE shadow_log
(
    topic LowCardinality(String),
    topic_id LowCardinality(String),
    partition Int32,
    offset Int64,
    at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    worker LowCardinality(String),
    kind LowCardinality(String),
    source LowCardinality(String),
    document_id String CODEC(ZSTD(1)),
    champion LowCardinality(String),
    challenger LowCardinality(String),
    champion_label Enum8('negative' = 1, 'neutral' = 2, 'positive' = 3),
    challenger_label Enum8('negative' = 1, 'neutral' = 2, 'positive' = 3),
    champion_p Array(Float32),
    challenger_p Array(Float32),
    champion_s Float32,
    challenger_s Float32
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (challenger, topic, topic_id, partition, offset)
TTL toDateTime(at) + INTERVAL 90 DAY;

-- What each look at the traffic found: a row for each group of documents ('' is all sources of the kind) and measure.
-- `alarm` is '' where nothing drifts; while a drift lasts it stays the same, and so does the reference.
CREATE TABLE drift
(
    at DateTime64(3, 'UTC'),
    kind LowCardinality(String),
    source LowCardinality(String),
    measure LowCardinality(String),
    model_version LowCardinality(String),
    reference_since DateTime64(3, 'UTC'),
    reference_until DateTime64(3, 'UTC'),
    reference_documents UInt32,
    current_documents UInt32,
    reference_mean Float64,
    current_mean Float64,
    effect Float64,
    alarm String,
    began_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (at, kind, source, measure)
TTL toDateTime(at) + INTERVAL 180 DAY;
